/* What a run leaves on disk, and how it is taken up again. */
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/train_options.h"
#include "model/train_run.h"
#include "rt/log.h"

rp_status rp_train_folder_create(struct rp_train *train)
{
    const char *out = train->options.out;

    if (mkdir(out, 0777) && errno != EEXIST) {
        rp_log(RP_ERROR, "train", "%s: cannot make this folder: %s", out,
               strerror(errno));
        return RP_EIO;
    }
    for (int i = 1; i < 1000; i++) {
        snprintf(train->folder, sizeof train->folder, "%s/%03d", out, i);
        if (!mkdir(train->folder, 0777))
            return RP_OK;
        if (errno != EEXIST)
            break;
    }
    rp_log(RP_ERROR, "train", "%s: cannot make a folder for this run: %s", out,
           strerror(errno));
    return RP_EIO;
}

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
static void put_real(struct writer *writer, const char *key,
                     const char *format, double value)
{
    char text[40];
    snprintf(text, sizeof text, format, value);
    put(writer, key, text);
}

static void put_data(struct writer *writer, const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    static const char *const side[RP_SPLITS] = { "train", "valid", "test" };
    uint64_t pieces[RP_SPLITS] = { 0 }, notes[RP_SPLITS] = { 0 };
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
            used += (size_t)snprintf(names + used, sizeof names - used,
                                     "%s%.*s", used ? " " : "", (int)length,
                                     name);
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
        if (!rp_vocabulary_classes(&train->shape.vocabulary, (enum rp_field)f))
            continue;
        snprintf(key, sizeof key, "loss_valid_%s", rp_field_names[f]);
        put_real(writer, key, "%.4f",
                 train->valid.loss[f] / (double)train->valid.notes);
    }
}

static void put_place(struct writer *writer, const struct rp_train *train)
{
    char key[40];

    put_number(writer, "resume.step", train->step);
    put_number(writer, "resume.planned", train->planned);
    put_number(writer, "resume.epoch", train->epoch);
    put_number(writer, "resume.at", train->at);
    put_number(writer, "resume.since_best", train->since_best);
    put_real(writer, "resume.slower", "%a", train->slower);
    put_real(writer, "resume.decayed", "%a", train->decayed);
    put_real(writer, "resume.best", "%a", train->best);
    put_real(writer, "resume.spent", "%a",
             train->options.time_limit > 0 ? rp_train_spent(train) : 0);
    put_number(writer, "resume.notes", train->tally.notes);
    put_number(writer, "resume.valid_notes", train->valid.notes);
    for (int f = 0; f < RP_FIELDS; f++) {
        snprintf(key, sizeof key, "resume.loss_%s", rp_field_names[f]);
        put_real(writer, key, "%a", train->tally.loss[f]);
        snprintf(key, sizeof key, "resume.valid_%s", rp_field_names[f]);
        put_real(writer, key, "%a", train->valid.loss[f]);
    }
}

rp_status rp_train_save(const struct rp_train *train, const char *name,
                        bool whole)
{
    const struct rp_train_options *options = &train->options;
    struct writer writer = { { 0 }, RP_OK };
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

/* Keys of a card as numbers; the first that is missing or odd is logged. */
struct taker {
    const struct rp_card *card;
    const char *path;
    rp_status status;
};

static double take(struct taker *taker, const char *key)
{
    const char *text = rp_card_get(taker->card, key);
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

static void take_place(struct taker *taker, struct rp_train *train)
{
    char key[40];

    train->step = take_u64(taker, "resume.step");
    train->planned = take_u64(taker, "resume.planned");
    train->epoch = take_u32(taker, "resume.epoch");
    train->at = take_u32(taker, "resume.at");
    train->since_best = take_u32(taker, "resume.since_best");
    train->slower = take_within(taker, "resume.slower", 0, 1);
    train->decayed = take_within(taker, "resume.decayed", 0, 1);
    train->best = take_within(taker, "resume.best", 0, INFINITY);
    train->spent = take_within(taker, "resume.spent", 0, DBL_MAX);
    train->tally.notes = take_u64(taker, "resume.notes");
    train->valid.notes = take_u64(taker, "resume.valid_notes");
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_vocabulary_classes(&train->shape.vocabulary, (enum rp_field)f))
            continue;
        snprintf(key, sizeof key, "resume.loss_%s", rp_field_names[f]);
        train->tally.loss[f] = take_within(taker, key, 0, DBL_MAX);
        /* A validation may well have ended in no number. */
        snprintf(key, sizeof key, "resume.valid_%s", rp_field_names[f]);
        train->valid.loss[f] = take(taker, key);
    }
}

/* Only lines of epochs that are done stay; a kill between the line and the
 * checkpoint would double one. */
static rp_status trim_csv(const struct rp_train *train)
{
    char path[600], part[608], line[512];
    FILE *from, *to;
    bool bad;

    snprintf(path, sizeof path, "%s/run.csv", train->folder);
    snprintf(part, sizeof part, "%s.part", path);
    from = fopen(path, "r");
    if (!from)
        return RP_OK;
    to = fopen(part, "w");
    while (to && fgets(line, sizeof line, from)) {
        char *end = NULL;
        unsigned long epoch = strtoul(line, &end, 10);
        if (end == line || epoch <= train->epoch)
            fputs(line, to);
    }
    fclose(from);
    bad = !to || ferror(to);
    bad = (to && fclose(to)) || bad;
    if (bad || rename(part, path)) {
        rp_log(RP_ERROR, "train", "%s: cannot write: %s", path,
               strerror(errno));
        return RP_EIO;
    }
    return RP_OK;
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
        used += (size_t)snprintf(
            text + used, size - used, "%s%s %d", i ? ", " : "",
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
               spell_features(has, had, sizeof had), want->layers,
               want->hidden, want->head, says->resolution,
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

rp_status rp_train_resume(struct rp_train *train)
{
    struct rp_card card = { 0 };
    struct rp_shape shape;
    size_t size = train->net.layout.size, extra_size = 0;
    float *params = NULL, *extra = NULL;
    char path[600];
    struct taker taker = { &card, path, RP_OK };
    rp_status status;

    snprintf(path, sizeof path, "%s/last.safetensors", train->folder);
    status = rp_checkpoint_load(path, &shape, &params, &card, &extra,
                                &extra_size);
    if (status)
        return status;
    status = check_data(train, path, &card);
    if (!status)
        status = check_shape(train, path, &shape, extra_size);
    if (!status) {
        memcpy(train->params, params, size * sizeof *params);
        memcpy(train->state, extra, extra_size * sizeof *extra);
        take_place(&taker, train);
        status = taker.status;
    }
    free(params);
    free(extra);
    rp_card_fini(&card);
    return status ? status : trim_csv(train);
}

rp_status rp_train_csv(const struct rp_train *train)
{
    char path[600];
    FILE *file;
    bool bad;

    snprintf(path, sizeof path, "%s/run.csv", train->folder);
    file = fopen(path, "a");
    if (file && ftell(file) == 0) {
        fputs("epoch,step,notes,train,valid", file);
        for (int f = 0; f < RP_FIELDS; f++)
            fprintf(file, ",train_%s,valid_%s", rp_field_names[f],
                    rp_field_names[f]);
        fputc('\n', file);
    }
    if (file) {
        const struct rp_train_tally *t = &train->tally, *v = &train->valid;
        fprintf(file, "%u,%" PRIu64 ",%" PRIu64 ",%.6f,%.6f", train->epoch,
                train->step, t->notes, rp_train_nats(t), rp_train_nats(v));
        for (int f = 0; f < RP_FIELDS; f++)
            fprintf(file, ",%.6f,%.6f",
                    t->notes ? t->loss[f] / (double)t->notes : 0,
                    v->notes ? v->loss[f] / (double)v->notes : 0);
        fputc('\n', file);
    }
    bad = !file || ferror(file);
    bad = (file && fclose(file)) || bad;
    if (bad)
        rp_log(RP_ERROR, "train", "%s: cannot write: %s", path,
               strerror(errno));
    return bad ? RP_EIO : RP_OK;
}
