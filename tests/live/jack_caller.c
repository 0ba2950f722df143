/* Plays calls from .mid files into riposte:in over JACK and listens to
 * riposte:out and riposte:thru, all at exact frames. Checks by itself: every
 * answer onset within one frame of the grid (exact rationals from the tempo
 * and the first onset sent), answers begin on a beat, thru equals what was
 * sent, nothing sounds after a turn.
 *
 *   jack_caller [--bpm N] [--turns N] [--seconds S] [--log FILE]
 *               [--grid 0] [--flood 1] [--off FRAMES] [--rtmidi 1] [--again 1]
 *               [--kill PID] CALL.mid...
 *
 * --log writes "in FRAME BYTES" and "out FRAME BYTES" for take_check.
 * --seconds repeats the calls for that long. --grid 0: something else set the
 * phase of the beat, so onsets are not compared with it. --flood 1: what is on
 * channel 16 is somebody else's. --rtmidi 1: the ports are called as RtMidi has
 * them. --off: so far from the grid, and thru from what is usual, an event may
 * be: RtMidi over JACK knows periods, not frames; how far they were is said.
 * --again 1: riposte was connected to a caller before this one, so it connects
 * this one by itself, and silences the listener before anything else.
 * --kill ends the server in the middle of an answer and logs what sounded:
 * "held CHANNEL PITCH".
 *
 * Two JACK clients, so that the graph has no loop: caller -> riposte ->
 * listener, all in one period. */
#include <signal.h>
#include <stdbool.h>
#include <time.h>

#include "tests/live/jack_common.h"
#include "tests/live/midfile.h"

/* main -> the caller's process callback: main appends, then raises count. */
static struct {
    _Atomic uint32_t count;
    struct traced event[TRACE_ROOM];
} plan;
static struct trace sent, heard, thru;
static struct trace before[2]; /* what came before there was any call */
static _Atomic int listening;
static struct jumps jumps;
static jack_client_t *caller, *listener;
static jack_port_t *port_out, *port_answer, *port_thru;
static _Atomic int gone; /* the server went away */
/* Where the listener is. jack_frame_time() is not asked: it extrapolates from
 * the last periods, and far out when they were late. */
static _Atomic jack_nframes_t reached;
static uint32_t sent_late, late_onsets; /* where the time jumped */

static struct {
    int64_t bpm, rate;
    jack_nframes_t first; /* frame of the first onset */
    int turns;
    double seconds;
    const char *log;
    pid_t kill;
    int grid, flood, rtmidi, again;
    int64_t off;     /* frames from the grid that are no fault */
    int64_t latency; /* frames from what is sent to what comes back */
} set = {.bpm = 97, .grid = 1, .off = 1};

static const char *const names[2][3] = {
    {"riposte:in", "riposte:out", "riposte:thru"},
    {"riposte-in:in", "riposte-out:out", "riposte-thru:thru"}};
static int64_t least_off, most_off; /* of all onsets, frames */
/* RtMidi's notes follow the machine's clock. JACK's frames follow it, too, but
 * for how far a busy machine holds the server back; listen_process writes. */
static _Atomic int64_t least_lag = INT64_MAX, most_lag = INT64_MIN;

static void watch_lag(jack_nframes_t start)
{
    static int64_t first_ns;
    static jack_nframes_t first_frame;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    int64_t ns = time.tv_sec * 1000000000LL + time.tv_nsec;
    if (!first_ns) {
        first_ns = ns;
        first_frame = start;
    }
    int64_t lag = (int64_t)((double)(ns - first_ns) * (double)set.rate / 1e9) -
                  (int32_t)(start - first_frame);
    if (lag < atomic_load(&least_lag))
        atomic_store(&least_lag, lag);
    if (lag > atomic_load(&most_lag))
        atomic_store(&most_lag, lag);
}

/* Frames by which an onset may be off the grid. */
static int64_t allowed(void)
{
    return set.off > 1 ? set.off + atomic_load(&most_lag) -
                             atomic_load(&least_lag)
                       : set.off;
}

static int failures;

#define FAIL(...) (failures++, printf("failed: " __VA_ARGS__))

static uint32_t count_of(struct trace *trace)
{
    return atomic_load_explicit(&trace->count, memory_order_acquire);
}

static int call_process(jack_nframes_t frames, void *self)
{
    (void)self;
    static uint32_t next;
    jack_nframes_t start = jack_last_frame_time(caller);
    void *buffer = jack_port_get_buffer(port_out, frames);
    uint32_t count = atomic_load_explicit(&plan.count, memory_order_acquire);
    jack_midi_clear_buffer(buffer);
    for (; next < count; next++) {
        struct traced *e = &plan.event[next];
        int32_t at = (int32_t)(e->frame - start);
        if (at >= (int32_t)frames)
            break;
        if (at < 0) {
            at = 0;
            sent_late++;
        }
        if (jack_midi_event_write(buffer, (jack_nframes_t)at, e->data,
                                  e->size))
            break;
        trace_add(&sent, start + (jack_nframes_t)at, e->data, e->size);
    }
    return 0;
}

static int listen_process(jack_nframes_t frames, void *self)
{
    (void)self;
    jack_nframes_t start =
        period_frame(&jumps, jack_last_frame_time(listener), frames);
    watch_lag(start);
    int now = atomic_load_explicit(&listening, memory_order_acquire);
    trace_port(now ? &heard : &before[0], port_answer, start, frames, -1);
    trace_port(now ? &thru : &before[1], port_thru, start, frames,
               set.flood ? 15 : -1);
    atomic_store_explicit(&reached, start + frames, memory_order_release);
    return 0;
}

static void shutdown_seen(void *self)
{
    (void)self;
    atomic_store(&gone, 1);
}

/* Frames from the first onset to beat num/den, nearest. */
static int64_t frames_to(int64_t num, int64_t den)
{
    int64_t n = num * 60 * set.rate, d = den * set.bpm;
    return (2 * n + d) / (2 * d);
}

/* The next whole beat at or after a frame. */
static int64_t beat_after(jack_nframes_t frame)
{
    int64_t n = (int64_t)(int32_t)(frame - set.first) * set.bpm;
    int64_t d = 60 * set.rate;
    return n <= 0 ? 0 : (n + d - 1) / d;
}

/* One grid tick is 60 rate / (bpm 24) frames: the distance of an onset from
 * its nearest tick is at most `1` frame when, times bpm 24, it is at most
 * bpm 24. The tick's number goes to *tick. */
static bool on_grid(jack_nframes_t frame, int64_t *tick, int64_t *frames)
{
    int64_t n = ((int64_t)(int32_t)(frame - set.first) - set.latency) *
                set.bpm * 24;
    int64_t d = 60 * set.rate;
    *tick = (2 * n + d) / (2 * d);
    int64_t off = n - *tick * d;
    *frames = off / (set.bpm * 24);
    return (off < 0 ? -off : off) <= allowed() * set.bpm * 24;
}

static int by_size(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Where frames are not exact: how long it usually takes from there to here. */
static void measure_latency(void)
{
    uint32_t count = count_of(&sent), outs = count_of(&thru);
    count = count < outs ? count : outs;
    int32_t *took = calloc(count + 1, sizeof *took);
    for (uint32_t i = 0; took && i < count; i++)
        took[i] = (int32_t)(thru.event[i].frame - sent.event[i].frame);
    if (set.off > 1 && took && count) {
        qsort(took, count, sizeof *took, by_size);
        set.latency = took[count / 2];
        printf("latency: %d frames, %d to %d\n", took[count / 2], took[0],
               took[count - 1]);
    }
    free(took);
}

/* Appends a call that begins at `beat`; its length in whole beats. Returns
 * the frame of its last event. */
static jack_nframes_t plan_call(const struct mid_file *mid, int64_t beat,
                                int64_t *beats)
{
    uint32_t n = atomic_load(&plan.count), begun = n;
    int64_t last = 0;
    for (int i = 0; i < mid->count && n < TRACE_ROOM; i++) {
        const struct mid_event *e = &mid->event[i];
        if (!e->size)
            continue;
        struct traced t = {.size = (uint8_t)e->size};
        t.frame = set.first + (jack_nframes_t)frames_to(
                                  beat * mid->division + e->tick,
                                  mid->division);
        memcpy(t.data, e->data, 3);
        /* Tracks follow each other in the file: keep the order of frames. */
        uint32_t at = n++;
        for (; at > begun &&
               (int32_t)(plan.event[at - 1].frame - t.frame) > 0; at--)
            plan.event[at] = plan.event[at - 1];
        plan.event[at] = t;
        last = e->tick > last ? e->tick : last;
    }
    *beats = (last + mid->division - 1) / mid->division;
    atomic_store_explicit(&plan.count, n, memory_order_release);
    return plan.event[n - 1].frame;
}

struct turn {
    const char *path;
    int64_t beat, beats;   /* where the call begins, its length */
    jack_nframes_t ended;  /* its last event */
    uint32_t before;       /* events heard before it */
};

static bool passed_by(jack_nframes_t frame)
{
    return (int32_t)(atomic_load(&reached) - frame) >= 0;
}

/* Begins an answer to this call, not the end of one to something before. */
static bool is_answer(const struct turn *turn, const struct traced *e)
{
    return is_on(e) && (int32_t)(e->frame - turn->ended) > 0;
}

/* Waits until the answer has sounded in full: as long as the call, two beats
 * of silence and nothing held. False when none came in 15 s. */
static bool wait_answer(const struct turn *turn)
{
    jack_nframes_t patience = turn->ended + (jack_nframes_t)(15 * set.rate);
    uint32_t seen = turn->before;
    struct sounding now = {0};
    bool begun = false;
    jack_nframes_t first = 0, last = 0;
    while (!atomic_load(&gone)) {
        uint32_t count = count_of(&heard);
        for (; seen < count; seen++) {
            sounding_hear(&now, &heard.event[seen]);
            last = heard.event[seen].frame;
            if (is_answer(turn, &heard.event[seen]) && !begun) {
                begun = true;
                first = last;
            }
        }
        if (!begun && passed_by(patience))
            return false;
        if (begun && !sounding_count(&now) &&
            passed_by(last + (jack_nframes_t)frames_to(2, 1)) &&
            passed_by(first + (jack_nframes_t)frames_to(turn->beats, 1)))
            return true;
        if (begun && passed_by(first + (jack_nframes_t)frames_to(
                                           turn->beats + 16, 1)))
            return true; /* what still sounds is found out below */
        usleep(5000);
    }
    return false;
}

/* Sounds where the server's time jumped to, and a tick was left out. */
static bool left_out(const struct traced *e, int64_t *tick)
{
    uint32_t count = atomic_load_explicit(&jumps.count, memory_order_acquire);
    int64_t beat = 60 * set.rate;
    for (uint32_t i = 0; i < count; i++) {
        const struct jump *jump = &jumps.jump[i];
        int64_t to = (int64_t)(int32_t)(jump->to - set.first) * set.bpm * 24;
        int64_t from = (int64_t)(int32_t)(jump->from - 1 - set.first) *
                       set.bpm * 24;
        if (e->frame != jump->to || to < 0)
            continue;
        *tick = to / beat;
        return *tick * beat >= from;
    }
    return false;
}

static bool settle(const struct traced *e, int64_t *tick)
{
    int64_t off;
    bool on_tick = on_grid(e->frame, tick, &off);
    if (is_on(e)) {
        least_off = off < least_off ? off : least_off;
        most_off = off > most_off ? off : most_off;
    }
    if (on_tick)
        return true;
    bool late = left_out(e, tick);
    late_onsets += late && is_on(e);
    return late;
}

/* Onsets on the grid, the first of them on a beat, silence at the end. */
static void check_turn(int number, const struct turn *turn)
{
    uint32_t count = count_of(&heard), onsets = 0, off = 0;
    struct sounding now = {0};
    int64_t first = 0, tick;
    for (uint32_t i = turn->before; i < count; i++) {
        const struct traced *e = &heard.event[i];
        bool on_tick = settle(e, &tick);
        sounding_hear(&now, e);
        if (!is_on(e))
            continue;
        if (!on_tick && set.grid) {
            FAIL("turn %d: onset at frame %u is off the grid\n", number,
                 e->frame - set.first);
            off++;
        }
        if (is_answer(turn, e) && !onsets++)
            first = tick;
    }
    bool unclear = set.off > 1 && allowed() * set.bpm * 48 >= 60 * set.rate;
    if (onsets && first % 24 && set.grid && !unclear)
        FAIL("turn %d: the answer begins at tick %lld of a beat\n", number,
             (long long)(first % 24));
    if (sounding_count(&now))
        FAIL("turn %d: %d still sounding\n", number, sounding_count(&now));
    double waited = (double)(int32_t)(set.first +
                                      (jack_nframes_t)frames_to(first, 24) -
                                      turn->ended) *
                    (double)set.bpm / (60.0 * (double)set.rate);
    printf("turn %d: %s, %lld beats, answered %.2f beats later with %u notes,"
           " %u off the grid\n", number, turn->path, (long long)turn->beats,
           waited, onsets, off);
    fflush(stdout);
}

static void check_thru(void)
{
    uint32_t ins = count_of(&sent), outs = count_of(&thru), wrong = 0;
    if (ins != outs)
        FAIL("%u events sent, %u on riposte:thru\n", ins, outs);
    for (uint32_t i = 0; i < ins && i < outs; i++) {
        const struct traced *a = &sent.event[i], *b = &thru.event[i];
        int64_t off = (int64_t)(int32_t)(b->frame - a->frame) - set.latency;
        wrong += (off < 0 ? -off : off) >= (set.off > 1 ? 2 * allowed() : 1) ||
                 a->size != b->size || memcmp(a->data, b->data, 3);
    }
    if (wrong)
        FAIL("%u of %u thru events at another frame or changed\n", wrong, ins);
    printf("thru: %u of %u the same at the %s frame, %u sent late\n",
           ins - wrong, ins, set.off > 1 ? "expected" : "same", sent_late);
    if (sent.lost || heard.lost || thru.lost)
        FAIL("this test itself lost something\n");
}

/* What the machine did to the server's time; jumps are in frames. */
static void tell_jumps(void)
{
    uint32_t count = count_of(&heard), seen = 0, events = 0;
    jack_nframes_t all = 0, longest = 0;
    for (uint32_t i = 0; i < atomic_load(&jumps.count); i++) {
        const struct jump *jump = &jumps.jump[i];
        jack_nframes_t frames = jump->to - jump->from;
        all += frames;
        longest = frames > longest ? frames : longest;
        while (seen < count && (int32_t)(heard.event[seen].frame -
                                         jump->to) < 0)
            seen++;
        for (; seen < count && heard.event[seen].frame == jump->to; seen++)
            events++;
    }
    printf("time jumped %u times, %.1f ms in all, %.1f ms at most; %u events "
           "and %u onsets off the grid after it\n", atomic_load(&jumps.count),
           1e3 * all / (double)set.rate, 1e3 * longest / (double)set.rate,
           events, late_onsets);
}

static void write_log(void)
{
    FILE *out = set.log ? fopen(set.log, "w") : NULL;
    if (!out)
        return;
    fprintf(out, "rate %lld bpm %lld\n", (long long)set.rate,
            (long long)set.bpm);
    const struct {
        const char *name;
        struct trace *trace;
    } both[] = {{"in", &sent}, {"out", &heard}};
    for (int k = 0; k < 2; k++)
        for (uint32_t i = 0; i < count_of(both[k].trace); i++) {
            const struct traced *e = &both[k].trace->event[i];
            fprintf(out, "%s %d %d %d %d\n", both[k].name,
                    (int32_t)(e->frame - set.first), e->data[0], e->data[1],
                    e->data[2]);
        }
    struct sounding now = {0};
    for (uint32_t i = 0; i < count_of(&heard); i++)
        sounding_hear(&now, &heard.event[i]);
    for (int c = 0; set.kill && c < 16; c++)
        for (int p = 0; p < 128; p++)
            if (now.on[c][p])
                fprintf(out, "held %d %d\n", c, p);
    fclose(out);
}

/* Ends the server while an answer sounds. */
static int kill_in_answer(const struct turn *turn)
{
    for (int waited = 0; waited < 30000; waited++, usleep(1000)) {
        struct sounding now = {0};
        uint32_t onsets = 0, count = count_of(&heard);
        for (uint32_t i = turn->before; i < count; i++) {
            sounding_hear(&now, &heard.event[i]);
            onsets += is_on(&heard.event[i]) != 0;
        }
        if (onsets < 2 || !sounding_count(&now))
            continue;
        kill(set.kill, SIGKILL);
        for (int i = 0; i < 500 && !atomic_load(&gone); i++)
            usleep(10000);
        write_log();
        printf("server killed with %d sounding\n", sounding_count(&now));
        return 0;
    }
    printf("failed: no answer to kill the server in\n");
    return 1;
}

/* Riposte connects the three ports, and nothing but silence comes. */
static bool joined_again(const char *const *name)
{
    int tries = 1000;
    bool joined;
    for (joined = false; !joined && tries; tries--, usleep(20000))
        joined = jack_port_connected_to(port_out, name[0]) &&
                 jack_port_connected_to(port_answer, name[1]) &&
                 jack_port_connected_to(port_thru, name[2]);
    for (; tries && !(silenced(&before[0]) && silenced(&before[1])); tries--)
        usleep(20000);
    usleep(200000); /* one silence for each port */
    if (joined && silenced(&before[0]) && silenced(&before[1]))
        return true;
    printf("failed: connected again: %d; %u and %u events, not silence\n",
           joined, count_of(&before[0]), count_of(&before[1]));
    return false;
}

static bool joined(const char *const *name)
{
    return join_ports(caller, "caller:out", name[0]) &&
           join_ports(caller, name[1], "listener:answer") &&
           join_ports(caller, name[2], "listener:thru");
}

static int open_ports(void)
{
    const char *const *name = names[set.rtmidi != 0];
    caller = jack_join("caller", 10);
    listener = jack_join("listener", 10);
    if (!caller || !listener) {
        printf("failed: no JACK server\n");
        return 1;
    }
    set.rate = jack_get_sample_rate(caller);
    port_out = jack_port_register(caller, "out", JACK_DEFAULT_MIDI_TYPE,
                                  JackPortIsOutput, 0);
    port_answer = jack_port_register(listener, "answer",
                                     JACK_DEFAULT_MIDI_TYPE, JackPortIsInput,
                                     0);
    port_thru = jack_port_register(listener, "thru", JACK_DEFAULT_MIDI_TYPE,
                                   JackPortIsInput, 0);
    jack_set_process_callback(caller, call_process, NULL);
    jack_set_process_callback(listener, listen_process, NULL);
    jack_on_shutdown(caller, shutdown_seen, NULL);
    atomic_store(&listening, !set.again);
    if (!port_out || !port_answer || !port_thru || jack_activate(caller) ||
        jack_activate(listener) || !wait_port(caller, name[0], 10) ||
        !wait_port(caller, name[2], 10) ||
        !(set.again ? joined_again(name) : joined(name))) {
        printf("failed: cannot connect to riposte\n");
        return 1;
    }
    atomic_store(&listening, 1);
    usleep(200000);
    return 0;
}

static int options(int count, char **arg)
{
    int i = 1;
    for (; i + 1 < count && !strncmp(arg[i], "--", 2); i += 2) {
        const char *value = arg[i + 1];
        if (!strcmp(arg[i], "--bpm"))
            set.bpm = atoi(value);
        else if (!strcmp(arg[i], "--turns"))
            set.turns = atoi(value);
        else if (!strcmp(arg[i], "--seconds"))
            set.seconds = atof(value);
        else if (!strcmp(arg[i], "--log"))
            set.log = value;
        else if (!strcmp(arg[i], "--kill"))
            set.kill = atoi(value);
        else if (!strcmp(arg[i], "--grid"))
            set.grid = atoi(value);
        else if (!strcmp(arg[i], "--flood"))
            set.flood = atoi(value);
        else if (!strcmp(arg[i], "--rtmidi"))
            set.rtmidi = atoi(value);
        else if (!strcmp(arg[i], "--again"))
            set.again = atoi(value);
        else if (!strcmp(arg[i], "--off"))
            set.off = atoi(value);
        else
            return 0;
    }
    return i < count ? i : 0;
}

/* The calls one after the other, each after the answer to the one before. */
static int play(int calls, char **path)
{
    jack_nframes_t begun = atomic_load(&reached);
    int turns = set.turns ? set.turns : calls, answered = 0, number = 0;
    /* Somewhere inside a period. */
    set.first = begun + (jack_nframes_t)set.rate / 2 + 61;
    while ((set.seconds > 0 || number < turns) && !atomic_load(&gone)) {
        struct turn turn = {.path = path[number % calls]};
        struct mid_file mid = mid_read(turn.path);
        const char *name = strrchr(turn.path, '/');
        turn.path = name ? name + 1 : turn.path;
        turn.before = count_of(&heard);
        if (number)
            turn.beat = (beat_after(atomic_load(&reached)) + 1 + 3) / 4 * 4;
        turn.ended = plan_call(&mid, turn.beat, &turn.beats);
        free(mid.event);
        number++;
        if (set.kill)
            return kill_in_answer(&turn);
        if (wait_answer(&turn))
            answered++;
        else
            FAIL("turn %d: no answer in 15 s\n", number);
        if (number == 1 && count_of(&sent))
            set.first = sent.event[0].frame; /* as it was heard */
        measure_latency();
        check_turn(number, &turn);
        if (set.seconds > 0 &&
            (double)(atomic_load(&reached) - begun) >
                set.seconds * (double)set.rate)
            break;
    }
    printf("%d of %d calls answered\n", answered, number);
    if (atomic_load(&gone))
        FAIL("the server went away\n");
    check_thru();
    if (set.off > 1)
        printf("answers: %.2f ms early to %.2f ms late; the machine held JACK "
               "back %.2f ms\n",
               -1e3 * (double)least_off / (double)set.rate,
               1e3 * (double)most_off / (double)set.rate,
               1e3 * (double)(allowed() - set.off) / (double)set.rate);
    tell_jumps();
    write_log();
    return failures || !answered;
}

int main(int count, char **arg)
{
    int first = options(count, arg);
    if (!first) {
        fputs("usage: jack_caller [--bpm N] [--turns N] [--seconds S] "
              "[--log FILE] [--grid 0] [--flood 1] [--off FRAMES] "
              "[--rtmidi 1] [--again 1] [--kill PID] CALL...\n",
              stderr);
        return 2;
    }
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    if (open_ports())
        return 1;
    int result = play(count - first, arg + first);
    if (!atomic_load(&gone)) {
        jack_client_close(caller);
        jack_client_close(listener);
    }
    return result;
}
