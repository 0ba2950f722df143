#include "model/train_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/role.h"
#include "model/train_optimizer.h"
#include "rt/log.h"

#define AT(field) offsetof(struct rp_train_options, field)

/* The options point at these words. */
static const char *const precisions[] = { "auto", "fp32", "bf16", NULL };
static const char *const schedules[] = { "cosine", "plateau", NULL };

const struct rp_train_knob rp_train_knobs[] = {
    { "role", RP_TRAIN_ROLE, AT(role), 0, 0,
      "which notes: melody, lead (with chords), drums, polyphony, performance "
      "(velocity and timing), or an instrument",
      .value = "ROLE" },
    { "resolution", RP_TRAIN_U32, AT(resolution), 1, 960, "ticks per beat" },
    { "layers", RP_TRAIN_U32, AT(layers), 1, RP_LAYERS_MAX, "GRU layers" },
    { "hidden", RP_TRAIN_U32, AT(hidden), 16, RP_HIDDEN_MAX,
      "units of a layer, a multiple of 16" },
    { "head", RP_TRAIN_U32, AT(head), 16, RP_HEAD_MAX,
      "units of an output head, a multiple of 16" },
    { "batch", RP_TRAIN_U32, AT(batch), 1, 1024,
      "phrases learned at once; auto: 4 to 64, by how many there are",
      .automatic = true },
    { "length", RP_TRAIN_U32, AT(length), 8, 4096, "notes of such a phrase" },
    { "stateful", RP_TRAIN_BOOL, AT(stateful), 0, 1,
      "whole pieces; a phrase goes on where the one before was cut" },
    { "epochs", RP_TRAIN_U32, AT(epochs), 1, 100000,
      "times through the data" },
    { "precision", RP_TRAIN_WORD, AT(precision), 0, 0,
      "of what is multiplied (auto: bf16 on a GPU or where the CPU multiplies "
      "it; weights and validation are fp32)",
      .words = precisions },
    { "optimizer", RP_TRAIN_WORD, AT(optimizer), 0, 0, "what makes the steps",
      .words = rp_optimizer_names, .value = "NAME" },
    { "lr", RP_TRAIN_FLOAT, AT(lr), 1e-7, 100,
      "learning rate at its highest; auto: the optimizer's usual",
      .automatic = true },
    { "momentum", RP_TRAIN_FLOAT, AT(momentum), 0, 0.9999,
      "share of the past in a step's direction; beta1 of the adams",
      .automatic = true },
    { "beta2", RP_TRAIN_FLOAT, AT(beta2), 0, 0.99999,
      "share of the past in a step's size; alpha of rmsprop, rho of adadelta",
      .automatic = true },
    { "epsilon", RP_TRAIN_FLOAT, AT(epsilon), 0, 1,
      "what keeps a step's size from 0", .automatic = true },
    { "nesterov", RP_TRAIN_BOOL, AT(nesterov), 0, 1,
      "sgd: look ahead along the momentum" },
    { "weight-decay", RP_TRAIN_FLOAT, AT(weight_decay), 0, 10,
      "of weights, not of biases, times the rate", .automatic = true },
    { "clip", RP_TRAIN_FLOAT, AT(clip), 0, 1e6,
      "longest gradient, as a norm; 0: any" },
    { "warmup", RP_TRAIN_U32, AT(warmup), 0, 1e6,
      "steps until the rate is reached, a tenth of the run at most" },
    { "schedule", RP_TRAIN_WORD, AT(schedule), 0, 0,
      "the rate falls to the end, or when validation stands still",
      .words = schedules },
    { "decay", RP_TRAIN_FLOAT, AT(decay), 0.01, 1,
      "plateau: the rate times this after an epoch without a better loss" },
    { "average", RP_TRAIN_FLOAT, AT(average), 0, 0.99999,
      "share of the past in averaged weights, which are validated and kept "
      "as best; 0: none" },
    { "dropout", RP_TRAIN_FLOAT, AT(dropout), 0, 0.9,
      "of units between layers and before the heads" },
    { "recurrent-dropout", RP_TRAIN_FLOAT, AT(recurrent_dropout), 0, 0.9,
      "of single recurrent weights" },
    { "input-dropout", RP_TRAIN_FLOAT, AT(input_dropout), 0, 0.9,
      "of whole fields of what is heard" },
    { "transpose", RP_TRAIN_U32, AT(transpose), 0, 6,
      "semitones up or down that phrases are moved; 6: every key" },
    { "held", RP_TRAIN_FLOAT, AT(held), 0, 1,
      "share of notes heard without their length" },
    { "metre-drop", RP_TRAIN_FLOAT, AT(metre_drop), 0, 1,
      "share of phrases without a metre" },
    { "chord-drop", RP_TRAIN_FLOAT, AT(chord_drop), 0, 1,
      "share of rows that are not told their chords" },
    { "smoothing", RP_TRAIN_FLOAT, AT(smoothing), 0, 0.5, "of labels" },
    { "patience", RP_TRAIN_U32, AT(patience), 0, 100000,
      "stop after so many epochs without a better loss; 0: never" },
    { "seed", RP_TRAIN_U64, AT(seed), 0, 0x1p53, "of all that is random" },
    { "velocity", RP_TRAIN_BOOL, AT(velocity), 0, 1,
      "learn velocities too; no: they follow the call" },
    { "chord", RP_TRAIN_BOOL, AT(chord), 0, 1,
      "tell the network the chords over the notes" },
    { "timing", RP_TRAIN_BOOL, AT(timing), 0, 1,
      "learn how far onsets are off the grid" },
    { "metre", RP_TRAIN_BOOL, AT(metre), 0, 1,
      "tell the network the position in the bar" },
    { "recall", RP_TRAIN_BOOL, AT(recall), 0, 1,
      "tell the network how an earlier phrase like the last one went on" },
    { "runs", RP_TRAIN_BOOL, AT(runs), 0, 1,
      "a pitch never begins where it ends; yes with --frames" },
    { "voices", RP_TRAIN_BOOL, AT(voices), 0, 1,
      "tell the network which notes end, begin and go on beside each (yes "
      "with --frames)" },
    { "prior", RP_TRAIN_BOOL, AT(prior), 0, 1,
      "a fresh network begins at the data's own frequencies" },
    { "freeze", RP_TRAIN_TEXT, AT(freeze), 0, 0,
      "with --from: weights that stay as they are, such as "
      "'gru.*_l0,head.pitch.*'",
      .value = "NAMES" },
    { "from", RP_TRAIN_TEXT, AT(from), 0, 0,
      "begin with the weights of a checkpoint, in its shape",
      .value = "FILE", .passing = true },
    { "out", RP_TRAIN_TEXT, AT(out), 1, 0,
      "where runs are kept, 001, 002, ...", .value = "DIR",
      .passing = true },
    { "engine", RP_TRAIN_TEXT, AT(engine), 1, 0,
      "where it is computed: cpu, cuda, or auto, a GPU where one is",
      .value = "NAME", .passing = true },
    { "threads", RP_TRAIN_U32, AT(threads), 0, 64,
      "0: one per core; the result is the same", .passing = true },
    { "memory", RP_TRAIN_U32, AT(memory), 0, 1e6,
      "that pieces may take (0: half of the machine's)", .value = "MB",
      .passing = true },
    { "time-limit", RP_TRAIN_REAL, AT(time_limit), 0, 1e6,
      "end by then; the result then depends on the machine's speed",
      .value = "MINUTES", .passing = true },
    { "message", RP_TRAIN_TEXT, AT(message), 0, 0,
      "a note for the model card", .value = "TEXT", .passing = true },
    { "licence", RP_TRAIN_TEXT, AT(licence), 0, 0,
      "of the data, for the model card", .value = "TEXT", .passing = true },
    { "attribution", RP_TRAIN_TEXT, AT(attribution), 0, 0,
      "of the data, for the model card", .value = "TEXT", .passing = true },
};
const uint32_t rp_train_knob_count =
    sizeof rp_train_knobs / sizeof *rp_train_knobs;
_Static_assert(sizeof rp_train_knobs / sizeof *rp_train_knobs <= 64,
               "struct rp_train_options.given has 64 bits");

void rp_train_defaults(struct rp_train_options *options)
{
    *options = (struct rp_train_options){
        .role = "melody",
        .resolution = 24,
        .layers = 2,
        .hidden = 256,
        .head = 128,
        .length = 128,
        .epochs = 40,
        .precision = precisions[0],
        .engine = "cpu",
        .optimizer = rp_optimizer_names[RP_ADAMW],
        .lr = NAN,
        .momentum = NAN,
        .beta2 = NAN,
        .epsilon = NAN,
        .weight_decay = NAN,
        .clip = 1.0f,
        .warmup = 200,
        .schedule = schedules[0],
        .decay = 0.9f,
        .dropout = 0.3f,
        .input_dropout = 0.03f,
        .transpose = 6,
        .held = 0.03f,
        .metre_drop = 0.1f,
        .chord_drop = 0.1f,
        .seed = 1,
        .metre = true,
        .prior = true,
        .recall = true,
        .out = "runs",
    };
}

static void settle(float *value, float usual)
{
    if (isnan(*value))
        *value = usual;
}

void rp_train_options_settle(struct rp_train_options *options)
{
    const struct rp_optimizer *optimizer =
        rp_optimizer_find(options->optimizer);
    const struct rp_optimizer_step *usual = &optimizer->usual;

    settle(&options->lr, usual->lr);
    settle(&options->momentum, usual->momentum);
    settle(&options->beta2, usual->beta2);
    settle(&options->epsilon, usual->epsilon);
    settle(&options->weight_decay, usual->weight_decay);
    if (!strcmp(options->precision, "auto"))
        options->precision =
            precisions[rp_cells_bf16_fast() || strcmp(options->engine, "cpu")
                           ? 2
                           : 1];
}

enum rp_precision rp_train_precision(const struct rp_train_options *options)
{
    return strcmp(options->precision, "bf16") ? RP_FP32 : RP_BF16;
}

const struct rp_train_knob *rp_train_knob_find(const char *name)
{
    for (uint32_t i = 0; i < rp_train_knob_count; i++)
        if (!strcmp(rp_train_knobs[i].name, name))
            return &rp_train_knobs[i];
    return NULL;
}

static void list_words(const char *const *word, const char *between,
                       char *text, size_t size)
{
    size_t used = 0;

    text[0] = 0;
    for (; *word && used < size; word++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 used ? between : "", *word);
}

void rp_train_knob_value(const struct rp_train_knob *knob, char *text,
                         size_t size)
{
    const char *value = knob->value;

    if (!value && knob->kind == RP_TRAIN_WORD) {
        list_words(knob->words, "|", text, size);
        return;
    }
    if (!value)
        value = knob->kind == RP_TRAIN_BOOL    ? "yes|no"
                : knob->kind == RP_TRAIN_FLOAT ? "X"
                                               : "N";
    snprintf(text, size, "%s", value);
}

static rp_status refuse(const struct rp_train_knob *knob, const char *where,
                        const char *text, const char *wanted)
{
    rp_log(RP_ERROR, "train", "%s%s: '%s' is not %s", where, knob->name, text,
           wanted);
    return RP_EARG;
}

static rp_status set_word(const struct rp_train_knob *knob, const char **word,
                          const char *where, const char *text)
{
    char listed[160], wanted[180];

    for (uint32_t i = 0; knob->words[i]; i++)
        if (!strcmp(knob->words[i], text)) {
            *word = knob->words[i];
            return RP_OK;
        }
    list_words(knob->words, ", ", listed, sizeof listed);
    snprintf(wanted, sizeof wanted, "one of %s", listed);
    return refuse(knob, where, text, wanted);
}

static rp_status set_role(const struct rp_train_knob *knob, const char **name,
                          const char *where, const char *text)
{
    char wanted[160];
    struct rp_role role;

    if (rp_role_parse(text, &role)) {
        *name = rp_role_name(role);
        return RP_OK;
    }
    snprintf(wanted, sizeof wanted, "one of %s", rp_role_list);
    return refuse(knob, where, text, wanted);
}

static rp_status set_text(const struct rp_train_knob *knob, const char **at,
                          const char *where, const char *text)
{
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return refuse(knob, where, text, "one line of text");
    if ((double)strlen(text) < knob->least)
        return refuse(knob, where, text, "a name");
    *at = *text ? text : NULL;
    return RP_OK;
}

static rp_status set_bool(const struct rp_train_knob *knob, bool *yes,
                          const char *where, const char *text)
{
    if (strcmp(text, "yes") && strcmp(text, "no"))
        return refuse(knob, where, text, "'yes' or 'no'");
    *yes = !strcmp(text, "yes");
    return RP_OK;
}

static bool is_whole(const struct rp_train_knob *knob)
{
    return knob->kind == RP_TRAIN_U32 || knob->kind == RP_TRAIN_U64;
}

static void put_number(const struct rp_train_knob *knob, void *at,
                       double value)
{
    if (knob->kind == RP_TRAIN_U32)
        memcpy(at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
    else if (knob->kind == RP_TRAIN_U64)
        memcpy(at, &(uint64_t){ (uint64_t)value }, sizeof(uint64_t));
    else if (knob->kind == RP_TRAIN_REAL)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &(float){ (float)value }, sizeof(float));
}

static rp_status set_number(const struct rp_train_knob *knob, void *at,
                            const char *where, const char *text)
{
    char wanted[80], *end = NULL;
    double value;

    if (knob->automatic && !strcmp(text, "auto")) {
        put_number(knob, at, is_whole(knob) ? 0 : (double)NAN);
        return RP_OK;
    }
    errno = 0;
    value = strtod(text, &end);
    if (end != text && !*end && !errno && value >= knob->least &&
        value <= knob->most && (!is_whole(knob) || value == floor(value))) {
        put_number(knob, at, value);
        return RP_OK;
    }
    snprintf(wanted, sizeof wanted, "%sa%s number from %g to %g",
             knob->automatic ? "'auto' or " : "",
             is_whole(knob) ? " whole" : "", knob->least, knob->most);
    return refuse(knob, where, text, wanted);
}

rp_status rp_train_knob_set(const struct rp_train_knob *knob,
                            struct rp_train_options *options,
                            const char *where, const char *text)
{
    void *at = (char *)options + knob->offset;
    rp_status status;

    if (knob->kind == RP_TRAIN_WORD)
        status = set_word(knob, at, where, text);
    else if (knob->kind == RP_TRAIN_ROLE)
        status = set_role(knob, at, where, text);
    else if (knob->kind == RP_TRAIN_TEXT)
        status = set_text(knob, at, where, text);
    else if (knob->kind == RP_TRAIN_BOOL)
        status = set_bool(knob, at, where, text);
    else
        status = set_number(knob, at, where, text);
    if (!status)
        options->given |= UINT64_C(1) << (knob - rp_train_knobs);
    return status;
}

bool rp_train_knob_given(const struct rp_train_knob *knob,
                         const struct rp_train_options *options)
{
    return options->given >> (knob - rp_train_knobs) & 1;
}

rp_status rp_train_set(struct rp_train_options *options, const char *where,
                       const char *name, const char *value)
{
    char key[40];
    const char *equals = value ? NULL : strchr(name, '=');
    const struct rp_train_knob *knob;

    snprintf(key, sizeof key, "%.*s",
             (int)(equals ? equals - name : (long)strlen(name)), name);
    knob = rp_train_knob_find(key);
    value = equals ? equals + 1 : value;
    if (knob && value)
        return rp_train_knob_set(knob, options, where, value);
    if (knob)
        rp_log(RP_ERROR, "train", "%s'%s': expected %s=VALUE", where, name,
               key);
    else
        rp_log(RP_ERROR, "train",
               "%sunknown key '%s' ('riposte train --help' lists them)",
               where, key);
    return RP_EARG;
}

static bool is_auto(const struct rp_train_knob *knob, const void *at)
{
    if (!knob->automatic)
        return false;
    return knob->kind == RP_TRAIN_FLOAT ? isnan(*(const float *)at)
                                        : *(const uint32_t *)at == 0;
}

/* As few digits as give the same float again. */
static void shortest(float value, char *text, size_t size)
{
    char number[32]; /* 9 digits, sign, point and exponent */

    for (int digits = 1; digits <= 9; digits++) {
        snprintf(number, sizeof(number), "%.*g", digits, (double)value);
        if (strtof(number, NULL) == value)
            break;
    }
    snprintf(text, size, "%s", number);
}

const char *rp_train_knob_text(const struct rp_train_knob *knob,
                               const struct rp_train_options *options,
                               char *text, size_t size)
{
    const void *at = (const char *)options + knob->offset;

    switch (knob->kind) {
    case RP_TRAIN_U32:
        snprintf(text, size, "%u", *(const uint32_t *)at);
        break;
    case RP_TRAIN_U64:
        snprintf(text, size, "%llu",
                 (unsigned long long)*(const uint64_t *)at);
        break;
    case RP_TRAIN_FLOAT:
        shortest(*(const float *)at, text, size);
        break;
    case RP_TRAIN_REAL:
        snprintf(text, size, "%.17g", *(const double *)at);
        break;
    case RP_TRAIN_BOOL:
        snprintf(text, size, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case RP_TRAIN_WORD:
    case RP_TRAIN_ROLE:
    case RP_TRAIN_TEXT:
        return *(const char *const *)at;
    }
    return is_auto(knob, at) ? "auto" : text;
}

rp_status rp_train_options_save(const struct rp_train_options *options,
                                struct rp_card *card)
{
    char key[64], text[64];
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < rp_train_knob_count && !status; i++) {
        const struct rp_train_knob *knob = &rp_train_knobs[i];
        const char *value =
            rp_train_knob_text(knob, options, text, sizeof text);
        snprintf(key, sizeof key, "train.%s", knob->name);
        if (value && !knob->passing)
            status = rp_card_set(card, key, value);
    }
    return status;
}

rp_status rp_train_options_load(struct rp_train_options *options,
                                const struct rp_card *card)
{
    char key[64];
    rp_status status = RP_OK;

    options->precision = precisions[1]; /* of cards that do not say it */
    for (uint32_t i = 0; i < rp_train_knob_count && !status; i++) {
        const struct rp_train_knob *knob = &rp_train_knobs[i];
        const char *text;
        snprintf(key, sizeof key, "train.%s", knob->name);
        text = knob->passing ? NULL : rp_card_get(card, key);
        if (text)
            status = rp_train_knob_set(knob, options, "", text);
    }
    return status;
}
