#include <stdio.h>
#include <unistd.h>

#include "model/preset.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/quote.h"

struct listing {
    bool json;
    uint32_t count;
};

static const struct rp_option options[] = {
    {"json", NULL, "print a JSON array", RP_OPTION_FLAG,
     offsetof(struct listing, json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "presets",
    .about = "Lists the presets that can be found: in $RIPOSTE_PRESETS, in "
             "the user's data\nfolder, in the source tree, and where riposte "
             "was installed. presets/README.md\nsays what may stand in one.",
    .options = options,
};

static void print_text(const struct rp_preset *preset)
{
    printf("%-12s %s\n", preset->name, preset->about);
    printf("%-12s   %s\n", "", preset->path);
    if (access(preset->model, R_OK)) {
        printf("%-12s   its model is missing: %s\n", "", preset->model);
    }
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (preset->set & 1u << i) {
            char value[64];

            rp_setting_show(i, &preset->knobs, value, sizeof(value));
            printf("%-12s   %s = %s\n", "", rp_settings[i].key, value);
        }
    }
}

static void print_pair(const char *key, const char *value)
{
    rp_quote_print(stdout, key);
    printf(": ");
    rp_quote_print(stdout, value);
}

static void print_json(const struct rp_preset *preset, bool first)
{
    printf("%s\n  {", first ? "" : ",");
    print_pair("name", preset->name);
    printf(", ");
    print_pair("about", preset->about);
    printf(", ");
    print_pair("path", preset->path);
    printf(", ");
    print_pair("model", preset->model);
    printf(", \"model_found\": %s, \"settings\": {",
           access(preset->model, R_OK) ? "false" : "true");
    for (int i = 0, any = 0; i < RP_SETTINGS; i++) {
        if (preset->set & 1u << i) {
            char value[64];

            rp_setting_print(i, &preset->knobs, value, sizeof(value));
            printf("%s", any++ ? ", " : "");
            print_pair(rp_settings[i].key, value);
        }
    }
    printf("}}");
}

static void each(void *self, const struct rp_preset *preset)
{
    struct listing *listing = self;

    if (listing->json) {
        print_json(preset, listing->count == 0);
    } else {
        print_text(preset);
    }
    listing->count++;
}

int rp_cmd_presets(int argc, char **argv)
{
    struct listing listing = {0};
    int exit_code = rp_cli_parse(&cli, argc, argv, &listing, NULL);
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    if (listing.json) {
        printf("[");
    }
    status = rp_preset_list(each, &listing);
    if (listing.json) {
        printf("%s]\n", listing.count ? "\n" : "");
    } else if (!listing.count && status == RP_OK) {
        rp_log(RP_WARN, "presets", "there is none; set RIPOSTE_PRESETS to a "
                                   "folder with NAME.ini files");
    }
    return rp_exit_code(status);
}
