/* Following JACK's transport: its bars and tempo when somebody says them, else
 * its frames, with our own tempo. */
#include "rt/cycle_parts.h"

/* Further off than this the song was moved, or the transport stumbled. */
#define ELSEWHERE (RP_BEAT / 8)

static bool same(struct rp_metre a, struct rp_metre b)
{
    return a.beats == b.beats && a.unit == b.unit;
}

/* Our own map of the song: from its beginning, and on where the tempo turns. */
static void draw_map(struct rp_cycle *cycle, int64_t frame, bool moved)
{
    struct rp_clock *map = &cycle->sync.map;

    if (moved || map->rate != cycle->clock.rate) {
        *map = cycle->clock;
        map->frame = 0;
        map->beat = 0;
    }
    map->metre = cycle->clock.metre;
    *map = rp_clock_turn(map, frame, cycle->clock.mbpm);
}

/* Where the song is at the beginning of this period: beats since its own, and
 * since its bar line. */
static rp_beat place(struct rp_cycle *cycle, const struct rp_transport *now,
                     rp_beat *into)
{
    rp_beat bar = rp_metre_bar(cycle->clock.metre), beat;

    if (now->led) {
        *into = now->into;
        return now->bar * bar + now->into;
    }
    beat = rp_clock_beat(&cycle->sync.map, now->frame);
    *into = (beat % bar + bar) % bar;
    return beat;
}

/* How far our beat is behind what the transport says it may be, or ahead. */
static rp_beat behind(const struct rp_cycle *cycle, rp_frame frame,
                      rp_beat beat, rp_beat grain)
{
    rp_beat off = beat - rp_clock_beat(&cycle->clock, frame);

    return off > 0 ? off : off + grain < 0 ? off + grain : 0;
}

static void follow(struct rp_cycle *cycle, const struct rp_io *io,
                   const struct rp_transport *now)
{
    struct rp_sync *sync = &cycle->sync;
    bool rolled = sync->leader == RP_LEADER_ROLLS;
    rp_beat into, beat, error;

    if (now->led && !same(now->metre, cycle->clock.metre)) {
        rp_cycle_turn_metre(cycle, io->frame, now->metre);
        rolled = false; /* bars are counted anew */
    }
    beat = place(cycle, now, &into);
    error =
        behind(cycle, io->frame, sync->song + beat, now->led ? now->grain : 0);
    if (rolled && now->led && (error > ELSEWHERE || error < -ELSEWHERE)) {
        /* another bar, perhaps, but the same place in it */
        rp_beat bar = rp_metre_bar(cycle->clock.metre), bars;

        bars = (error + (error < 0 ? -bar : bar) / 2) / bar * bar;
        sync->song -= bars;
        error -= bars;
    }
    if (!rolled || error > ELSEWHERE || error < -ELSEWHERE) {
        rp_sync_locate(cycle, io->frame, beat, into);
        error = 0;
    }
    if (now->led) {
        rp_sync_steer(cycle, io->frame, now->mbpm, error);
    } else if (error) {
        rp_sync_steer(cycle, io->frame, sync->map.mbpm, error);
        sync->led = false;
    }
}

RP_RT void rp_sync_jack(struct rp_cycle *cycle, const struct rp_io *io)
{
    const struct rp_transport *now = io->transport;
    struct rp_sync *sync = &cycle->sync;

    if (!now) {
        return;
    }
    draw_map(cycle, now->frame, now->frame != sync->expected);
    sync->expected = now->frame + (now->rolling ? io->frames : 0);
    if (sync->by != RP_SYNC_JACK) {
        return;
    }
    if (!now->rolling) {
        if (sync->leader == RP_LEADER_ROLLS) {
            rp_sync_stand(cycle);
        }
        sync->leader = RP_LEADER_STANDS;
    } else {
        follow(cycle, io, now);
    }
}

RP_RT void rp_sync_map(struct rp_cycle *cycle, int64_t frame, bool moved,
                       struct rp_clock *map)
{
    draw_map(cycle, frame, moved);
    *map = cycle->sync.map;
}
