#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "model/net/checkpoint.h"
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

/* The weights of a preset, as far as one would look at them. */
struct weights {
    bool found, whole; /* there; and readable (else it was logged) */
    struct rp_shape shape;
    struct rp_card card;
    size_t size; /* parameters */
};

static void look(const char *path, struct weights *weights)
{
    struct rp_layout layout;
    float *params;

    *weights = (struct weights){.found = !access(path, R_OK)};
    if (weights->found &&
        rp_checkpoint_load(path, &weights->shape, &params, &weights->card, NULL,
                           NULL) == RP_OK) {
        rp_shape_layout(&weights->shape, &layout);
        weights->size = layout.size;
        weights->whole = true;
        free(params);
    }
}

static void print_text(const struct rp_preset *preset,
                       const struct weights *weights)
{
    const char *licence = rp_card_get(&weights->card, "licence");

    printf("%-12s %s\n", preset->name, preset->about);
    printf("%-12s   %s\n", "", preset->path);
    if (!weights->found) {
        printf("%-12s   its model is missing: %s\n", "", preset->model);
    } else if (weights->whole) {
        printf("%-12s   GRU %u x %u, %zu parameters%s%s\n", "",
               weights->shape.layers, weights->shape.hidden, weights->size,
               licence ? ", " : "", licence ? licence : "");
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

static void print_weights(const struct weights *weights)
{
    printf("\"model_found\": %s", weights->found ? "true" : "false");
    if (!weights->whole) {
        return;
    }
    printf(", \"shape\": {\"layers\": %u, \"hidden\": %u, \"head\": %u, "
           "\"resolution\": %u, \"parameters\": %zu}, \"card\": {",
           weights->shape.layers, weights->shape.hidden, weights->shape.head,
           weights->shape.vocabulary.resolution, weights->size);
    for (uint32_t i = 0; i < weights->card.count; i++) {
        printf("%s", i ? ", " : "");
        print_pair(weights->card.entry[i].key, weights->card.entry[i].value);
    }
    printf("}");
}

static void print_json(const struct rp_preset *preset,
                       const struct weights *weights, bool first)
{
    printf("%s\n  {", first ? "" : ",");
    print_pair("name", preset->name);
    printf(", ");
    print_pair("about", preset->about);
    printf(", ");
    print_pair("path", preset->path);
    printf(", ");
    print_pair("model", preset->model);
    printf(", ");
    print_weights(weights);
    printf(", \"settings\": {");
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
    struct weights weights;

    look(preset->model, &weights);
    if (listing->json) {
        print_json(preset, &weights, listing->count == 0);
    } else {
        print_text(preset, &weights);
    }
    rp_card_fini(&weights.card);
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
        rp_log(RP_WARN, "presets",
               "there is none; set RIPOSTE_PRESETS to a "
               "folder with NAME.ini files");
    }
    return rp_exit_code(status);
}
