/* What a run needs before its first step, and to be rid of after its last. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/data/frames.h"
#include "model/data/prepared.h"
#include "model/data/role.h"
#include "model/train_options.h"
#include "model/train_run.h"
#include "model/train_update.h"
#include "rt/log.h"

enum {
    VALID_NOTES = 60000, /* about so many are looked at per epoch */
    BATCH_LEAST = 4,
    BATCH_MOST = 64,
    BATCH_STEPS = 100 /* of an epoch, at least, that a larger batch leaves */
};

rp_status rp_train_plan_epoch(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_train_plan_options how = {
        .split = RP_TRAIN,
        .length = options->length,
        .batch = options->batch,
        .seed = options->seed,
        .epoch = train->epoch,
        .augment = true,
        .stateful = options->stateful,
        .transpose = train->dataset.drums ? 0 : options->transpose,
        .metre_drop = options->metre_drop,
        .chord_drop = options->chord_drop,
    };

    rp_train_plan_fini(&train->plan);
    return rp_train_plan_create(&train->dataset, &how, &train->plan);
}

/* A feature of the vocabulary is the knob of the same name. */
static bool *feature_of(struct rp_train_options *options,
                        enum rp_feature feature)
{
    const struct rp_train_knob *knob =
        rp_train_knob_find(rp_feature_names[feature]);
    return (bool *)((char *)options + knob->offset);
}

/* A shape that was asked for in so many words must be the file's. */
static rp_status check_from(const struct rp_train *train,
                            const struct rp_train_options *has)
{
    static const char *const names[] = {
        "layers", "hidden", "head", "velocity", "metre",     "chord",
        "timing", "recall", "runs", "voices",   "resolution"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct rp_train_knob *knob = rp_train_knob_find(names[i]);
        char is[32], want[32];
        rp_train_knob_text(knob, has, is, sizeof is);
        rp_train_knob_text(knob, &train->options, want, sizeof want);
        if (!strcmp(is, want) || !rp_train_knob_given(knob, &train->options))
            continue;
        rp_log(RP_ERROR, "train",
               "%s: a network of another shape: %s %s, and %s was asked for",
               has->from, names[i], is, want);
        return RP_EARG;
    }
    return RP_OK;
}

/* `from`: weights of another run, whose shape this one takes. */
static rp_status take_from(struct rp_train *train, float **params)
{
    struct rp_train_options has = train->options;
    struct rp_card card = {0};
    struct rp_shape shape;
    rp_status status =
        rp_checkpoint_load(has.from, &shape, params, &card, NULL, NULL);

    if (status)
        return status;
    rp_card_fini(&card);
    has.layers = shape.layers;
    has.hidden = shape.hidden;
    has.head = shape.head;
    for (int i = 0; i < RP_FEATURES; i++)
        *feature_of(&has, (enum rp_feature)i) =
            rp_vocabulary_has(&shape.vocabulary, (enum rp_feature)i);
    has.resolution = shape.vocabulary.resolution;
    status = check_from(train, &has);
    train->shape = shape;
    train->options = has;
    return status;
}

static bool is_given(const struct rp_train_options *options, const char *name)
{
    return rp_train_knob_given(rp_train_knob_find(name), options);
}

/* Piano rolls have nothing that these could tell. */
static rp_status check_frames(const struct rp_train_options *options)
{
    struct rp_train_options asked = *options;
    static const enum rp_feature absent[] = {RP_HAS_CHORD, RP_HAS_TIMING,
                                             RP_HAS_VELOCITY};

    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        if (!*feature_of(&asked, absent[i]))
            continue;
        rp_log(RP_ERROR, "train", "%s: piano rolls have none, expected 'no'",
               rp_feature_names[absent[i]]);
        return RP_EARG;
    }
    return RP_OK;
}

/* Options that were given and change nothing are said, a line each. */
static void say_idle(const struct rp_train_options *options)
{
    struct rp_train_options usual;
    bool sgd = !strcmp(options->optimizer, "sgd");
    bool plateau = !strcmp(options->schedule, "plateau");

    rp_train_defaults(&usual);
    const struct {
        bool idle;
        const char *name, *why;
    } idle[] = {
        {options->frames && is_given(options, "role"), "role",
         "piano rolls have no roles"},
        {!sgd && options->nesterov, "nesterov", "only sgd looks ahead"},
        {!plateau && options->decay != usual.decay, "decay",
         "only schedule plateau decays"},
        {!options->chord && options->chord_drop != usual.chord_drop,
         "chord-drop", "no chords are told"},
        {!options->metre && options->metre_drop != usual.metre_drop,
         "metre-drop", "no metre is told"},
    };

    for (size_t i = 0; i < sizeof idle / sizeof *idle; i++)
        if (idle[i].idle)
            rp_log(RP_WARN, "train", "%s has no effect: %s", idle[i].name,
                   idle[i].why);
}

/* What the data and the role say where nothing else was said: a prepared file
 * its role and resolution, a lead its chords, a performance its touch. */
static rp_status settle_role(struct rp_train_options *options)
{
    struct rp_prepared_about about = { 0 };
    struct rp_role role = { 0 };
    rp_status status = RP_OK;

    if (options->frames)
        return check_frames(options);
    if (options->dirs == 1 && rp_prepared_is(options->dir[0]))
        status = rp_prepared_ask(options->dir[0], &about);
    if (about.role && !is_given(options, "role"))
        options->role = about.role;
    if (about.role && !is_given(options, "resolution"))
        options->resolution = about.resolution;
    if (!status)
        status = rp_role_find(options->role, &role);
    if (role.kind == RP_ROLE_LEAD && !is_given(options, "chord"))
        options->chord = true;
    if (role.kind == RP_ROLE_PERFORMANCE && !is_given(options, "velocity"))
        options->velocity = true;
    if (role.kind == RP_ROLE_PERFORMANCE && !is_given(options, "timing"))
        options->timing = true;
    return status;
}

/* The largest power of two that leaves an epoch steps enough. */
static void settle_batch(struct rp_train *train)
{
    struct rp_train_options *options = &train->options;
    uint64_t rows = 0;

    if (options->batch)
        return;
    for (uint32_t i = 0; i < train->dataset.count; i++) {
        const struct rp_piece *piece = &train->dataset.piece[i];
        if (piece->split == RP_TRAIN)
            rows += (piece->count + options->length - 1) / options->length;
    }
    options->batch = BATCH_LEAST;
    while (options->batch < BATCH_MOST &&
           rows >= 2 * options->batch * BATCH_STEPS)
        options->batch *= 2;
}

static rp_status read_data(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_dataset_options how = {
        .vocabulary = train->shape.vocabulary,
        .role = options->role,
        .min_notes = 16,
        .max_rest_bars = 2,
        .threads = options->threads,
        .memory = options->memory,
    };
    struct rp_train_plan_options valid = {
        .split = RP_VALID,
        .length = options->length,
        .seed = options->seed,
        .stateful = options->stateful,
        .notes_max = VALID_NOTES,
    };
    rp_status status =
        options->frames ? rp_dataset_read_frames(
                              options->dir[0], &how.vocabulary, &train->dataset)
                        : rp_dataset_read(options->dir, options->dirs, &how,
                                          &train->dataset);

    if (status)
        return status;
    settle_batch(train);
    valid.batch = options->batch;
    status = rp_train_plan_create(&train->dataset, &valid, &train->valid_plan);
    if (status == RP_ENONE)
        rp_log(RP_WARN, "train",
               "no piece fell into the validation split: every epoch counts "
               "as the best");
    if (status && status != RP_ENONE)
        return status;
    status = rp_train_plan_epoch(train);
    if (status == RP_ENONE)
        rp_log(RP_ERROR, "train", "no piece fell into the training split");
    train->planned = (uint64_t)train->plan.batches * options->epochs;
    return status;
}

static rp_status make_params(struct rp_train *train, const float *from)
{
    size_t size, slots;
    bool averaged = train->options.average > 0;
    rp_status status = rp_train_net_create(&train->net, &train->shape,
                                           rp_train_precision(&train->options));

    if (status)
        return status;
    size = train->net.layout.size;
    /* Kernels may read and write a little past the end. */
    train->params = rp_floats_create(size + 64);
    train->gradient = rp_floats_create(size + 64);
    slots = train->optimizer->slots * size;
    train->state_size = slots + (averaged ? size : 0);
    train->state = rp_floats_create(train->state_size + (averaged ? 64 : 0));
    train->good = rp_floats_create(size + train->state_size);
    if (!train->params || !train->gradient || !train->state || !train->good)
        return RP_EMEM;
    if (from)
        memcpy(train->params, from, size * sizeof *from);
    else
        rp_shape_init_params(&train->shape, (uint32_t)train->options.seed,
                             train->params);
    if (averaged)
        train->average = train->state + slots;
    status = rp_train_freeze(&train->net.layout, train->options.freeze,
                             train->frozen);
    if (!status)
        status = rp_train_learner_open(train);
    if (!status)
        status = rp_train_step_create(train);
    if (!status && !from && train->options.prior)
        rp_train_prior(train);
    if (!status && averaged)
        memcpy(train->average, train->params, size * sizeof(float));
    return status;
}

static rp_status prepare(struct rp_train *train)
{
    struct rp_train_options *options = &train->options;
    float *from = NULL;
    rp_status status = options->resume ? RP_OK : settle_role(options);

    if (status)
        return status;
    if (!options->resume)
        say_idle(options);
    train->shape = (struct rp_shape){
        .layers = options->layers,
        .hidden = options->hidden,
        .head = options->head,
        .vocabulary = {.resolution = (uint16_t)options->resolution},
    };
    for (int i = 0; i < RP_FEATURES; i++)
        rp_vocabulary_set(&train->shape.vocabulary, (enum rp_feature)i,
                          *feature_of(options, (enum rp_feature)i));
    train->slower = train->decayed = 1;
    train->best = INFINITY;
    if (options->from && !options->resume)
        status = take_from(train, &from);
    if (!status && options->freeze && !options->from && !options->resume) {
        rp_log(RP_ERROR, "train",
               "freeze: '%s' would keep random weights; expected --from too",
               options->freeze);
        status = RP_EARG;
    }
    if (!status)
        status = rp_shape_check(&train->shape);
    if (!status)
        status = read_data(train);
    if (!status)
        status = make_params(train, from);
    free(from);
    if (status == RP_EMEM)
        rp_log(RP_ERROR, "train", "out of memory");
    if (status)
        return status;
    if (!options->resume)
        return rp_train_folder_create(train);
    snprintf(train->folder, sizeof train->folder, "%s", options->resume);
    return rp_train_resume(train);
}

/* What the card says where nothing else was said now. */
static const char *recall_text(const struct rp_train *train, const char *key,
                               const char *given)
{
    return given ? given : rp_card_get(&train->begun, key);
}

/* A resumed run goes on with the options it was begun with. */
static rp_status recall(struct rp_train *train)
{
    struct rp_train_options *options = &train->options;
    struct rp_shape shape;
    float *params = NULL;
    char path[600];
    rp_status status;

    snprintf(path, sizeof path, "%s/last.safetensors", options->resume);
    status =
        rp_checkpoint_load(path, &shape, &params, &train->begun, NULL, NULL);
    if (status)
        return status;
    free(params);
    status = rp_train_options_load(options, &train->begun);
    options->resolution = shape.vocabulary.resolution;
    options->message = recall_text(train, "message", options->message);
    options->licence = recall_text(train, "licence", options->licence);
    options->attribution =
        recall_text(train, "attribution", options->attribution);
    /* How it was begun is what reproduces it. */
    options->command = recall_text(train, "command", NULL);
    return status;
}

rp_status rp_train_setup(struct rp_train *train)
{
    rp_status status = RP_OK;

    if (train->options.resume)
        status = recall(train);
    if (status)
        return status;
    rp_train_learner_choose(&train->options);
    rp_train_options_settle(&train->options);
    train->optimizer = rp_optimizer_find(train->options.optimizer);
    status = prepare(train);
    return status ? status : rp_train_learner_set(train);
}

void rp_train_fini(struct rp_train *train)
{
    rp_train_learner_close(train);
    rp_train_step_fini(train);
    free(train->params);
    free(train->gradient);
    free(train->state);
    free(train->good);
    rp_card_fini(&train->begun);
    rp_train_plan_fini(&train->plan);
    rp_train_plan_fini(&train->valid_plan);
    rp_train_net_fini(&train->net);
    rp_dataset_fini(&train->dataset);
}
