#include "model/play/turn.h"

#include <string.h>

enum {
    ACCENT_BAR = 6,
    ACCENT_BEAT = 2,
    ACCENT_OFF = -3
};

RP_SHARED
void rp_turn_init(struct rp_turn *turn, uint32_t seed, uint32_t number,
                  uint32_t candidate)
{
    memset(turn, 0, sizeof *turn);
    turn->seed = seed;
    turn->number = number;
    turn->candidate = candidate;
    turn->repeats = 4;
    turn->close = INT32_MAX;
    for (uint32_t i = 0; i < 128; i++)
        turn->until[i] = INT32_MIN;
    rp_steer_init(&turn->steer);
    memset(turn->dynamics.point, 80, sizeof turn->dynamics.point);
    turn->dynamics.softest = 1;
    turn->dynamics.loudest = 127;
}

static int accent(const struct rp_dynamics *dynamics, int32_t tick)
{
    int32_t from = tick - dynamics->line;

    if (dynamics->bar > 0 && from % dynamics->bar == 0)
        return ACCENT_BAR;
    if (dynamics->beat > 0)
        return from % dynamics->beat == 0 ? ACCENT_BEAT : ACCENT_OFF;
    return 0;
}

RP_SHARED
uint8_t rp_dynamics_at(const struct rp_dynamics *dynamics, int32_t tick)
{
    int64_t place = (int64_t)tick - dynamics->start;
    int64_t length = dynamics->length > 0 ? dynamics->length : 1;
    int64_t steps = RP_DYNAMICS_POINTS - 1;
    int64_t at, part, velocity;

    if (place < 0)
        place = 0;
    if (place > length)
        place = length;
    at = place * steps / length;
    if (at == steps)
        at--;
    part = place * steps - at * length; /* 0..length towards the next point */
    velocity = (dynamics->point[at] * (length - part) +
                dynamics->point[at + 1] * part) /
               length;
    velocity += accent(dynamics, tick);
    if (velocity < dynamics->softest)
        velocity = dynamics->softest;
    if (velocity > dynamics->loudest)
        velocity = dynamics->loudest;
    return (uint8_t)(velocity < 1 ? 1 : velocity > 127 ? 127 : velocity);
}

RP_SHARED
uint32_t rp_turn_ago(const struct rp_turn *turn, uint32_t back)
{
    return (turn->notes - back) % RP_TURN_RECENT;
}

RP_SHARED
void rp_turn_bound(struct rp_turn *turn)
{
    struct rp_steer *steer = &turn->steer;
    const struct rp_note *last = rp_turn_last(turn);
    int32_t from = last ? last->onset : steer->earliest;
    int32_t half = steer->end - (steer->end - from) / 2 - 1;

    if (last && turn->alone && steer->earliest < from + last->duration)
        steer->earliest = from + last->duration;
    steer->latest = INT32_MAX;
    if (turn->widest > 0 && (int64_t)from + turn->widest < steer->end)
        steer->latest = from + turn->widest;
    if (turn->notes < turn->least && steer->end != INT32_MAX &&
        half < steer->latest)
        steer->latest = half;
    if (steer->latest < steer->earliest)
        steer->latest = steer->earliest;
}

RP_SHARED
void rp_turn_aim(struct rp_turn *turn, int32_t from)
{
    struct rp_steer *steer = &turn->steer;

    if (turn->notes) {
        steer->grid = 0;
        rp_turn_bound(turn);
        return;
    }
    steer->latest = from + steer->grid;
    if (steer->latest < steer->earliest + steer->grid - 1)
        steer->latest = steer->earliest + steer->grid - 1;
    if (steer->latest >= steer->end)
        steer->latest = steer->end - 1;
}

RP_SHARED
void rp_turn_take(struct rp_turn *turn, const struct rp_note *note)
{
    uint32_t at = turn->notes % RP_TURN_RECENT;
    int32_t before =
        turn->notes ? turn->recent[rp_turn_ago(turn, 1)].onset : note->onset;

    turn->recent[at] = *note;
    turn->until[note->pitch] = note->onset + note->duration;
    turn->recent_dt[at] = note->onset - before;
    turn->notes++;
    if (turn->steer.earliest < note->onset)
        turn->steer.earliest = note->onset;
}

RP_SHARED
const struct rp_note *rp_turn_last(const struct rp_turn *turn)
{
    return turn->notes ? &turn->recent[rp_turn_ago(turn, 1)] : NULL;
}
