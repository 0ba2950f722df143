/* From the journal to the .mid. */
#include "rt/take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rt/journal.h"
#include "rt/log.h"
#include "rt/smf_write.h"

enum { CALL_TRACK = 1, ANSWER_TRACK = 2, TRACKS = 2 };

struct build {
    struct rp_smf_write *smf;
    struct rp_clock clock;    /* of the last clock record */
    rp_beat shift;            /* the file's beat = the clock's + shift */
    int64_t last;             /* tick of what was written last */
    int64_t seen;             /* tick until which the clock ran for sure */
    struct rp_recorded *rest; /* since the last note; not written yet */
    uint32_t rests, room;
    uint16_t open[TRACKS + 1][16][128];
};

static int64_t tick_of(const struct build *build, rp_beat beat)
{
    __int128 at = (__int128)beat + build->shift;

    /* What came before the first onset set the beat is set-up: at 0. */
    if (!build->clock.anchored || at <= 0) {
        return 0;
    }
    return (int64_t)((2 * at * RP_SMF_PPQ + RP_BEAT) / (2 * RP_BEAT));
}

static rp_status write_event(struct build *build, const struct rp_recorded *r,
                             int64_t tick)
{
    uint32_t track = r->kind == RP_RECORDED_CALL ? CALL_TRACK : ANSWER_TRACK;

    build->last = tick > build->last ? tick : build->last;
    return rp_smf_write_event(build->smf, track, tick, r->event);
}

/* What was kept back, where the clock of then has it. */
static rp_status end_rest(struct build *build)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < build->rests && status == RP_OK; i++) {
        status = write_event(build, &build->rest[i],
                             tick_of(build, build->rest[i].beat));
    }
    build->rests = 0;
    return status;
}

static rp_status keep_back(struct build *build, const struct rp_recorded *r)
{
    if (build->rests == build->room) {
        uint32_t room = build->room ? 2 * build->room : 256;
        struct rp_recorded *rest =
            realloc(build->rest, room * sizeof(*build->rest));

        if (!rest) {
            rp_log(RP_ERROR, "take", "out of memory");
            return RP_EMEM;
        }
        build->rest = rest;
        build->room = room;
    }
    build->rest[build->rests++] = *r;
    return RP_OK;
}

/* After a rest the player went on with a bar that by the old clock had not
 * come yet: at the old clock's beat `from` it is beat `to`. The file cannot
 * leave out what is between; it plays the rest so much faster that the bar
 * comes when it came. False when there is no rest to stretch. */
static bool stretch(struct build *build, rp_beat from, rp_beat to,
                    rp_status *status)
{
    rp_beat start =
        (rp_beat)((__int128)build->last * RP_BEAT / RP_SMF_PPQ) - build->shift;
    uint32_t mbpm = build->clock.mbpm;
    __int128 us = (__int128)60000000000 * (from - start);
    __int128 by = (__int128)mbpm * (to - start);

    if (to - from >= rp_metre_bar(build->clock.metre) || by <= 0 || us < by) {
        return false;
    }
    *status = rp_smf_write_tempo_us(build->smf, build->last,
                                    (uint32_t)((2 * us + by) / (2 * by)));
    for (uint32_t i = 0; i < build->rests && *status == RP_OK; i++) {
        const struct rp_recorded *r = &build->rest[i];
        __int128 since = (__int128)(r->beat - start) * (to - start);
        rp_beat at = start + (rp_beat)(since / (from - start));

        *status = write_event(build, r, tick_of(build, at));
    }
    build->rests = 0;
    if (*status == RP_OK) {
        *status = rp_smf_write_tempo(build->smf, tick_of(build, to), mbpm);
    }
    return true;
}

/* Tempo and metre of the latest clock, where they differ from `before`. */
static rp_status write_clock(struct build *build, const struct rp_clock *before,
                             int64_t tempo_at, int64_t metre_at)
{
    const struct rp_clock *clock = &build->clock;
    rp_status status = RP_OK;

    build->last = tempo_at > build->last ? tempo_at : build->last;
    if (clock->mbpm != before->mbpm) {
        status = rp_smf_write_tempo(build->smf, tempo_at, clock->mbpm);
    }
    if (status == RP_OK && (clock->metre.beats != before->metre.beats ||
                            clock->metre.unit != before->metre.unit)) {
        status = rp_smf_write_metre(build->smf, metre_at, clock->metre);
    }
    return status;
}

static rp_status add_clock(struct build *build, const struct rp_recorded *r)
{
    static const struct rp_clock none;
    struct rp_clock before = build->clock;
    rp_beat now = rp_clock_beat(&r->clock, r->frame), jump = 0;
    rp_status status;

    if (rp_clock_same(&before, &r->clock)) {
        build->seen = tick_of(build, now);
        return RP_OK;
    }
    build->seen = 0;
    if (before.anchored && r->clock.anchored) {
        jump = now - rp_clock_beat(&before, r->frame);
        if (jump > RP_TICK / 64 && r->clock.mbpm == before.mbpm &&
            stretch(build, now - jump, now, &status)) {
            build->clock = r->clock;
            build->last = tick_of(build, now);
            return status;
        }
    }
    if ((status = end_rest(build))) {
        return status;
    }
    build->clock = r->clock;
    if (!r->clock.anchored) { /* what it says counts from the anchor on */
        return RP_OK;
    }
    if (!before.anchored) {
        build->shift = now < 0 ? -now : -rp_clock_bar_before(&r->clock, now);
        return write_clock(build, &none, 0, 0);
    }
    if (jump > RP_TICK / 64 || jump < -RP_TICK / 64) {
        build->shift -= jump; /* the file goes on where it was */
    }
    return write_clock(build, &before, tick_of(build, now),
                       tick_of(build, r->clock.bar));
}

static rp_status add_event(struct build *build, const struct rp_recorded *r)
{
    uint32_t track = r->kind == RP_RECORDED_CALL ? CALL_TRACK : ANSWER_TRACK;
    uint16_t *open =
        &build->open[track][r->event.data[0] & 15][r->event.data[1] & 127];
    rp_status status;

    if (rp_event_is_on(r->event)) {
        *open += *open < UINT16_MAX;
    } else if (rp_event_is_off(r->event)) {
        *open -= *open > 0;
    } else if (build->clock.anchored) {
        return keep_back(build, r);
    }
    if ((status = end_rest(build))) {
        return status;
    }
    return write_event(build, r, tick_of(build, r->beat));
}

/* The file ends while notes sound: they end with it. */
static rp_status end_notes(struct build *build)
{
    static const struct rp_clock none;
    int64_t end = build->seen > build->last ? build->seen : build->last;

    if (build->clock.rate && !build->clock.anchored) { /* no note at all */
        rp_status status = write_clock(build, &none, 0, 0);

        if (status) {
            return status;
        }
    }
    for (int t = CALL_TRACK; t <= TRACKS; t++) {
        for (int c = 0; c < 16; c++) {
            for (int p = 0; p < 128; p++) {
                for (int n = build->open[t][c][p]; n > 0; n--) {
                    rp_status status = rp_smf_write_event(
                        build->smf, t, end,
                        rp_event_make(RP_NOTE_OFF, c, p, 64));

                    if (status) {
                        return status;
                    }
                }
            }
        }
    }
    return RP_OK;
}

static rp_status read_records(struct build *build, FILE *file,
                              const char *journal)
{
    unsigned char bytes[RP_JOURNAL_RECORD];
    long offset = RP_JOURNAL_HEADER;
    rp_status status = RP_OK;
    size_t got;

    while (status == RP_OK && (got = fread(bytes, 1, RP_JOURNAL_RECORD,
                                           file)) == RP_JOURNAL_RECORD) {
        struct rp_recorded recorded = {0};

        if (!rp_journal_decode(bytes, &recorded)) {
            rp_log(RP_WARN, "take",
                   "%s: byte %ld: no whole record; what follows is left out",
                   journal, offset);
            return RP_OK;
        }
        status = recorded.kind == RP_RECORDED_CLOCK
                     ? add_clock(build, &recorded)
                     : add_event(build, &recorded);
        offset += RP_JOURNAL_RECORD;
    }
    if (status == RP_OK && ferror(file)) {
        rp_log(RP_ERROR, "take", "%s: %m", journal);
        return RP_EIO;
    }
    return status;
}

static rp_status build_from(struct build *build, FILE *file,
                            const char *journal, const char *path)
{
    char start[RP_JOURNAL_HEADER];
    size_t got = fread(start, 1, RP_JOURNAL_HEADER, file);
    rp_status status;

    /* A shorter one was killed at its very start and holds nothing. */
    if (memcmp(start, rp_journal_header, got)) {
        rp_log(RP_ERROR, "take", "%s: byte 0: expected \"riposte take 1\"",
               journal);
        return RP_EFORMAT;
    }
    if ((status = rp_smf_write_create(&build->smf, TRACKS))) {
        return status;
    }
    if ((status = rp_smf_write_name(build->smf, CALL_TRACK, "call")) ||
        (status = rp_smf_write_name(build->smf, ANSWER_TRACK, "answer")) ||
        (status = read_records(build, file, journal)) ||
        (status = end_rest(build)) || (status = end_notes(build))) {
        rp_smf_write_destroy(build->smf);
        return status;
    }
    status = rp_smf_write_save(build->smf, path);
    rp_smf_write_destroy(build->smf);
    return status;
}

rp_status rp_take_build(const char *journal, const char *path)
{
    struct build *build = calloc(1, sizeof(*build));
    FILE *file = fopen(journal, "rb");
    rp_status status;

    if (!file || !build) {
        rp_log(RP_ERROR, "take", "%s: %s", journal,
               file ? "out of memory" : strerror(errno));
        status = file ? RP_EMEM : RP_EIO;
    } else {
        status = build_from(build, file, journal, path);
    }
    if (file) {
        fclose(file);
    }
    if (build) {
        free(build->rest);
    }
    free(build);
    return status;
}
