/* What of a run TensorBoard shows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/board.h"
#include "model/train_config.h"
#include "model/train_run.h"

enum { EACH = 20, CURVES = 16 + 4 * RP_FIELDS };

struct curves {
    uint32_t count;
    struct rp_board_scalar scalar[CURVES];
};

static void add(struct curves *curves, const char *group, const char *name,
                double value)
{
    struct rp_board_scalar *scalar = &curves->scalar[curves->count++];

    snprintf(scalar->tag, sizeof scalar->tag, "%s/%s", group, name);
    scalar->value = (float)value;
}

static void path_of(const struct rp_train *train, char *path, size_t size)
{
    snprintf(path, size, "%s/events.out.tfevents.riposte", train->folder);
}

static void add_tally(struct curves *curves, const struct rp_train *train,
                      const char *name, const struct rp_train_tally *tally)
{
    char group[40];

    if (!tally->notes)
        return;
    add(curves, "loss", name, rp_train_nats(tally));
    add(curves, "perplexity", name, exp(rp_train_nats(tally)));
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_train_draws(train, f))
            continue;
        snprintf(group, sizeof group, "loss_%s", name);
        add(curves, group, rp_field_names[f], rp_train_field_nats(tally, f));
        snprintf(group, sizeof group, "accuracy_%s", name);
        add(curves, group, rp_field_names[f], rp_train_accuracy(tally, f));
    }
}

rp_status rp_train_board_epoch(struct rp_train *train)
{
    struct curves curves = {0};
    char path[600];

    path_of(train, path, sizeof path);
    add_tally(&curves, train, "train", &train->tally);
    add_tally(&curves, train, "valid", &train->valid);
    add(&curves, "run", "rate", (double)rp_train_rate(train));
    add(&curves, "run", "gradient_norm", rp_train_mean_norm(&train->tally));
    add(&curves, "run", "notes_per_second", rp_train_speed(train));
    return rp_board_add(path, train->step, curves.scalar, curves.count);
}

rp_status rp_train_board_step(struct rp_train *train)
{
    struct curves curves = {0};
    char path[600];

    if (train->step % EACH)
        return RP_OK;
    path_of(train, path, sizeof path);
    add(&curves, "step", "loss", train->recent);
    add(&curves, "step", "rate", (double)rp_train_rate(train));
    return rp_board_add(path, train->step, curves.scalar, curves.count);
}

rp_status rp_train_board_begin(struct rp_train *train)
{
    char path[600], *text = NULL;
    rp_status status;

    path_of(train, path, sizeof path);
    status = rp_board_trim(path, train->step);
    if (status != RP_ENONE)
        return status;
    status = rp_train_config_text(&train->options, "    ", &text);
    if (!status)
        status = rp_board_create(path, "config/text_summary", text);
    free(text);
    return status;
}
