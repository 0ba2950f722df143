/* Leads riposte and listens, over JACK: as the sender of a MIDI clock with
 * jitter, or as who says the transport's bars and tempo. Plays a call, waits
 * for the answer, and in its middle stops, goes on elsewhere, or changes the
 * tempo. Checks that every answer's onset is on the leader's grid of 24 to a
 * beat, and that nothing sounds where the leader stands.
 *   jack_clock midi SIGMA_MS | transport
 * Two JACK clients: leader -> riposte -> listener, all in one period. */
#include <jack/transport.h>
#include <math.h>
#include <stdbool.h>

#include "tests/live/jack_common.h"

enum { TICKS = 24, SOON = 100 /* ms in which a stop must be obeyed */ };

/* From frame `from` on (of JACK, or of the song) it is `beat`, ... */
struct grid {
    double from, beat, bpm;
};

static struct {
    _Atomic uint32_t count;
    struct traced event[TRACE_ROOM];
} plan; /* main appends, the leader's callback sends */

struct onset {
    jack_nframes_t frame;
    double song; /* frame of the transport */
};

static jack_client_t *leader, *listener;
static jack_port_t *port_out, *port_answer, *port_clock;
static struct trace heard, ticks;
static struct onset onset[4096];
static _Atomic uint32_t onsets, sounding;
static _Atomic jack_nframes_t reached;
static _Atomic int64_t song; /* frame of the transport there */
static struct grid grids[8];
static _Atomic uint32_t grids_used;
static double rate, bpm = 200, worst;
static int failures;

#define FAIL(...) (failures++, printf("failed: " __VA_ARGS__))

static int lead(jack_nframes_t frames, void *self)
{
    static uint32_t next;
    jack_nframes_t start = jack_last_frame_time(leader);
    void *buffer = jack_port_get_buffer(port_out, frames);
    uint32_t count = atomic_load(&plan.count);

    (void)self;
    jack_midi_clear_buffer(buffer);
    for (; next < count; next++) {
        const struct traced *e = &plan.event[next];
        int32_t at = (int32_t)(e->frame - start);

        if (at >= (int32_t)frames)
            break;
        jack_midi_event_write(buffer, at < 0 ? 0 : (jack_nframes_t)at, e->data,
                              e->size);
    }
    return 0;
}

static int listen(jack_nframes_t frames, void *self)
{
    static struct sounding held;
    static uint32_t seen;
    jack_nframes_t start = jack_last_frame_time(listener);
    jack_position_t position;

    (void)self;
    jack_transport_query(listener, &position);
    trace_port(&heard, port_answer, start, frames, 9);
    trace_port(&ticks, port_clock, start, frames, -1);
    for (; seen < heard.count; seen++) {
        const struct traced *e = &heard.event[seen];
        uint32_t n = atomic_load(&onsets);

        sounding_hear(&held, e);
        if (is_on(e) && n < 4096) {
            onset[n] = (struct onset){
                e->frame, (double)position.frame + (e->frame - start)};
            atomic_store(&onsets, n + 1);
        }
    }
    atomic_store(&sounding, (uint32_t)sounding_count(&held));
    atomic_store(&song, position.frame);
    atomic_store(&reached, start + frames);
    return 0;
}

/* ---- who says the bars ---- */

static const struct grid *grid_at(double frame)
{
    uint32_t i = atomic_load(&grids_used) - 1;

    while (i && frame < grids[i].from)
        i--;
    return &grids[i];
}

static double beat_at(double frame)
{
    const struct grid *grid = grid_at(frame);

    return grid->beat + (frame - grid->from) * grid->bpm / 60 / rate;
}

static void begin_grid(double from, double beat)
{
    uint32_t n = atomic_load(&grids_used);

    grids[n] = (struct grid){from, beat, bpm};
    atomic_store(&grids_used, n + 1);
}

static void say_bars(jack_transport_state_t state, jack_nframes_t frames,
                     jack_position_t *position, int moved, void *self)
{
    double beat = beat_at(position->frame);
    int whole = (int)floor(beat);

    (void)state, (void)frames, (void)moved, (void)self;
    position->valid = JackPositionBBT;
    position->bar = whole / 4 + 1;
    position->beat = whole % 4 + 1;
    position->tick = (int32_t)((beat - whole) * 960);
    position->bar_start_tick = whole / 4 * 4 * 960;
    position->beats_per_bar = 4;
    position->beat_type = 4;
    position->ticks_per_beat = 960;
    position->beats_per_minute = grid_at(position->frame)->bpm;
}

/* ---- main ---- */

static void send(double frame, int size, int a, int b, int c)
{
    uint32_t n = atomic_load(&plan.count);

    plan.event[n] = (struct traced){(jack_nframes_t)(frame + 0.5),
                                    (uint8_t)size,
                                    {(uint8_t)a, (uint8_t)b, (uint8_t)c}};
    atomic_store(&plan.count, n + 1);
}

static double normal(void)
{
    double u = (rand() + 1.0) / (RAND_MAX + 2.0), v = rand() / (double)RAND_MAX;

    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* A clock: what it has sent, and what of the call goes with it. */
static double sigma, next_tick, last_sent;
static int call_tick = -1; /* ticks since the call began; -1: none */

static void play_call(double frame)
{
    static const int pitch[] = {60, 62, 64, 65, 67, 64};

    if (call_tick >= 0 && call_tick % TICKS == 0 && call_tick / TICKS < 6)
        send(frame, 3, 0x90, pitch[call_tick / TICKS], 90);
    if (call_tick >= 0 && call_tick % TICKS == 18 && call_tick / TICKS < 6)
        send(frame, 3, 0x80, pitch[call_tick / TICKS], 64);
    call_tick += call_tick >= 0;
}

/* Ticks until a quarter of a second ahead. */
static void tick_on(bool sends)
{
    double step = rate * 60 / bpm / TICKS;

    while (next_tick < (double)atomic_load(&reached) + rate / 4) {
        double at = next_tick + normal() * sigma * rate / 1000;

        at = at < last_sent ? last_sent : at;
        last_sent = at;
        if (sends)
            send(at, 1, 0xf8, 0, 0);
        play_call(at > next_tick ? at : next_tick);
        last_sent = at > next_tick ? at : next_tick;
        next_tick += step;
    }
}

static bool wait_onsets(uint32_t more, bool sends, double seconds)
{
    uint32_t want = atomic_load(&onsets) + more;

    for (; atomic_load(&onsets) < want && seconds > 0; seconds -= 0.01) {
        tick_on(sends);
        usleep(10000);
    }
    return atomic_load(&onsets) >= want;
}

static void wait_for(double seconds, bool sends)
{
    for (; seconds > 0; seconds -= 0.01) {
        tick_on(sends);
        usleep(10000);
    }
}

/* Every onset from `first` on; `jack`: the grid counts JACK's frames. */
static void check_grid(const char *what, uint32_t first, bool jack,
                       double most)
{
    uint32_t last = atomic_load(&onsets);
    double here = 0;

    for (uint32_t i = first; i < last; i++) {
        double frame = jack ? onset[i].frame : onset[i].song;
        double at = beat_at(frame) * TICKS, off = at - floor(at + 0.5);
        double ms = fabs(off) / TICKS * 60000 / grid_at(frame)->bpm;

        here = ms > here ? ms : here;
    }
    printf("%s: %u onsets, at most %.2f ms off the grid\n", what, last - first,
           here);
    worst = here > worst ? here : worst;
    if (!(here <= most) || last == first)
        FAIL("%s: %u onsets, %.2f ms off the grid\n", what, last - first, here);
}

/* Where the leader stopped at `frame`: soon nothing sounds, and stays so. */
static void check_silence(const char *what, uint32_t was, double frame)
{
    uint32_t now = atomic_load(&onsets);

    for (uint32_t i = was; i < now; i++)
        if (onset[i].frame > frame + rate * SOON / 1000)
            FAIL("%s: a note begins %.0f ms after it\n", what,
                 (onset[i].frame - frame) * 1000 / rate);
    if (atomic_load(&sounding))
        FAIL("%s: %u still sound\n", what, atomic_load(&sounding));
}

static void check_clock_port(void)
{
    int start = 0, stop = 0, position = 0, go = 0;
    uint32_t n = atomic_load(&ticks.count), clocks = 0;
    jack_nframes_t last = 0, first = 0;

    for (uint32_t i = 0; i < n; i++) {
        start += ticks.event[i].data[0] == 0xfa;
        stop += ticks.event[i].data[0] == 0xfc;
        position += ticks.event[i].data[0] == 0xf2;
        go += ticks.event[i].data[0] == 0xfb;
    }
    for (uint32_t i = n; i-- && clocks <= 96;)
        if (ticks.event[i].data[0] == 0xf8) {
            last = clocks ? last : ticks.event[i].frame;
            first = ticks.event[i].frame;
            clocks++;
        }
    double read = 60 * rate * 4 / (double)(last - first);
    printf("riposte:clock: Start %d, Stop %d, position %d, Continue %d, "
           "%.2f BPM\n", start, stop, position, go, read);
    if (!start || !stop || position != 1 || !go || !(fabs(read - bpm) < 1))
        FAIL("riposte:clock says something else\n");
}

static void lead_clock(void)
{
    double stopped;
    uint32_t was;

    next_tick = (double)atomic_load(&reached) + rate / 3;
    begin_grid(next_tick, 0);
    send(next_tick - 100, 1, 0xfa, 0, 0);
    last_sent = next_tick;
    wait_for(0.4, true);
    call_tick = 0;
    if (!wait_onsets(3, true, 12))
        FAIL("no answer under a MIDI clock\n");
    check_grid("MIDI clock", 0, true, 2 * sigma + 1.5);
    stopped = last_sent + 1;
    send(stopped, 1, 0xfc, 0, 0);
    last_sent = stopped;
    wait_for(0.2, true);
    was = atomic_load(&onsets);
    wait_for(1.5, true); /* main, which says so, may wait for a disk */
    check_silence("Stop", was, stopped);

    next_tick += 0.37 * rate * 60 / bpm / TICKS; /* somewhere else */
    begin_grid(next_tick, 10);
    send(next_tick - 200, 3, 0xf2, 40, 0);
    send(next_tick - 100, 1, 0xfb, 0, 0);
    last_sent = next_tick;
    wait_for(0.5, true);
    call_tick = 0;
    was = atomic_load(&onsets);
    if (!wait_onsets(3, true, 12))
        FAIL("no answer after Continue\n");
    check_grid("Continue at 10", was, true, 2 * sigma + 1.5);
    check_clock_port();
}

static void lead_transport(void)
{
    uint32_t was;

    begin_grid(0, 0);
    if (jack_set_timebase_callback(leader, 0, say_bars, NULL))
        FAIL("nobody may say bars\n");
    jack_transport_locate(leader, 0);
    jack_transport_start(leader);
    usleep(200000);
    next_tick = (double)atomic_load(&reached) + rate / 4;
    call_tick = 0;
    if (!wait_onsets(3, false, 12))
        FAIL("no answer with the transport\n");
    check_grid("transport", 0, false, 0.5);
    was = atomic_load(&onsets);
    bpm = 140; /* beat and frame of a moment that is to come */
    double from = (double)atomic_load(&song) + 1024;
    begin_grid(from, beat_at(from));
    if (!wait_onsets(2, false, 6))
        FAIL("no more of the answer after the change of tempo\n");
    check_grid("to 140 BPM", was, false, 0.5);
    jack_transport_locate(leader, (jack_nframes_t)(30 * rate));
    wait_for(0.3, false);
    was = atomic_load(&onsets);
    wait_for(0.3, false);
    check_silence("locate", was, 0);

    call_tick = 0;
    if (!wait_onsets(3, false, 12))
        FAIL("no answer after the locate\n");
    check_grid("located", was, false, 0.5);
    jack_transport_stop(leader);
    double stopped = (double)atomic_load(&reached) + rate / 20;
    was = atomic_load(&onsets);
    wait_for(0.5, false);
    check_silence("transport stopped", was, stopped);
}

int main(int count, char **arg)
{
    bool midi = count == 3 && !strcmp(arg[1], "midi");

    if (!midi && !(count == 2 && !strcmp(arg[1], "transport")))
        return 2;
    sigma = midi ? atof(arg[2]) : 0;
    srand(1);
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    leader = jack_join("leader", 5);
    listener = jack_join("listener", 5);
    if (!leader || !listener)
        return 1;
    rate = jack_get_sample_rate(leader);
    port_out = jack_port_register(leader, "out", JACK_DEFAULT_MIDI_TYPE,
                                  JackPortIsOutput, 0);
    port_answer = jack_port_register(listener, "answer", JACK_DEFAULT_MIDI_TYPE,
                                     JackPortIsInput, 0);
    port_clock = jack_port_register(listener, "clock", JACK_DEFAULT_MIDI_TYPE,
                                    JackPortIsInput, 0);
    jack_set_process_callback(leader, lead, NULL);
    jack_set_process_callback(listener, listen, NULL);
    if (jack_activate(leader) || jack_activate(listener) ||
        !join_ports(leader, "leader:out", "riposte:in") ||
        !join_ports(leader, "riposte:out", "listener:answer") ||
        !join_ports(leader, "riposte:clock", "listener:clock"))
        return 1;
    usleep(200000);
    if (midi)
        lead_clock();
    else
        lead_transport();
    jack_client_close(leader);
    jack_client_close(listener);
    return failures != 0;
}
