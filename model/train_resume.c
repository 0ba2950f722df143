/* How a run is taken up again. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/train_run.h"
#include "rt/log.h"

/* Keys of a card as numbers; the first that is missing or odd is logged. */
struct taker {
    const struct rp_card *card;
    const char *path;
    rp_status status;
};

static double take(struct taker *taker, const char *key)
{
    const char *text = taker->status ? NULL : rp_card_get(taker->card, key);
    char *end = NULL;
    double value = text ? strtod(text, &end) : 0;

    if (!taker->status && (!text || end == text || *end)) {
        rp_log(RP_ERROR, "train", "%s: key '%s' is %.40s, expected a number",
               taker->path, key, text ? text : "missing");
        taker->status = RP_EFORMAT;
    }
    return taker->status ? 0 : value;
}

/* No NaN either; 0 once something was refused. */
static double take_within(struct taker *taker, const char *key, double least,
                          double most)
{
    double value = take(taker, key);

    if (taker->status || (value >= least && value <= most))
        return value;
    rp_log(RP_ERROR, "train", "%s: key '%s' is %.40s, expected %g to %g",
           taker->path, key, rp_card_get(taker->card, key), least, most);
    taker->status = RP_EFORMAT;
    return 0;
}

/* Whole numbers that a double holds exactly. */
static uint64_t take_u64(struct taker *taker, const char *key)
{
    return (uint64_t)take_within(taker, key, 0, 0x1p53);
}

static uint32_t take_u32(struct taker *taker, const char *key)
{
    return (uint32_t)take_within(taker, key, 0, UINT32_MAX);
}

/* With `any`, a loss may be no number: so may a validation have ended. */
static void take_tally(struct taker *taker, const char *prefix, bool any,
                       const struct rp_train *train,
                       struct rp_train_tally *tally)
{
    char key[60];

    for (int f = 0; f < RP_FIELDS; f++) {
        const char *field = rp_field_names[f];
        if (!rp_train_draws(train, f))
            continue;
        snprintf(key, sizeof key, "%sloss_%s", prefix, field);
        tally->loss[f] =
            any ? take(taker, key) : take_within(taker, key, 0, DBL_MAX);
        snprintf(key, sizeof key, "%sdrawn_%s", prefix, field);
        tally->drawn[f] = take_u64(taker, key);
        snprintf(key, sizeof key, "%shits_%s", prefix, field);
        tally->hits[f] = take_u64(taker, key);
    }
    snprintf(key, sizeof key, "%snotes", prefix);
    tally->notes = take_u64(taker, key);
    snprintf(key, sizeof key, "%sbatches", prefix);
    tally->batches = take_u64(taker, key);
    snprintf(key, sizeof key, "%snorm", prefix);
    tally->norm = take_within(taker, key, 0, DBL_MAX);
}

static void take_place(struct taker *taker, struct rp_train *train)
{
    train->step = take_u64(taker, "resume.step");
    train->planned = take_u64(taker, "resume.planned");
    train->epoch = take_u32(taker, "resume.epoch");
    train->at = take_u32(taker, "resume.at");
    train->since_best = take_u32(taker, "resume.since_best");
    train->slower = take_within(taker, "resume.slower", 0, 1);
    train->decayed = take_within(taker, "resume.decayed", 0, 1);
    train->usual = take_within(taker, "resume.usual", 0, DBL_MAX);
    train->recent = take_within(taker, "resume.recent", 0, DBL_MAX);
    train->best = take_within(taker, "resume.best", 0, INFINITY);
    train->spent = take_within(taker, "resume.spent", 0, DBL_MAX);
    take_tally(taker, "resume.", false, train, &train->tally);
    take_tally(taker, "resume.valid_", true, train, &train->valid);
}

static rp_status check_data(const struct rp_train *train, const char *path,
                            const struct rp_card *card)
{
    const char *hash = rp_card_get(card, "data_hash");

    if (hash && !strcmp(hash, train->dataset.hash))
        return RP_OK;
    rp_log(RP_ERROR, "train",
           "%s was trained on other data (%.12s, now %.12s): it cannot be "
           "resumed; --from starts anew from its weights",
           path, hash ? hash : "unknown", train->dataset.hash);
    return RP_EARG;
}

/* "metre 1, velocity 0, ..." */
static const char *spell_features(const struct rp_vocabulary *vocabulary,
                                  char *text, size_t size)
{
    size_t used = 0;

    for (int i = 0; i < RP_FEATURES && used < size; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s %d", i ? ", " : "",
                             rp_feature_names[i],
                             rp_vocabulary_has(vocabulary, (enum rp_feature)i));
    return text;
}

static bool same_features(const struct rp_vocabulary *a,
                          const struct rp_vocabulary *b)
{
    for (int i = 0; i < RP_FEATURES; i++)
        if (rp_vocabulary_has(a, (enum rp_feature)i) !=
            rp_vocabulary_has(b, (enum rp_feature)i))
            return false;
    return a->resolution == b->resolution;
}

/* The card's options made the net; the file's own shape says how many weights
 * follow. */
static rp_status check_shape(const struct rp_train *train, const char *path,
                             const struct rp_shape *got, size_t extra_size)
{
    const struct rp_shape *want = &train->shape;
    const struct rp_vocabulary *has = &got->vocabulary;
    const struct rp_vocabulary *says = &want->vocabulary;
    size_t size = train->state_size;
    char had[160], said[160];

    if (got->layers != want->layers || got->hidden != want->hidden ||
        got->head != want->head || !same_features(has, says)) {
        rp_log(RP_ERROR, "train",
               "%s: layers %u, hidden %u, head %u, resolution %u, %s, "
               "expected those of its card: %u, %u, %u, %u, %s",
               path, got->layers, got->hidden, got->head, has->resolution,
               spell_features(has, had, sizeof had), want->layers, want->hidden,
               want->head, says->resolution,
               spell_features(says, said, sizeof said));
        return RP_EFORMAT;
    }
    if (extra_size == size)
        return RP_OK;
    rp_log(RP_ERROR, "train",
           "%s: the optimizer's state has %zu floats, expected %zu", path,
           extra_size, size);
    return RP_EFORMAT;
}

/* Weights and state of a checkpoint of this run, and its card. */
static rp_status load(struct rp_train *train, const char *path,
                      struct rp_card *card)
{
    struct rp_shape shape;
    size_t extra_size = 0;
    float *params = NULL, *extra = NULL;
    rp_status status =
        rp_checkpoint_load(path, &shape, &params, card, &extra, &extra_size);

    if (status)
        return status;
    status = check_data(train, path, card);
    if (!status)
        status = check_shape(train, path, &shape, extra_size);
    if (!status) {
        memcpy(train->params, params, train->net.layout.size * sizeof *params);
        memcpy(train->state, extra, extra_size * sizeof *extra);
    }
    free(params);
    free(extra);
    return status;
}

/* How the epoch began in whose middle the run is. */
static rp_status load_good(struct rp_train *train, const char *path)
{
    struct rp_card card = {0};
    struct taker taker = {&card, path, RP_OK};
    uint64_t step;

    taker.status = load(train, path, &card);
    step = take_u64(&taker, "resume.step");
    if (!taker.status && (take_u64(&taker, "resume.epoch") != train->epoch ||
                          take_u64(&taker, "resume.at") != 0)) {
        rp_log(RP_ERROR, "train",
               "%s: expected the beginning of the epoch that last.safetensors "
               "is in",
               path);
        taker.status = RP_EFORMAT;
    }
    rp_card_fini(&card);
    if (taker.status)
        return taker.status;
    taker.status = rp_train_good_keep(train);
    train->good_step = step;
    return taker.status;
}

rp_status rp_train_resume(struct rp_train *train)
{
    struct rp_card card = {0};
    char path[600], good[600];
    struct taker taker = {&card, path, RP_OK};
    rp_status status;

    snprintf(path, sizeof path, "%s/last.safetensors", train->folder);
    snprintf(good, sizeof good, "%s/good.safetensors", train->folder);
    status = load(train, path, &card);
    if (!status) {
        take_place(&taker, train);
        status = taker.status;
    }
    if (!status && train->at > 0) {
        status = load_good(train, good);
        rp_card_fini(&card);
        if (!status)
            status = load(train, path, &card);
    }
    rp_card_fini(&card);
    /* A kill between the two may have left the good one of an epoch before. */
    if (!status && train->at == 0)
        status = rp_train_save_good(train);
    if (!status)
        status = rp_train_table_trim(train);
    return status ? status : rp_train_board_begin(train);
}
