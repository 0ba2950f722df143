#include "model/train_options.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

#define AT(field) offsetof(struct rp_train_options, field)

/* The options point at these words. */
static const char *const roles[] = { "melody", "all", NULL };
static const char *const schedules[] = { "cosine", "plateau", NULL };

const struct rp_train_knob rp_train_knobs[] = {
    { "role", RP_TRAIN_WORD, AT(role), 0, 0,
      "which notes of a file", roles },
    { "layers", RP_TRAIN_U32, AT(layers), 1, RP_LAYERS_MAX, "GRU layers" },
    { "hidden", RP_TRAIN_U32, AT(hidden), 16, RP_HIDDEN_MAX,
      "units of a layer, a multiple of 16" },
    { "head", RP_TRAIN_U32, AT(head), 16, RP_HEAD_MAX,
      "units of an output head, a multiple of 16" },
    { "batch", RP_TRAIN_U32, AT(batch), 1, 1024, "phrases learned at once" },
    { "length", RP_TRAIN_U32, AT(length), 8, 4096, "notes of such a phrase" },
    { "epochs", RP_TRAIN_U32, AT(epochs), 1, 100000,
      "times through the data" },
    { "lr", RP_TRAIN_FLOAT, AT(lr), 1e-7, 1, "learning rate at its highest" },
    { "warmup", RP_TRAIN_U32, AT(warmup), 0, 1e6,
      "steps until the rate is reached" },
    { "schedule", RP_TRAIN_WORD, AT(schedule), 0, 0,
      "the rate falls to the end, or when validation stands still",
      schedules },
    { "decay", RP_TRAIN_FLOAT, AT(decay), 0.01, 1,
      "plateau: the rate times this after an epoch without a better loss" },
    { "average", RP_TRAIN_FLOAT, AT(average), 0, 0.99999,
      "share of the past in averaged weights, which are validated and kept "
      "as best (0: none)" },
    { "weight-decay", RP_TRAIN_FLOAT, AT(weight_decay), 0, 10,
      "of weights, not of biases" },
    { "clip", RP_TRAIN_FLOAT, AT(clip), 0, 1e6,
      "longest gradient, as a norm (0: any)" },
    { "dropout", RP_TRAIN_FLOAT, AT(dropout), 0, 0.9,
      "of units between layers and before the heads" },
    { "recurrent-dropout", RP_TRAIN_FLOAT, AT(recurrent_dropout), 0, 0.9,
      "of single recurrent weights" },
    { "input-dropout", RP_TRAIN_FLOAT, AT(input_dropout), 0, 0.9,
      "of whole fields of what is heard" },
    { "held", RP_TRAIN_FLOAT, AT(held), 0, 1,
      "share of notes heard without their length" },
    { "metre-drop", RP_TRAIN_FLOAT, AT(metre_drop), 0, 1,
      "share of phrases without a metre" },
    { "smoothing", RP_TRAIN_FLOAT, AT(smoothing), 0, 0.5, "of labels" },
    { "patience", RP_TRAIN_U32, AT(patience), 0, 100000,
      "stop after so many epochs without a better loss (0: never)" },
    { "seed", RP_TRAIN_U64, AT(seed), 0, 0x1p53, "of all that is random" },
    { "velocity", RP_TRAIN_BOOL, AT(velocity), 0, 1,
      "learn velocities too (no: they follow the call)" },
    { "metre", RP_TRAIN_BOOL, AT(metre), 0, 1,
      "tell the network the position in the bar" },
};
const uint32_t rp_train_knob_count =
    sizeof rp_train_knobs / sizeof *rp_train_knobs;

void rp_train_defaults(struct rp_train_options *options)
{
    *options = (struct rp_train_options){
        .role = "melody",
        .layers = 2,
        .hidden = 256,
        .head = 128,
        .batch = 64,
        .length = 128,
        .epochs = 40,
        .lr = 2e-3f,
        .warmup = 200,
        .schedule = "cosine",
        .decay = 0.9f,
        .weight_decay = 0.05f,
        .clip = 1.0f,
        .dropout = 0.3f,
        .input_dropout = 0.03f,
        .held = 0.03f,
        .metre_drop = 0.1f,
        .seed = 1,
        .metre = true,
        .resolution = 24,
        .out = "runs",
    };
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
    if (knob->kind == RP_TRAIN_WORD)
        list_words(knob->words, "|", text, size);
    else
        snprintf(text, size, "%s",
                 knob->kind == RP_TRAIN_BOOL    ? "yes|no"
                 : knob->kind == RP_TRAIN_FLOAT ? "X"
                                                : "N");
}

static rp_status refuse(const struct rp_train_knob *knob, const char *text,
                        const char *wanted)
{
    rp_log(RP_ERROR, "train", "%s: '%s' is not %s", knob->name, text, wanted);
    return RP_EARG;
}

static rp_status set_word(const struct rp_train_knob *knob, const char **word,
                          const char *text)
{
    char listed[160], wanted[180];

    for (uint32_t i = 0; knob->words[i]; i++)
        if (!strcmp(knob->words[i], text)) {
            *word = knob->words[i];
            return RP_OK;
        }
    list_words(knob->words, ", ", listed, sizeof listed);
    snprintf(wanted, sizeof wanted, "one of %s", listed);
    return refuse(knob, text, wanted);
}

static rp_status set_bool(const struct rp_train_knob *knob, bool *yes,
                          const char *text)
{
    if (strcmp(text, "yes") && strcmp(text, "no"))
        return refuse(knob, text, "'yes' or 'no'");
    *yes = !strcmp(text, "yes");
    return RP_OK;
}

rp_status rp_train_knob_set(const struct rp_train_knob *knob,
                            struct rp_train_options *options, const char *text)
{
    void *at = (char *)options + knob->offset;
    char wanted[80], *end = NULL;
    double value;

    if (knob->kind == RP_TRAIN_WORD)
        return set_word(knob, at, text);
    if (knob->kind == RP_TRAIN_BOOL)
        return set_bool(knob, at, text);
    errno = 0;
    value = strtod(text, &end);
    snprintf(wanted, sizeof wanted, "a%s number from %g to %g",
             knob->kind == RP_TRAIN_FLOAT ? "" : " whole", knob->least,
             knob->most);
    if (end == text || *end || errno ||
        !(value >= knob->least && value <= knob->most) ||
        (knob->kind != RP_TRAIN_FLOAT && value != floor(value)))
        return refuse(knob, text, wanted);
    if (knob->kind == RP_TRAIN_U32)
        memcpy(at, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
    else if (knob->kind == RP_TRAIN_U64)
        memcpy(at, &(uint64_t){ (uint64_t)value }, sizeof(uint64_t));
    else
        memcpy(at, &(float){ (float)value }, sizeof(float));
    return RP_OK;
}

void rp_train_knob_text(const struct rp_train_knob *knob,
                        const struct rp_train_options *options, char *text,
                        size_t size)
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
        snprintf(text, size, "%.9g", (double)*(const float *)at);
        break;
    case RP_TRAIN_BOOL:
        snprintf(text, size, "%s", *(const bool *)at ? "yes" : "no");
        break;
    case RP_TRAIN_WORD:
        snprintf(text, size, "%s", *(const char *const *)at);
        break;
    }
}

rp_status rp_train_options_save(const struct rp_train_options *options,
                                struct rp_card *card)
{
    char key[64], text[64];
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < rp_train_knob_count && !status; i++) {
        snprintf(key, sizeof key, "train.%s", rp_train_knobs[i].name);
        rp_train_knob_text(&rp_train_knobs[i], options, text, sizeof text);
        status = rp_card_set(card, key, text);
    }
    return status;
}

rp_status rp_train_options_load(struct rp_train_options *options,
                                const struct rp_card *card)
{
    char key[64];

    for (uint32_t i = 0; i < rp_train_knob_count; i++) {
        const char *text;
        rp_status status;
        snprintf(key, sizeof key, "train.%s", rp_train_knobs[i].name);
        text = rp_card_get(card, key);
        if (!text)
            continue;
        status = rp_train_knob_set(&rp_train_knobs[i], options, text);
        if (status)
            return status;
    }
    return RP_OK;
}
