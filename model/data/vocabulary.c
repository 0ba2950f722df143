#include "model/data/vocabulary.h"

const char *const rp_field_names[RP_FIELDS] = {
    "dt", "dt_rest", "pitch", "duration", "duration_rest", "velocity",
};

static uint32_t block_width(const struct rp_vocabulary *vocabulary,
                            enum rp_input_block block)
{
    switch (block) {
    case RP_IN_DT:
    case RP_IN_DURATION:
        return RP_TIME_CLASSES;
    case RP_IN_DT_REST:
    case RP_IN_DURATION_REST:
        return RP_TIME_WIDTH;
    case RP_IN_PITCH:
    case RP_IN_SOUNDING:
        return 128;
    case RP_IN_METRE:
        return vocabulary->metre ? RP_METRE_CLASSES : 0;
    case RP_IN_BEAT:
        return vocabulary->metre ? RP_BEAT_CLASSES : 0;
    case RP_IN_GRID:
        return vocabulary->metre ? RP_GRID_CLASSES : 0;
    case RP_IN_VELOCITY:
        return vocabulary->velocity ? RP_VELOCITIES : 0;
    case RP_IN_BLOCKS:
        break;
    }
    return 0;
}

uint32_t rp_vocabulary_block(const struct rp_vocabulary *vocabulary,
                             enum rp_input_block block)
{
    uint32_t first = 0;
    for (int i = 0; i < (int)block; i++)
        first += block_width(vocabulary, (enum rp_input_block)i);
    return first;
}

uint32_t rp_vocabulary_inputs(const struct rp_vocabulary *vocabulary)
{
    return rp_vocabulary_block(vocabulary, RP_IN_BLOCKS);
}

uint32_t rp_vocabulary_condition(const struct rp_vocabulary *vocabulary,
                                 enum rp_field field)
{
    uint32_t place = vocabulary->metre ? RP_METRE_CLASSES + RP_BEAT_CLASSES +
                                             RP_GRID_CLASSES
                                       : 0;
    uint32_t pitch = RP_TIME_CLASSES + RP_TIME_WIDTH + place + 128;
    switch (field) {
    case RP_DT:
        return 0;
    case RP_DT_REST:
        return RP_TIME_CLASSES;
    case RP_PITCH:
        return pitch;
    case RP_DURATION:
        return pitch + 128;
    case RP_DURATION_REST:
        return pitch + 128 + RP_TIME_CLASSES;
    case RP_VELOCITY:
        return pitch + 128 + RP_TIME_CLASSES + RP_TIME_WIDTH;
    case RP_FIELDS:
        break;
    }
    return 0;
}

uint32_t rp_vocabulary_classes(const struct rp_vocabulary *vocabulary,
                               enum rp_field field)
{
    switch (field) {
    case RP_DT:
    case RP_DURATION:
        return RP_TIME_CLASSES;
    case RP_DT_REST:
    case RP_DURATION_REST:
        return RP_TIME_WIDTH;
    case RP_PITCH:
        return 128;
    case RP_VELOCITY:
        return vocabulary->velocity ? RP_VELOCITIES : 0;
    case RP_FIELDS:
        break;
    }
    return 0;
}

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

uint32_t rp_time_ticks(struct rp_time time)
{
    uint32_t ticks = time.escapes * RP_TIME_SPAN;
    if (time.class < RP_TIME_EXACT)
        return ticks + time.class;
    return ticks + RP_TIME_EXACT +
           (uint32_t)(time.class - RP_TIME_EXACT) * RP_TIME_WIDTH + time.rest;
}

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
