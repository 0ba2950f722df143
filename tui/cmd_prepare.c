#include <stdio.h>

#include "model/data/prepared.h"
#include "model/data/report.h"
#include "rt/log.h"
#include "rt/replace.h"
#include "tui/cli.h"
#include "tui/cmd.h"

/* As `riposte train` reads folders. */
enum { MIN_NOTES = 16, MAX_REST_BARS = 2 };

struct wish {
    const char *out, *report, *role;
    uint32_t resolution, threads, memory;
    double eval_ratio;
    bool quiet;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option options[] = {
    {"out", "FILE", "what 'riposte train FILE' reads", RP_OPTION_TEXT,
     AT(out)},
    {"report", "FILE.json", "every file, kept or why not, and what is in it",
     RP_OPTION_TEXT, AT(report)},
    {"role", "ROLE",
     "which notes: melody, lead (melody and chords), drums, polyphony, "
     "performance, or a General MIDI instrument (melody)",
     RP_OPTION_TEXT, AT(role)},
    {"resolution", "N", "ticks per beat (24)", RP_OPTION_COUNT, AT(resolution),
     1, 960},
    {"eval-ratio", "R",
     "of the pieces, kept back for validation, and as many for testing (0.1)",
     RP_OPTION_REAL, AT(eval_ratio), 0.001, 0.45},
    {"memory", "MB", "that pieces may take (half of the machine's)",
     RP_OPTION_COUNT, AT(memory), 1, 1e6},
    {"threads", "N", "0: one per core (the result is the same)",
     RP_OPTION_COUNT, AT(threads), 0, 64},
    {"quiet", NULL, "no summary", RP_OPTION_FLAG, AT(quiet)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "prepare",
    .args = "DIR...",
    .about = "Reads the .mid files in the folders as 'riposte train' does, "
             "says what is in them, and\nwrites them into one file that is "
             "read in no time, to be trained on often.",
    .least_args = 1,
    .most_args = 64,
    .options = options,
};

/* Of a file that is prepared already only the report can be had anew. */
static rp_status take_prepared(struct wish *wish, const struct rp_texts *dirs)
{
    struct rp_prepared_about about;
    rp_status status;

    if (dirs->count != 1 || !rp_prepared_is(dirs->text[0])) {
        return RP_OK;
    }
    if (wish->out || wish->eval_ratio > 0) {
        rp_log(RP_ERROR, "prepare",
               "%s is prepared: expected folders for --out or --eval-ratio",
               dirs->text[0]);
        return RP_EARG;
    }
    status = rp_prepared_ask(dirs->text[0], &about);
    if (!status && !wish->resolution) {
        wish->resolution = about.resolution;
    }
    return status;
}

static rp_status prepare(const struct wish *wish, const struct rp_texts *dirs)
{
    struct rp_dataset_options how = {
        .vocabulary = {.resolution = (uint16_t)(
                           wish->resolution ? wish->resolution : RP_TICKS)},
        .role = wish->role,
        .min_notes = MIN_NOTES,
        .max_rest_bars = MAX_REST_BARS,
        .eval_ratio = wish->eval_ratio,
        .threads = wish->threads,
        .memory = wish->memory,
    };
    struct rp_dataset dataset;
    rp_status status = RP_OK;

    if (wish->out) { /* said before hours of music are read */
        status = rp_replace_check("prepare", wish->out);
    }
    if (!status) {
        status = rp_dataset_read(dirs->text, dirs->count, &how, &dataset);
    }
    if (status) {
        return status;
    }
    if (!wish->quiet) {
        rp_report_print(&dataset, stdout);
    }
    if (wish->report) {
        status = rp_report_save(&dataset, wish->report);
    }
    if (!status && wish->out) {
        status = rp_prepared_save(&dataset, wish->out);
    }
    rp_dataset_fini(&dataset);
    return status;
}

int rp_cmd_prepare(int argc, char **argv)
{
    struct wish wish = {0};
    struct rp_texts dirs = {0};
    int exit_code = rp_cli_parse(&cli, argc, argv, &wish, &dirs);

    if (exit_code < 0) {
        rp_status status = take_prepared(&wish, &dirs);

        if (!status) {
            status = prepare(&wish, &dirs);
        }
        exit_code = rp_exit_code(status);
    }
    rp_texts_fini(&dirs);
    return exit_code;
}
