#include <stdio.h>
#include <string.h>

#include "rt/log.h"
#include "rt/session.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/quote.h"

struct listing {
    bool json;
    const char *backend;
    uint32_t count;
    const char *group; /* backend and direction of the port before */
    bool input;
    uint32_t number; /* what --in and --out take: from 1 in each group */
};

static const struct rp_option options[] = {
    {"backend", "NAME", "auto, jack, alsa, rtmidi or null", RP_OPTION_WORD,
     offsetof(struct listing, backend), 0, 0, RP_BACKEND_NAMES},
    {"json", NULL, "print a JSON array", RP_OPTION_FLAG,
     offsetof(struct listing, json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "ports",
    .about = "Lists MIDI ports: `in` can be read from (play --in), `out` can "
             "be sent to (play\n--out). A part of the name is enough there, or "
             "its number.",
    .options = options,
};

static void each(void *self, const struct rp_port *port)
{
    struct listing *listing = self;

    if (!listing->group || strcmp(listing->group, port->backend) ||
        listing->input != port->input) {
        listing->group = port->backend;
        listing->input = port->input;
        listing->number = 0;
    }
    listing->number++;
    if (listing->json) {
        printf("%s\n  {\"backend\": \"%s\", \"direction\": \"%s\", "
               "\"number\": %u, \"name\": ",
               listing->count ? "," : "", port->backend,
               port->input ? "in" : "out", listing->number);
        rp_quote_print(stdout, port->name);
        printf("}");
    } else {
        printf("%-7s %-4s %2u  %s\n", port->backend, port->input ? "in" : "out",
               listing->number, port->name);
    }
    listing->count++;
}

int rp_cmd_ports(int argc, char **argv)
{
    struct listing listing = {.backend = "auto"};
    int exit_code = rp_cli_parse(&cli, argc, argv, &listing, NULL);
    rp_status status;

    if (exit_code >= 0) {
        return exit_code;
    }
    if (listing.json) {
        printf("[");
    }
    status = rp_session_ports(listing.backend, each, &listing);
    if (listing.json) {
        printf("%s]\n", listing.count ? "\n" : "");
    } else if (!listing.count && status == RP_OK) {
        rp_log(RP_INFO, "ports",
               "no MIDI ports: neither a JACK server nor the ALSA sequencer "
               "runs here, or nothing is connected to them");
    }
    return rp_exit_code(status);
}
