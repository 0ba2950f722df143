/* The checkpoints of a run, and what is done while they cannot be written. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "model/train_options.h"
#include "model/train_run.h"
#include "rt/log.h"

enum { WAIT_MOST = 60, WAIT_IN_ALL = 3600 }; /* seconds */

struct writer {
    struct rp_card card;
    rp_status status;
};

static void put(struct writer *writer, const char *key, const char *text)
{
    if (!writer->status && text)
        writer->status = rp_card_set(&writer->card, key, text);
}

static void put_number(struct writer *writer, const char *key, uint64_t number)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, number);
    put(writer, key, text);
}

/* %a where it must come back exactly, else for people. */
static void put_real(struct writer *writer, const char *key, const char *format,
                     double value)
{
    char text[40];
    snprintf(text, sizeof text, format, value);
    put(writer, key, text);
}

static void put_data(struct writer *writer, const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    static const char *const side[RP_SPLITS] = {"train", "valid", "test"};
    uint64_t pieces[RP_SPLITS] = {0}, notes[RP_SPLITS] = {0};
    char names[1024] = "", key[32];
    size_t used = 0;

    for (uint32_t i = 0; i < options->dirs; i++) {
        size_t length = strlen(options->dir[i]);
        const char *name = options->dir[i];
        while (length && name[length - 1] == '/')
            length--;
        for (size_t j = 0; j < length; j++)
            if (options->dir[i][j] == '/')
                name = options->dir[i] + j + 1;
        length -= (size_t)(name - options->dir[i]);
        if (used + length + 2 < sizeof names)
            used +=
                (size_t)snprintf(names + used, sizeof names - used, "%s%.*s",
                                 used ? " " : "", (int)length, name);
    }
    put(writer, "data", names);
    put(writer, "data_hash", train->dataset.hash);
    for (uint32_t i = 0; i < train->dataset.count; i++) {
        const struct rp_piece *piece = &train->dataset.piece[i];
        pieces[piece->split]++;
        notes[piece->split] += piece->count;
    }
    for (int s = 0; s < RP_SPLITS; s++) {
        snprintf(key, sizeof key, "%s_pieces", side[s]);
        put_number(writer, key, pieces[s]);
        snprintf(key, sizeof key, "%s_notes", side[s]);
        put_number(writer, key, notes[s]);
    }
}

static void put_losses(struct writer *writer, const struct rp_train *train)
{
    char key[40];

    if (train->tally.notes)
        put_real(writer, "loss_train", "%.4f", rp_train_nats(&train->tally));
    if (!train->valid.notes)
        return;
    put_real(writer, "loss_valid", "%.4f", rp_train_nats(&train->valid));
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_train_draws(train, f))
            continue;
        snprintf(key, sizeof key, "loss_valid_%s", rp_field_names[f]);
        put_real(writer, key, "%.4f", rp_train_field_nats(&train->valid, f));
    }
}

static void put_tally(struct writer *writer, const char *prefix,
                      const struct rp_train *train,
                      const struct rp_train_tally *tally)
{
    char key[60];

    for (int f = 0; f < RP_FIELDS; f++) {
        const char *field = rp_field_names[f];
        if (!rp_train_draws(train, f))
            continue;
        snprintf(key, sizeof key, "%sloss_%s", prefix, field);
        put_real(writer, key, "%a", tally->loss[f]);
        snprintf(key, sizeof key, "%sdrawn_%s", prefix, field);
        put_number(writer, key, tally->drawn[f]);
        snprintf(key, sizeof key, "%shits_%s", prefix, field);
        put_number(writer, key, tally->hits[f]);
    }
    snprintf(key, sizeof key, "%snotes", prefix);
    put_number(writer, key, tally->notes);
    snprintf(key, sizeof key, "%sbatches", prefix);
    put_number(writer, key, tally->batches);
    snprintf(key, sizeof key, "%snorm", prefix);
    put_real(writer, key, "%a", tally->norm);
}

static void put_place(struct writer *writer, const struct rp_train *train)
{
    put_number(writer, "resume.step", train->step);
    put_number(writer, "resume.planned", train->planned);
    put_number(writer, "resume.epoch", train->epoch);
    put_number(writer, "resume.at", train->at);
    put_number(writer, "resume.since_best", train->since_best);
    put_real(writer, "resume.slower", "%a", train->slower);
    put_real(writer, "resume.decayed", "%a", train->decayed);
    put_real(writer, "resume.usual", "%a", train->usual);
    put_real(writer, "resume.recent", "%a", train->recent);
    put_real(writer, "resume.best", "%a", train->best);
    put_real(writer, "resume.spent", "%a",
             train->options.time_limit > 0 ? rp_train_spent(train) : 0);
    put_tally(writer, "resume.", train, &train->tally);
    put_tally(writer, "resume.valid_", train, &train->valid);
}

/* With `whole`, all that --resume needs. */
static rp_status save(const struct rp_train *train, const char *name,
                      bool whole)
{
    const struct rp_train_options *options = &train->options;
    struct writer writer = {{0}, RP_OK};
    const float *params = train->params;
    char path[600];

    /* What was validated is the average. */
    if (train->average && !whole)
        params = train->average;
    snprintf(path, sizeof path, "%s/%s", train->folder, name);
    put(&writer, "role", options->role);
    put(&writer, "message", options->message);
    put(&writer, "licence", options->licence);
    put(&writer, "attribution", options->attribution);
    put(&writer, "command", options->command);
    put_data(&writer, train);
    put_number(&writer, "epoch", train->epoch);
    put_number(&writer, "step", train->step);
    put_losses(&writer, train);
    if (!writer.status)
        writer.status = rp_train_options_save(options, &writer.card);
    if (whole)
        put_place(&writer, train);
    if (!writer.status)
        writer.status = rp_checkpoint_save(
            path, &train->shape, params, &writer.card,
            whole ? train->state : NULL, whole ? train->state_size : 0);
    rp_card_fini(&writer.card);
    return writer.status;
}

static rp_status save_best(struct rp_train *train)
{
    return save(train, "best.safetensors", false);
}

static rp_status save_last(struct rp_train *train)
{
    return save(train, "last.safetensors", true);
}

/* After last, with its bytes: whoever finds last in the middle of an epoch
 * finds in good how that epoch began. */
static rp_status save_good(struct rp_train *train)
{
    char last[600], good[600], part[608];

    snprintf(last, sizeof last, "%s/last.safetensors", train->folder);
    snprintf(good, sizeof good, "%s/good.safetensors", train->folder);
    snprintf(part, sizeof part, "%s.part", good);
    unlink(part);
    if (!link(last, part) && !rename(part, good)) {
        unlink(part); /* is there yet where both were one file before */
        return RP_OK;
    }
    unlink(part); /* no links on this disk */
    return save(train, "good.safetensors", true);
}

/* False: told to stop meanwhile. */
static bool wait_for(struct rp_train *train, uint32_t seconds)
{
    const struct timespec moment = {0, 100000000};

    for (uint32_t i = 0; i < 10 * seconds; i++) {
        if (rp_train_must_stop(train))
            return false;
        nanosleep(&moment, NULL);
    }
    return !rp_train_must_stop(train);
}

rp_status rp_train_persist(struct rp_train *train,
                           rp_status (*write)(struct rp_train *))
{
    uint32_t wait = 1, waited = 0;
    rp_status status = write(train);

    while (status == RP_EIO && train->patient && waited < WAIT_IN_ALL) {
        rp_log(RP_WARN, "train",
               "%s: the run waits and tries again in %u s; what was saved "
               "before is whole",
               train->folder, wait);
        if (!wait_for(train, wait))
            return status;
        waited += wait;
        wait = 2 * wait < WAIT_MOST ? 2 * wait : WAIT_MOST;
        status = write(train);
        if (!status)
            rp_log(RP_WARN, "train", "%s: written; the run goes on",
                   train->folder);
    }
    return status;
}

rp_status rp_train_save_best(struct rp_train *train)
{
    rp_status status = rp_train_learner_get(train);

    return status ? status : rp_train_persist(train, save_best);
}

rp_status rp_train_save_last(struct rp_train *train)
{
    rp_status status = rp_train_learner_get(train);

    train->saved = rp_train_now();
    return status ? status : rp_train_persist(train, save_last);
}

rp_status rp_train_save_good(struct rp_train *train)
{
    return rp_train_persist(train, save_good);
}

rp_status rp_train_save_epoch(struct rp_train *train)
{
    rp_status status = rp_train_save_last(train);

    return status ? status : rp_train_save_good(train);
}
