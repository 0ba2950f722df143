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
    struct rp_clock clock; /* of the last clock record */
    rp_beat shift;         /* the file's beat = the clock's + shift */
    int64_t last;          /* tick */
    uint32_t events;
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

/* Tempo and metre of the latest clock, where they differ from `before`. */
static rp_status write_clock(struct build *build, const struct rp_clock *before,
                             int64_t tempo_at, int64_t metre_at)
{
    const struct rp_clock *clock = &build->clock;
    rp_status status = RP_OK;

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
    rp_beat now = rp_clock_beat(&r->clock, r->frame), jump;

    build->clock = r->clock;
    if (!r->clock.anchored) { /* what it says counts from the anchor on */
        return RP_OK;
    }
    if (!before.anchored) {
        build->shift = now < 0 ? -now : -rp_clock_bar_before(&r->clock, now);
        return write_clock(build, &none, 0, 0);
    }
    jump = rp_clock_beat(&before, r->frame) - now;
    if (jump > RP_TICK / 64 || jump < -RP_TICK / 64) {
        build->shift += jump; /* the file goes on where it was */
    }
    return write_clock(build, &before, tick_of(build, now),
                       tick_of(build, r->clock.bar));
}

static rp_status add_event(struct build *build, const struct rp_recorded *r)
{
    uint32_t track = r->kind == RP_RECORDED_CALL ? CALL_TRACK : ANSWER_TRACK;
    int64_t tick = tick_of(build, r->beat);
    uint16_t *open =
        &build->open[track][r->event.data[0] & 15][r->event.data[1] & 127];

    if (rp_event_is_on(r->event)) {
        *open += *open < UINT16_MAX;
    } else if (rp_event_is_off(r->event)) {
        *open -= *open > 0;
    }
    build->last = tick > build->last ? tick : build->last;
    build->events++;
    return rp_smf_write_event(build->smf, track, tick, r->event);
}

/* The file ends while notes sound: they end with it. */
static rp_status end_notes(struct build *build)
{
    static const struct rp_clock none;

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
                        build->smf, t, build->last,
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
        (status = end_notes(build))) {
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
    free(build);
    return status;
}
