#include <stdio.h>

#include "model/net/engine.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/quote.h"

struct listing {
    bool json;
};

static const struct rp_option options[] = {
    {"json", NULL, "print a JSON array", RP_OPTION_FLAG,
     offsetof(struct listing, json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "engines",
    .about = "Lists where the arithmetic can run on this machine, and what is "
             "missing where\nit cannot.",
    .options = options,
};

int rp_cmd_engines(int argc, char **argv)
{
    struct listing listing = {0};
    int exit_code = rp_cli_parse(&cli, argc, argv, &listing, NULL);
    const struct rp_engine_entry *entry;
    uint32_t count;

    if (exit_code >= 0) {
        return exit_code;
    }
    entry = rp_engines(&count);
    for (uint32_t i = 0; i < count; i++) {
        char text[512] = "";
        bool here = rp_engine_probe(&entry[i], text, sizeof(text));

        if (listing.json) {
            printf("%s\n  {\"name\": \"%s\", \"available\": %s, \"detail\": ",
                   i ? "," : "[", entry[i].name, here ? "true" : "false");
            rp_quote_print(stdout, text);
            printf("}");
        } else {
            printf("%-6s %-4s %s\n", entry[i].name, here ? "yes" : "no",
                   text);
        }
    }
    if (listing.json) {
        printf("\n]\n");
    }
    return RP_EXIT_OK;
}
