#include "rt/clock.h"

typedef __int128 wide;

/* Rounds down, also below zero; `by` > 0. */
static wide floor_div(wide value, wide by)
{
    wide quotient = value / by;

    return value % by < 0 ? quotient - 1 : quotient;
}

static int64_t saturate(wide value)
{
    return value > INT64_MAX   ? INT64_MAX
           : value < INT64_MIN ? INT64_MIN
                               : (int64_t)value;
}

/* beats/frame = units / frames, an exact rational. */
static wide units(const struct rp_clock *clock)
{
    return (wide)RP_BEAT * clock->mbpm;
}

static wide frames(const struct rp_clock *clock)
{
    return (wide)60000 * clock->rate;
}

RP_RT rp_beat rp_clock_beat(const struct rp_clock *clock, rp_frame frame)
{
    wide since = (wide)frame - clock->frame;

    return saturate(clock->beat +
                    floor_div(since * units(clock), frames(clock)));
}

RP_RT rp_frame rp_clock_frame(const struct rp_clock *clock, rp_beat beat)
{
    wide since = (wide)beat - clock->beat;
    wide by = units(clock);

    return saturate(clock->frame +
                    floor_div(2 * since * frames(clock) + by, 2 * by));
}

RP_RT struct rp_clock rp_clock_turn(const struct rp_clock *clock,
                                    rp_frame frame, uint32_t mbpm)
{
    struct rp_clock turned = *clock;

    if (mbpm && mbpm != clock->mbpm) {
        turned.beat = rp_clock_beat(clock, frame);
        turned.frame = frame;
        turned.mbpm = mbpm;
    }
    return turned;
}

RP_RT rp_beat rp_metre_bar(struct rp_metre metre)
{
    if (!metre.beats || !metre.unit) {
        return 4 * RP_BEAT;
    }
    return 4 * RP_BEAT / metre.unit * metre.beats;
}

RP_RT rp_beat rp_metre_beat(struct rp_metre metre)
{
    rp_beat unit = metre.unit ? 4 * RP_BEAT / metre.unit : RP_BEAT;

    if (metre.unit >= 8 && metre.beats > 3 && metre.beats % 3 == 0) {
        return 3 * unit; /* 6/8, 9/8, 12/8: counted in dotted notes */
    }
    return unit;
}

RP_RT rp_beat rp_clock_bar_before(const struct rp_clock *clock, rp_beat beat)
{
    wide bar = rp_metre_bar(clock->metre);

    return saturate(clock->bar + bar * floor_div((wide)beat - clock->bar, bar));
}

RP_RT rp_beat rp_clock_beat_after(const struct rp_clock *clock, rp_beat beat)
{
    wide step = rp_metre_beat(clock->metre);

    return saturate(clock->bar -
                    step * floor_div((wide)clock->bar - beat, step));
}

RP_RT bool rp_clock_same(const struct rp_clock *a, const struct rp_clock *b)
{
    return a->rate == b->rate && a->mbpm == b->mbpm && a->frame == b->frame &&
           a->beat == b->beat && a->bar == b->bar &&
           a->metre.beats == b->metre.beats && a->metre.unit == b->metre.unit &&
           a->anchored == b->anchored;
}
