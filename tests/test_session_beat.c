/* The whole instrument in virtual time, session and performer: a player who
 * pauses and goes on off the old beat is answered on the new one, to the
 * frame, whatever the period; who goes on in time, on the old one. */
#include "model/play/performer.h"
#include "rt/session.h"

#include "play.h"
#include "test.h"

enum { RATE = 48000, BPM = 97, START = 7001, NOTES = 8, TURNS = 3, MOST = 999 };

static struct rp_model model;

static void perform(void *self, rp_frame until, struct rp_ring *in,
                    struct rp_ring *out)
{
    rp_performer_run(self, until, in, out);
}

static rp_frame wake(void *self)
{
    return rp_performer_wake(self);
}

/* Nearest frame to a place in 2400ths of a beat. */
static rp_frame frames(int64_t places)
{
    return (places * 2 * 60 * RATE / (BPM * 2400) + 1) / 2;
}

/* Quarter notes from `from` on, a little detached. */
static void play_quarters(struct rp_timed_event *event, rp_frame from)
{
    static const uint8_t tune[NOTES] = { 60, 62, 64, 65, 67, 65, 64, 62 };

    for (int i = 0; i < NOTES; i++) {
        event[2 * i].frame = from + frames(2400 * i);
        event[2 * i].event = rp_event_make(RP_NOTE_ON, 0, tune[i], 70);
        event[2 * i + 1].frame = from + frames(2400 * i + 2200);
        event[2 * i + 1].event = rp_event_make(RP_NOTE_OFF, 0, tune[i], 64);
    }
}

struct heard {
    uint32_t count;
    struct rp_seen event[MOST];
};

/* Calls from the frames `from` on; what was answered. */
static void play(uint32_t period, const rp_frame *from, struct heard *heard)
{
    static struct rp_timed_event call[TURNS * NOTES * 2];
    struct rp_knobs knobs = { .tempo = BPM * 1000,
                              .metre = 4 << 8 | 4,
                              .temperature = 1.0f,
                              .top_p = 1.0f,
                              .trade = 1,
                              .window = 32,
                              .instrument = -1,
                              .channel = 3,
                              .seed = 11 };
    struct rp_performer_options options = {
        .knobs = &knobs, .model = &model, .rate = RATE, .period = period
    };
    struct rp_session_options session_options = { .backend = "null",
                                                  .rate = RATE,
                                                  .period = period,
                                                  .call = call,
                                                  .calls = TURNS * NOTES * 2,
                                                  .knobs = &knobs };
    struct rp_session *session = NULL;
    struct rp_stats_view stats;
    struct rp_seen seen;

    for (int i = 0; i < TURNS; i++)
        play_quarters(call + i * NOTES * 2, from[i]);
    session_options.performing.run = perform;
    session_options.performing.wake = wake;
    CHECK_INT(rp_performer_create(
                  (struct rp_performer **)&session_options.performing.self,
                  &options),
              RP_OK);
    CHECK_INT(rp_session_create(&session, &session_options), RP_OK);
    CHECK_INT(rp_session_start(session), RP_OK);
    rp_session_advance(session, from[TURNS - 1] + frames(2400 * 32));
    heard->count = 0;
    while (rp_session_seen(session, &seen))
        if (seen.kind == RP_SEEN_ANSWER && heard->count < MOST)
            heard->event[heard->count++] = seen;
    rp_session_stats(session, &stats);
    CHECK_INT(stats.late, 0);
    CHECK_INT(stats.dropped, 0);
    rp_session_destroy(session);
    rp_performer_destroy(session_options.performing.self);
}

/* Onsets from `after` until `before`: all on the grid of 24 a beat that begins
 * at `origin`, the first of them on a beat. */
static void check_answer(const struct heard *heard, rp_frame after,
                         rp_frame before, rp_frame origin)
{
    uint32_t onsets = 0, off = 0;

    for (uint32_t i = 0; i < heard->count; i++) {
        rp_frame frame = heard->event[i].frame;
        int64_t tick = ((frame - origin) * BPM * 24 + 30 * RATE) / (60 * RATE);

        if (!rp_event_is_on(heard->event[i].event) || frame < after ||
            frame >= before)
            continue;
        if (onsets++ == 0)
            CHECK_INT(tick % 24, 0);
        off += origin + frames(100 * tick) != frame;
    }
    CHECK(onsets > 2);
    CHECK_INT(off, 0);
}

static void test_grid(const int *places, const int *grid)
{
    static const uint32_t periods[] = { 32, 128, 1024 };
    static struct heard first, other;
    rp_frame from[TURNS + 1], origin[TURNS];

    for (int i = 0; i < TURNS; i++) {
        from[i] = START + frames(places[i]);
        origin[i] = from[grid[i]];
    }
    from[TURNS] = INT64_MAX;
    play(64, from, &first);
    for (int i = 0; i < TURNS; i++)
        check_answer(&first, from[i], from[i + 1], origin[i]);
    for (int p = 0; p < 3; p++) {
        play(periods[p], from, &other);
        CHECK_INT(other.count, first.count);
        for (uint32_t i = 0; i < first.count && i < other.count; i++) {
            CHECK_INT(other.event[i].frame, first.event[i].frame);
            CHECK(!memcmp(&other.event[i].event, &first.event[i].event,
                          sizeof first.event[i].event));
        }
    }
}

int main(void)
{
    /* off the beat by 0.37, and again by 0.63 of that */
    static const int moved[] = { 0, 32 * 2400 + 888, 65 * 2400 },
                     by[] = { 0, 1, 2 };
    /* within a twelfth; then a third late */
    static const int near[] = { 0, 32 * 2400 - 150, 65 * 2400 + 190 },
                     old[] = { 0, 0, 0 };
    static const int later[] = { 0, 32 * 2400 + 190, 66 * 2400 + 800 },
                     last[] = { 0, 0, 2 };

    model = random_model(3, 16);
    test_grid(moved, by);
    test_grid(near, old);
    test_grid(later, last);
    free(model.params);
    return TEST_END();
}
