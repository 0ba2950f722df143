#include "rt/clock_out.h"

#include "rt/cycle.h"

enum {
    SIXTEENTH = RP_TICKS / 4, /* ticks */
    CATCH_UP = RP_TICKS,      /* ticks that are sent late, all at once */
    SONG = 1 << 14            /* sixteenths that a song position can say */
};

static bool write(struct rp_cycle *cycle, rp_frame frame, uint8_t status,
                  int64_t position)
{
    struct rp_io *io = cycle->io;
    struct rp_event event =
        rp_event_make(status, 0, position & 127, position >> 7 & 127);

    frame = frame < cycle->clock_out.at ? cycle->clock_out.at : frame;
    frame = frame < io->frame ? io->frame : frame;
    cycle->clock_out.at = frame;
    return io->write(io, RP_WAY_CLOCK, (uint32_t)(frame - io->frame), event);
}

/* The first tick at or after `beat`. */
static int64_t tick_after(rp_beat beat)
{
    return beat / RP_TICK + (beat % RP_TICK > 0);
}

/* In sixteenths of the leader's song. */
static int64_t position(const struct rp_cycle *cycle, int64_t tick)
{
    return (tick - cycle->sync.song / RP_TICK) / SIXTEENTH;
}

/* Tells where the song goes on: with the next sixteenth, and not before its
 * beginning. */
static bool tell(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_clock_out *out = &cycle->clock_out;
    int64_t song = cycle->sync.song / RP_TICK, from = out->tick - song;

    from = from < 0 ? 0 : (from + SIXTEENTH - 1) / SIXTEENTH * SIXTEENTH;
    out->from = from + song;
    out->told = !from || write(cycle, frame, RP_POSITION,
                               position(cycle, out->from) % SONG);
    return out->told;
}

/* Runs, stops, goes on elsewhere: false when the port is full. */
static bool follow(struct rp_cycle *cycle, rp_frame frame, bool rolls)
{
    struct rp_clock_out *out = &cycle->clock_out;

    if (out->rolling && (!rolls || out->jumped)) {
        if (!write(cycle, frame, RP_STOP, 0)) {
            return false;
        }
        out->rolling = false;
    }
    out->told = out->told && rolls && !out->jumped;
    if (out->jumped || !out->ticking) {
        out->tick = tick_after(rp_clock_beat(&cycle->clock, frame));
        out->ticking = true;
        out->jumped = false;
    }
    return !rolls || out->rolling || out->told || tell(cycle, frame);
}

static bool tick(struct rp_cycle *cycle, rp_frame frame)
{
    struct rp_clock_out *out = &cycle->clock_out;

    if (out->told && !out->rolling && out->tick >= out->from) {
        if (!write(cycle, frame,
                   position(cycle, out->from) ? RP_CONTINUE : RP_START, 0)) {
            return false;
        }
        out->rolling = true;
    }
    if (!write(cycle, frame, RP_CLOCK, 0)) {
        return false;
    }
    out->tick++;
    return true;
}

/* Frames jumped ahead: some ticks are made up for, more are a jump. */
static void catch_up(struct rp_cycle *cycle)
{
    struct rp_clock_out *out = &cycle->clock_out;
    rp_beat now = rp_clock_beat(&cycle->clock, cycle->io->frame);

    if (out->ticking && now - out->tick * RP_TICK > CATCH_UP * RP_TICK) {
        out->jumped = true;
    }
}

RP_RT void rp_clock_out_play(struct rp_cycle *cycle, rp_frame until)
{
    struct rp_clock_out *out = &cycle->clock_out;
    const struct rp_io *io = cycle->io;
    rp_frame frame = cycle->played;
    bool on =
        atomic_load_explicit(&cycle->knobs->clock_out, memory_order_relaxed);

    if (!io->clock || (!on && !out->ticking)) {
        return;
    }
    if (!on) {
        out->ticking = !follow(cycle, frame, false);
        return;
    }
    catch_up(cycle);
    if (!follow(cycle, frame, rp_sync_rolls(cycle) && !cycle->stopped)) {
        return;
    }
    while ((frame = rp_cycle_due(cycle, io, out->tick * RP_TICK)) < until &&
           tick(cycle, frame)) {
    }
}

RP_RT void rp_clock_out_jump(struct rp_cycle *cycle, rp_frame frame)
{
    rp_clock_out_play(cycle, frame);
    cycle->clock_out.at = frame;
    cycle->clock_out.jumped = true;
}
