#include "model/data/vocabulary.h"

#include <stddef.h>

#include "model/data/chord.h"
#include "model/data/recall.h"

const char *const rp_field_names[RP_FIELDS] = {
    "dt",       "dt_rest", "pitch", "duration", "duration_rest",
    "velocity", "timing",
};

const char *const rp_feature_names[RP_FEATURES] = {
    "metre",
    "velocity",
    "chord",
    "timing",
    "recall",
    "runs",
    "voices",
};

enum { ALWAYS = RP_FEATURES };

/* A block of a sparse vector, and the feature that it belongs to. */
struct block {
    uint16_t width;
    uint8_t feature;
};

static const struct block inputs[RP_IN_BLOCKS] = {
    [RP_IN_DT] = { RP_TIME_CLASSES, ALWAYS },
    [RP_IN_DT_REST] = { RP_TIME_WIDTH, ALWAYS },
    [RP_IN_PITCH] = { 128, ALWAYS },
    [RP_IN_DURATION] = { RP_TIME_CLASSES, ALWAYS },
    [RP_IN_DURATION_REST] = { RP_TIME_WIDTH, ALWAYS },
    [RP_IN_SOUNDING] = { 128, ALWAYS },
    [RP_IN_METRE] = { RP_METRE_CLASSES, RP_HAS_METRE },
    [RP_IN_BEAT] = { RP_BEAT_CLASSES, RP_HAS_METRE },
    [RP_IN_GRID] = { RP_GRID_CLASSES, RP_HAS_METRE },
    [RP_IN_VELOCITY] = { RP_VELOCITIES, RP_HAS_VELOCITY },
    [RP_IN_CHORD_ROOT] = { 12, RP_HAS_CHORD },
    [RP_IN_CHORD_QUALITY] = { RP_QUALITIES, RP_HAS_CHORD },
    [RP_IN_CHORD_TONES] = { 12, RP_HAS_CHORD },
    [RP_IN_TIMING] = { RP_TIMINGS, RP_HAS_TIMING },
    [RP_IN_RECALL] = { 2 * RP_RECALL_SIZES, RP_HAS_RECALL },
    [RP_IN_RECALL_DT] = { RP_RECALL_SIZES * RP_TIME_CLASSES, RP_HAS_RECALL },
    [RP_IN_RECALL_PITCH] = { RP_RECALL_SIZES * 128, RP_HAS_RECALL },
    [RP_IN_ENDED] = { 128, RP_HAS_VOICES },
    [RP_IN_STRUCK] = { 128, RP_HAS_VOICES },
};

static const struct block conditions[RP_ON_BLOCKS] = {
    [RP_ON_RECALL] = { 2 * RP_RECALL_SIZES, RP_HAS_RECALL },
    [RP_ON_RECALL_DT] = { RP_RECALL_SIZES * RP_TIME_CLASSES, RP_HAS_RECALL },
    [RP_ON_LEFT] = { RP_TIME_CLASSES, RP_HAS_VOICES },
    [RP_ON_DT] = { RP_TIME_CLASSES, ALWAYS },
    [RP_ON_DT_REST] = { RP_TIME_WIDTH, ALWAYS },
    [RP_ON_METRE] = { RP_METRE_CLASSES, RP_HAS_METRE },
    [RP_ON_BEAT] = { RP_BEAT_CLASSES, RP_HAS_METRE },
    [RP_ON_GRID] = { RP_GRID_CLASSES, RP_HAS_METRE },
    [RP_ON_CHORD_ROOT] = { 12, RP_HAS_CHORD },
    [RP_ON_CHORD_QUALITY] = { RP_QUALITIES, RP_HAS_CHORD },
    [RP_ON_CHORD_TONES] = { 12, RP_HAS_CHORD },
    [RP_ON_SOUNDING] = { 128, ALWAYS },
    [RP_ON_RECALL_PITCH] = { (RP_RECALL_SIZES + 1) * 128, RP_HAS_RECALL },
    [RP_ON_ENDED] = { 128, RP_HAS_VOICES },
    [RP_ON_STRUCK] = { 128, RP_HAS_VOICES },
    [RP_ON_GOES] = { RP_TIME_CLASSES, RP_HAS_VOICES },
    [RP_ON_PITCH] = { 128, ALWAYS },
    [RP_ON_RECALL_DURATION] = { (RP_RECALL_SIZES + 1) * RP_TIME_CLASSES,
                                RP_HAS_RECALL },
    [RP_ON_DURATION] = { RP_TIME_CLASSES, ALWAYS },
    [RP_ON_DURATION_REST] = { RP_TIME_WIDTH, ALWAYS },
    [RP_ON_VELOCITY] = { RP_VELOCITIES, RP_HAS_VELOCITY },
};

/* `sees`: so many blocks of the condition. */
static const struct {
    uint8_t classes, feature, sees;
} fields[RP_FIELDS] = {
    [RP_DT] = { RP_TIME_CLASSES, ALWAYS, RP_ON_LEFT + 1 },
    [RP_DT_REST] = { RP_TIME_WIDTH, ALWAYS, RP_ON_DT + 1 },
    [RP_PITCH] = { 128, ALWAYS, RP_ON_GOES + 1 },
    [RP_DURATION] = { RP_TIME_CLASSES, ALWAYS, RP_ON_RECALL_DURATION + 1 },
    [RP_DURATION_REST] = { RP_TIME_WIDTH, ALWAYS, RP_ON_DURATION + 1 },
    [RP_VELOCITY] = { RP_VELOCITIES, RP_HAS_VELOCITY,
                      RP_ON_DURATION_REST + 1 },
    [RP_TIMING] = { RP_TIMINGS, RP_HAS_TIMING, RP_ON_BLOCKS },
};

static const size_t switches[RP_FEATURES] = {
    [RP_HAS_METRE] = offsetof(struct rp_vocabulary, metre),
    [RP_HAS_VELOCITY] = offsetof(struct rp_vocabulary, velocity),
    [RP_HAS_CHORD] = offsetof(struct rp_vocabulary, chord),
    [RP_HAS_TIMING] = offsetof(struct rp_vocabulary, timing),
    [RP_HAS_RECALL] = offsetof(struct rp_vocabulary, recall),
    [RP_HAS_RUNS] = offsetof(struct rp_vocabulary, runs),
    [RP_HAS_VOICES] = offsetof(struct rp_vocabulary, voices),
};

RP_SHARED
bool rp_vocabulary_has(const struct rp_vocabulary *vocabulary,
                       enum rp_feature feature)
{
    return *(const bool *)((const char *)vocabulary + switches[feature]);
}

RP_SHARED
void rp_vocabulary_set(struct rp_vocabulary *vocabulary,
                       enum rp_feature feature, bool on)
{
    *(bool *)((char *)vocabulary + switches[feature]) = on;
}

static uint32_t width_of(const struct rp_vocabulary *vocabulary,
                         struct block block)
{
    if (block.feature == ALWAYS)
        return block.width;
    return rp_vocabulary_has(vocabulary, (enum rp_feature)block.feature)
               ? block.width
               : 0;
}

RP_SHARED
uint32_t rp_vocabulary_input_width(const struct rp_vocabulary *vocabulary,
                                   enum rp_input_block block)
{
    return width_of(vocabulary, inputs[block]);
}

RP_SHARED
uint32_t rp_vocabulary_condition_width(const struct rp_vocabulary *vocabulary,
                                       enum rp_condition_block block)
{
    return width_of(vocabulary, conditions[block]);
}

RP_SHARED
uint32_t rp_vocabulary_block(const struct rp_vocabulary *vocabulary,
                             enum rp_input_block block)
{
    uint32_t first = 0;
    for (int i = 0; i < (int)block; i++)
        first += width_of(vocabulary, inputs[i]);
    return first;
}

RP_SHARED
uint32_t rp_vocabulary_inputs(const struct rp_vocabulary *vocabulary)
{
    return rp_vocabulary_block(vocabulary, RP_IN_BLOCKS);
}

RP_SHARED
uint32_t rp_vocabulary_sees(enum rp_field field)
{
    return fields[field].sees;
}

RP_SHARED
uint32_t rp_vocabulary_condition(const struct rp_vocabulary *vocabulary,
                                 enum rp_field field)
{
    uint32_t width = 0;
    for (uint32_t i = 0; i < fields[field].sees; i++)
        width += width_of(vocabulary, conditions[i]);
    return width;
}

RP_SHARED
uint32_t rp_vocabulary_classes(const struct rp_vocabulary *vocabulary,
                               enum rp_field field)
{
    struct block block = { fields[field].classes, fields[field].feature };
    return width_of(vocabulary, block);
}

RP_SHARED
struct rp_time rp_time_from(uint32_t ticks)
{
    struct rp_time time = { ticks / RP_TIME_SPAN, 0, 0 };
    uint32_t left = ticks % RP_TIME_SPAN;
    if (left < RP_TIME_EXACT) {
        time.class = (uint8_t)left;
    } else {
        left -= RP_TIME_EXACT;
        time.class = (uint8_t)(RP_TIME_EXACT + left / RP_TIME_WIDTH);
        time.rest = (uint8_t)(left % RP_TIME_WIDTH);
    }
    return time;
}

RP_SHARED
uint32_t rp_time_ticks(struct rp_time time)
{
    uint32_t ticks = time.escapes * RP_TIME_SPAN;
    if (time.class < RP_TIME_EXACT)
        return ticks + time.class;
    return ticks + RP_TIME_EXACT +
           (uint32_t)(time.class - RP_TIME_EXACT) * RP_TIME_WIDTH + time.rest;
}

RP_SHARED
struct rp_place rp_vocabulary_place(const struct rp_vocabulary *vocabulary,
                                    struct rp_metre metre, int32_t from_bar)
{
    struct rp_place place = { 0, RP_BEAT_CLASSES - 1, 0 };
    int32_t resolution = vocabulary->resolution;
    int32_t in_beat = from_bar % resolution;

    place.grid = (uint8_t)(in_beat * RP_GRID_CLASSES / resolution);
    if (!metre.unit)
        return place;
    int32_t beat = from_bar / resolution;
    place.beat = (uint8_t)(beat < RP_BEAT_CLASSES - 2 ? beat
                                                      : RP_BEAT_CLASSES - 2);
    if (metre.unit == 8 && (metre.beats == 6 || metre.beats == 9 ||
                            metre.beats == 12))
        place.metre = (uint8_t)(15 + metre.beats / 3);
    else if (metre.beats * 8 % metre.unit)
        place.metre = 21;
    else if (metre.beats * 8 / metre.unit > 16)
        place.metre = 20;
    else
        place.metre = (uint8_t)(metre.beats * 8 / metre.unit);
    return place;
}
