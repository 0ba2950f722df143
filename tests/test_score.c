/* Calls and cues: where they are placed, with tempo, metre, count-in and
 * turns; what is refused. */
#include <unistd.h>

#include "rt/log.h"
#include "rt/smf_write.h"
#include "test.h"
#include "tui/score.h"

static char path[] = "/tmp/riposte-score-XXXXXX";
static struct rp_rig rig;
static int lines;

static void count_line(void *self, enum rp_level level, const char *tag,
                       const char *text)
{
    lines += level >= RP_WARN;
}

/* Quarter notes from `beat` on, in 3/4 at 90 BPM, and a drum. */
static void write_call(double beat, int notes)
{
    struct rp_smf_write *smf;
    int64_t tick = (int64_t)(beat * RP_SMF_PPQ);

    CHECK_INT(rp_smf_write_create(&smf, 2), RP_OK);
    CHECK_INT(rp_smf_write_tempo(smf, 0, 90000), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){3, 4}), RP_OK);
    for (int i = 0; i < notes; i++, tick += RP_SMF_PPQ) {
        CHECK_INT(rp_smf_write_event(
                      smf, 1, tick,
                      rp_event_make(RP_NOTE_ON, 0, (uint8_t)(60 + i), 80)),
                  RP_OK);
        CHECK_INT(rp_smf_write_event(
                      smf, 1, tick + RP_SMF_PPQ,
                      rp_event_make(RP_NOTE_OFF, 0, (uint8_t)(60 + i), 0)),
                  RP_OK);
    }
    CHECK_INT(
        rp_smf_write_event(smf, 2, 0, rp_event_make(RP_NOTE_ON, 9, 36, 100)),
        RP_OK);
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
}

/* Frame of the n-th note-on. */
static rp_frame onset(const struct rp_score *score, int n)
{
    for (uint32_t i = 0; i < score->events; i++) {
        if (rp_event_is_on(score->event[i].event) && n-- == 0) {
            return score->event[i].frame;
        }
    }
    return -1;
}

static void begin(struct rp_score *score)
{
    *score = (struct rp_score){0};
    rp_knobs_init(&rig.knobs);
}

/* 90 BPM at 48 kHz: a beat is 32000 frames. */
static void test_one_call(void)
{
    struct rp_score score;

    begin(&score);
    write_call(2, 3); /* an upbeat: the first onset is a bar line even so */
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    rp_score_lead(&score, &rig.knobs, true, true);
    CHECK_INT(rig.knobs.tempo, 90000);
    CHECK_INT(rig.knobs.metre, 3 << 8 | 4);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 0), RP_OK);
    CHECK_INT(score.events, 6); /* no drums */
    CHECK_INT(onset(&score, 0), 12000);
    CHECK_INT(onset(&score, 1), 12000 + 32000);
    CHECK_INT(score.end, 12000 + 3 * 32000);
    /* At the same frame the note-off of one comes before the next. */
    CHECK(rp_event_is_off(score.event[1].event));
    CHECK_INT(score.event[1].frame, score.event[2].frame);
    rp_score_fini(&score);
}

static void test_given(void)
{
    struct rp_score score;

    begin(&score);
    rig.knobs.tempo = 120000;
    rig.knobs.count_in = 2;
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    rp_score_lead(&score, &rig.knobs, false, true);
    CHECK_INT(rig.knobs.tempo, 120000);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 1000), RP_OK);
    /* Two bars of count-in, then its own place in the bar: beat 2 of 3. */
    CHECK_INT(onset(&score, 0), 1000 + (6 + 2) * 24000);
    rp_score_fini(&score);
}

/* The second begins at a bar line after the first one's answer; a cue turns
 * the tempo on the way. */
static void test_two_calls(void)
{
    struct rp_score score;

    begin(&score);
    write_call(0, 3);
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    rp_score_lead(&score, &rig.knobs, true, true);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 0), RP_OK);
    /* 3 beats call, 3 answer, 2 bars: beat 12. */
    CHECK_INT(onset(&score, 3), 12000 + 12 * 32000);
    rp_score_fini(&score);

    begin(&score);
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    rp_score_lead(&score, &rig.knobs, true, true);
    rig.knobs.mode = RP_MODE_TRADE;
    rig.knobs.trade = 2;
    /* Six beats in, twice as fast. */
    CHECK_INT(rp_score_add_cue(&score, "4.25 tempo=180"), RP_OK);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 0), RP_OK);
    CHECK_INT(onset(&score, 3), 12000 + 6 * 32000 + 6 * 16000);
    CHECK_INT(score.turns, 1);
    CHECK_INT(score.turn[0].frame, 204000);
    score.turn[0].turn(score.turn[0].self, &rig.knobs);
    CHECK_INT(rig.knobs.tempo, 180000);
    rp_score_fini(&score);
}

/* A file that was cut short: its last note and its pedal are let go. */
static void test_cut_short(void)
{
    static const struct {
        int beat;
        struct rp_event event;
    } events[] = {{0, {3, {RP_CONTROL, RP_CC_PEDAL, 127}}},
                  {0, {3, {RP_NOTE_ON, 60, 80}}},
                  {1, {3, {RP_NOTE_OFF, 60, 0}}},
                  {1, {3, {RP_NOTE_ON, 62, 80}}}};
    struct rp_smf_write *smf;
    struct rp_score score;

    CHECK_INT(rp_smf_write_create(&smf, 2), RP_OK);
    for (int i = 0; i < 4; i++) {
        CHECK_INT(rp_smf_write_event(smf, 1, events[i].beat * RP_SMF_PPQ,
                                     events[i].event),
                  RP_OK);
    }
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
    begin(&score);
    rig.knobs.tempo = 90000;
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_OK);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 0), RP_OK);
    CHECK_INT(score.events, 6);
    CHECK_INT(score.end, 12000 + 2 * 32000);
    CHECK(rp_event_is_off(score.event[4].event));
    CHECK_INT(score.event[4].event.data[1], 62);
    CHECK_INT(score.event[5].event.data[1], RP_CC_PEDAL);
    CHECK_INT(score.event[5].event.data[2], 0);
    rp_score_fini(&score);
}

static void test_cues(void)
{
    static const char *const bad[] = {
        "",           "1",
        "x tempo=90", "1 tempo",
        "1 tempo=",   "-1 tempo=90",
        "1 =90",      "1tempo=90",
        "1 tempo=9",  "nan tempo=90",
        "1 noise=1",  "1e9 tempo=90",
        "1 call=",    "inf tempo=90",
    };
    struct rp_score score;
    char text[80];

    begin(&score);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        lines = 0;
        CHECK_INT(rp_score_add_cue(&score, bad[i]), RP_EARG);
        CHECK_INT(lines, 1);
    }
    CHECK_INT(score.cues, 0);
    CHECK_INT(rp_score_add_cue(&score, "9 panic"), RP_OK);
    CHECK_INT(rp_score_add_cue(&score, "9 hand-over=1"), RP_OK);
    CHECK_INT(rp_score_add_cue(&score, "3 temperature=1.5"), RP_OK);
    CHECK_INT(rp_score_add_cue(&score, "1.5 preset=melody"), RP_OK);
    CHECK_INT(rp_score_add_cue(&score, "3 top-p=0.5"), RP_OK);
    snprintf(text, sizeof(text), "2 call=%s", path);
    CHECK_INT(rp_score_add_cue(&score, text), RP_OK);
    CHECK_INT(rp_score_place(&score, &rig, 48000, 0), RP_OK);
    CHECK_INT(score.turns, 5); /* in order of time, equal ones as given */
    CHECK_INT(score.turn[0].frame, 72000);
    CHECK_TEXT(((struct rp_score_cue *)score.turn[1].self)->key, "temperature");
    CHECK_TEXT(((struct rp_score_cue *)score.turn[2].self)->key, "top-p");
    CHECK_TEXT(((struct rp_score_cue *)score.turn[3].self)->key, "panic");
    CHECK_INT(onset(&score, 0), 96000);
    rp_score_fini(&score);
}

static void test_refused(void)
{
    struct rp_score score;
    FILE *file;

    begin(&score);
    lines = 0;
    CHECK_INT(rp_score_add_call(&score, "/nowhere/x.mid", -1), RP_EIO);
    CHECK_INT(lines, 1);
    write_call(0, 0); /* a drum alone is no call */
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_EFORMAT);
    CHECK_INT(lines, 2);
    file = fopen(path, "w");
    fputs("no song", file);
    fclose(file);
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_EFORMAT);
    CHECK_INT(lines, 3);
    rp_score_fini(&score);
    /* Events far beyond any call would not fit into a beat. */
    begin(&score);
    write_call(2e6, 3);
    lines = 0;
    CHECK_INT(rp_score_add_call(&score, path, -1), RP_EFORMAT);
    CHECK_INT(lines, 1);
    rp_score_fini(&score);
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0) {
        return 1;
    }
    close(fd);
    rp_log_to(count_line, NULL);
    test_one_call();
    test_given();
    test_two_calls();
    test_cues();
    test_cut_short();
    test_refused();
    unlink(path);
    return TEST_END();
}
