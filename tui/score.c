#include "tui/score.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/data/smf.h"
#include "rt/log.h"

enum {
    DRUMS = 9,
    GAP_BARS = 2,
    CALL_BEATS = 100000 /* a day and more */
};

typedef int compare(const void *a, const void *b);

/* Stable, as qsort need not be: what happens at the same moment keeps its
 * order on every system. */
static rp_status sort(void *base, size_t count, size_t size, compare *order)
{
    char *from = base, *to = malloc(count * size + 1), *spare = to, *swap;

    if (!to) {
        return RP_EMEM;
    }
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t at = 0; at < count; at += 2 * run) {
            size_t a = at, b = at + run, end = at + 2 * run, k = at;
            size_t middle = b < count ? b : count;

            end = end < count ? end : count;
            while (a < middle || b < end) {
                bool left =
                    b >= end || (a < middle &&
                                 order(from + a * size, from + b * size) <= 0);

                memcpy(to + k++ * size, from + (left ? a++ : b++) * size, size);
            }
        }
        swap = from;
        from = to;
        to = swap;
    }
    if (from != base) {
        memcpy(base, from, count * size);
    }
    free(spare);
    return RP_OK;
}

/* ---- reading ---- */

static int by_tick(const void *a, const void *b)
{
    const struct rp_smf_event *x = a, *y = b;

    return x->tick < y->tick ? -1 : x->tick > y->tick;
}

/* Every channel message but the drums', in order of tick; within a tick in
 * order of track. */
static rp_status gather(const struct rp_smf *smf, struct rp_score_call *call)
{
    uint32_t most = 0;

    for (uint32_t t = 0; t < smf->tracks; t++) {
        most += smf->track[t].events;
    }
    call->event = calloc(most + 1, sizeof(*call->event));
    if (!call->event) {
        return RP_EMEM;
    }
    for (uint32_t t = 0; t < smf->tracks; t++) {
        for (uint32_t i = 0; i < smf->track[t].events; i++) {
            struct rp_smf_event event = smf->track[t].event[i];

            if (event.event.data[0] < 0xf0 &&
                (event.event.data[0] & 15) != DRUMS) {
                call->event[call->events++] = event;
            }
        }
    }
    return sort(call->event, call->events, sizeof(*call->event), by_tick);
}

/* What a file cut short leaves hanging. */
struct hanging {
    uint32_t notes;
    uint16_t count[16][128];
    bool pedal[16];
    int64_t last; /* tick of the last note-on */
};

static void find_open(const struct rp_score_call *call, struct hanging *hanging)
{
    *hanging = (struct hanging){.last = INT64_MIN};
    for (uint32_t i = 0; i < call->events; i++) {
        struct rp_event event = call->event[i].event;
        int channel = event.data[0] & 15, data = event.data[1] & 127;

        if (rp_event_is_on(event)) {
            hanging->count[channel][data]++;
            hanging->notes++;
            hanging->last = call->event[i].tick;
        } else if (rp_event_is_off(event)) {
            hanging->notes -= hanging->count[channel][data] > 0;
            hanging->count[channel][data] -= hanging->count[channel][data] > 0;
        } else if ((event.data[0] & 0xf0) == RP_CONTROL &&
                   data == RP_CC_PEDAL) {
            hanging->pedal[channel] = event.data[2] >= 64;
        }
    }
}

/* Nothing hangs when the call is over: what is open ends with the last of the
 * tracks, and a note that begins there is a beat long. `tick` is that end. */
static rp_status close_open(struct rp_score_call *call, int64_t tick)
{
    struct hanging hanging;
    struct rp_smf_event *more, *at;

    find_open(call, &hanging);
    more = realloc(call->event,
                   (call->events + hanging.notes + 17) * sizeof(*more));
    if (!more) {
        return RP_EMEM;
    }
    call->event = more;
    at = more + call->events;
    if (call->events && at[-1].tick > tick) {
        tick = at[-1].tick;
    }
    tick += hanging.notes && hanging.last == tick ? call->division : 0;
    for (uint8_t c = 0; c < 16; c++) {
        for (uint8_t pitch = 0; pitch < 128; pitch++) {
            for (; hanging.count[c][pitch]; hanging.count[c][pitch]--) {
                *at++ = (struct rp_smf_event){
                    tick, rp_event_make(RP_NOTE_OFF, c, pitch, 0)};
            }
        }
        if (hanging.pedal[c]) {
            *at++ = (struct rp_smf_event){
                tick, rp_event_make(RP_CONTROL, c, RP_CC_PEDAL, 0)};
        }
    }
    call->events = (uint32_t)(at - more);
    return RP_OK;
}

static rp_status measure(struct rp_score_call *call)
{
    bool found = false;

    for (uint32_t i = 0; i < call->events; i++) {
        if (!found && rp_event_is_on(call->event[i].event)) {
            call->onset = call->event[i].tick;
            found = true;
        }
        call->end = call->event[i].tick;
    }
    if (!found) {
        rp_log(RP_ERROR, "score",
               "%s: no notes to play (drums are left out)", call->path);
        return RP_EFORMAT;
    }
    if (call->end / (int64_t)call->division > CALL_BEATS) {
        rp_log(RP_ERROR, "score",
               "%s: its last event is at tick %lld: expected a call of at "
               "most %d beats",
               call->path, (long long)call->end, CALL_BEATS);
        return RP_EFORMAT;
    }
    return RP_OK;
}

static uint32_t mbpm_of(uint32_t us_per_beat)
{
    double mbpm = us_per_beat ? 6e10 / us_per_beat : 0;

    return mbpm < 20000    ? 20000
           : mbpm > 400000 ? 400000
                           : (uint32_t)(mbpm + 0.5);
}

static rp_status read_call(struct rp_score_call *call)
{
    struct rp_smf smf;
    int64_t end = 0;
    rp_status status = rp_smf_read(call->path, &smf);

    if (status != RP_OK) {
        return status;
    }
    call->division = smf.division;
    if (smf.tempos) {
        call->mbpm = mbpm_of(smf.tempo[0].us_per_beat);
    }
    for (uint32_t i = 1; i < smf.tempos; i++) {
        if (mbpm_of(smf.tempo[i].us_per_beat) != call->mbpm) {
            rp_log(RP_INFO, "score",
                   "%s: changes of tempo are passed over; it plays at %g BPM",
                   call->path, call->mbpm / 1000.0);
            break;
        }
    }
    if (smf.metres) {
        call->metre = smf.metre[0].metre;
    }
    status = gather(&smf, call);
    for (uint32_t i = 0; i < smf.tracks; i++) {
        end = smf.track[i].end > end ? smf.track[i].end : end;
    }
    rp_smf_fini(&smf);
    if (status == RP_OK) {
        status = close_open(call, end);
    }
    return status == RP_OK ? measure(call) : status;
}

rp_status rp_score_add_call(struct rp_score *score, const char *path,
                            double seconds)
{
    struct rp_score_call *more =
        realloc(score->call, (score->calls + 1) * sizeof(*more));
    struct rp_score_call *call;

    if (!more) {
        return RP_EMEM;
    }
    score->call = more;
    call = &more[score->calls];
    *call = (struct rp_score_call){.path = strdup(path), .seconds = seconds};
    if (!call->path) {
        return RP_EMEM;
    }
    score->calls++;
    return read_call(call);
}

static rp_status refuse_cue(const char *text)
{
    rp_log(RP_ERROR, "score",
           "--cue '%s': expected \"SECONDS key=value\", such as "
           "\"4.5 temperature=1.2\"",
           text);
    return RP_EARG;
}

static rp_status add_turn(struct rp_score *score, double seconds,
                          const char *key, const char *value)
{
    struct rp_score_cue *more =
        realloc(score->cue, (score->cues + 1) * sizeof(*more));

    if (!more) {
        return RP_EMEM;
    }
    score->cue = more;
    more[score->cues] = (struct rp_score_cue){
        .seconds = seconds, .key = strdup(key), .value = strdup(value)};
    score->cues++;
    return more[score->cues - 1].key && more[score->cues - 1].value ? RP_OK
                                                                    : RP_EMEM;
}

rp_status rp_score_add_cue(struct rp_score *score, const char *text)
{
    char key[32] = "", *end;
    double seconds = strtod(text, &end);
    int used = 0;
    rp_status status;

    if (!isdigit((unsigned char)*text) || *end != ' ' || seconds > 1e6 ||
        sscanf(end, " %31[a-z-]%n", key, &used) != 1) {
        return refuse_cue(text);
    }
    if (!end[used] && rp_rig_is_plain(key)) {
        return add_turn(score, seconds, key, "1");
    }
    if (end[used] != '=' || !end[++used]) {
        return refuse_cue(text);
    }
    if (!strcmp(key, "call")) {
        return rp_score_add_call(score, end + used, seconds);
    }
    status = rp_rig_check(key, end + used);
    return status == RP_OK ? add_turn(score, seconds, key, end + used) : status;
}

void rp_score_lead(const struct rp_score *score, struct rp_knobs *knobs,
                   bool tempo, bool metre)
{
    for (uint32_t i = 0; i < score->calls; i++) {
        const struct rp_score_call *call = &score->call[i];

        if (tempo && call->mbpm) {
            knobs->tempo = call->mbpm;
            tempo = false;
        }
        if (metre && call->metre.beats) {
            knobs->metre =
                (uint32_t)(call->metre.beats << 8 | call->metre.unit);
            metre = false;
        }
    }
}

/* ---- placing ---- */

/* Where a beat falls, with the tempo cues that come before it. */
struct course {
    struct rp_clock first;
    const struct rp_score *score;
    rp_frame start;
};

static rp_frame frame_at(const struct course *course, double seconds)
{
    return course->start + (rp_frame)(seconds * course->first.rate + 0.5);
}

static rp_frame frame_of(const struct course *course, rp_beat beat)
{
    struct rp_clock clock = course->first;

    for (uint32_t i = 0; i < course->score->cues; i++) {
        const struct rp_score_cue *cue = &course->score->cue[i];
        rp_frame at = frame_at(course, cue->seconds);
        struct rp_knobs knobs = {0};

        if (strcmp(cue->key, "tempo")) {
            continue;
        }
        if (rp_clock_beat(&clock, at) >= beat) {
            break;
        }
        if (rp_setting_read(RP_SET_TEMPO, cue->value, &knobs) == RP_OK) {
            clock = rp_clock_turn(&clock, at, knobs.tempo);
        }
    }
    return rp_clock_frame(&clock, beat);
}

static rp_beat beat_of(const struct rp_score_call *call, int64_t tick)
{
    return (rp_beat)((__int128)tick * RP_BEAT / call->division);
}

static rp_beat up_to(rp_beat beat, rp_beat unit)
{
    return (beat + unit - 1) / unit * unit;
}

static void place_event(struct rp_score *score, struct rp_event event,
                        rp_frame frame)
{
    score->event[score->events++] = (struct rp_timed_event){frame, event};
    if (frame > score->end) {
        score->end = frame;
    }
}

/* All events of a call, its first onset at `onset`. What stands before it
 * (programs, pedals) comes just then. */
static void place_call(struct rp_score *score, const struct course *course,
                       const struct rp_score_call *call, rp_beat onset)
{
    for (uint32_t i = 0; i < call->events; i++) {
        int64_t tick = call->event[i].tick - call->onset;

        place_event(
            score, call->event[i].event,
            frame_of(course, onset + beat_of(call, tick < 0 ? 0 : tick)));
    }
}

/* First beat that the call after one that sounded in [onset, end) may begin
 * at: whole turns in mode trade, else when the answer is over, roughly. */
static rp_beat next_bar(const struct rp_knobs *knobs, rp_beat onset,
                        rp_beat end, rp_beat bar)
{
    rp_beat answer = knobs->length ? knobs->length * bar : end - onset;

    if (knobs->mode == RP_MODE_TRADE) {
        rp_beat base = onset / bar * bar;

        return base + up_to(end - base, 2 * knobs->trade * bar);
    }
    return up_to(end + answer, bar) + GAP_BARS * bar;
}

/* Calls that follow each other keep their own place in the bar. */
static void place_calls(struct rp_score *score, const struct course *course,
                        const struct rp_knobs *knobs)
{
    rp_beat bar = rp_metre_bar(course->first.metre), line = 0, origin = 0;
    bool first = true, led = knobs->metronome || knobs->count_in;

    if (knobs->metronome && !knobs->count_in) {
        line = bar; /* a bar of clicks to find the beat */
    }
    for (uint32_t i = 0; i < score->calls; i++) {
        const struct rp_score_call *call = &score->call[i];
        rp_beat place = beat_of(call, call->onset) % bar, onset;

        if (call->seconds >= 0) {
            onset =
                rp_clock_beat(&course->first, frame_at(course, call->seconds));
            place_call(score, course, call, onset);
            continue;
        }
        /* When nothing else leads, the first onset is a bar line. */
        origin = first && !led ? place : origin;
        onset = line + (place - origin + bar) % bar;
        first = false;
        place_call(score, course, call, onset);
        line = next_bar(knobs, onset,
                        onset + beat_of(call, call->end - call->onset), bar);
    }
}

static void turn_cue(void *self, struct rp_knobs *knobs)
{
    struct rp_score_cue *cue = self;

    /* Was checked when it was read; a preset may still fail, and says so. */
    (void)!rp_rig_turn(cue->rig, cue->key, cue->value);
}

static int by_frame(const void *a, const void *b)
{
    const struct rp_timed_event *x = a, *y = b;

    return x->frame < y->frame ? -1 : x->frame > y->frame;
}

static int by_seconds(const void *a, const void *b)
{
    const struct rp_score_cue *x = a, *y = b;

    return x->seconds < y->seconds ? -1 : x->seconds > y->seconds;
}

static rp_status make_room(struct rp_score *score)
{
    uint32_t events = 1;

    for (uint32_t i = 0; i < score->calls; i++) {
        events += score->call[i].events;
    }
    score->event = calloc(events, sizeof(*score->event));
    score->turn = calloc(score->cues + 1, sizeof(*score->turn));
    return score->event && score->turn ? RP_OK : RP_EMEM;
}

rp_status rp_score_place(struct rp_score *score, struct rp_rig *rig,
                         uint32_t rate, rp_frame start)
{
    const struct rp_knobs *knobs = &rig->knobs;
    struct course course = {.score = score, .start = start};
    rp_status status = make_room(score);
    bool led = knobs->metronome || knobs->count_in;

    if (status != RP_OK) {
        return status;
    }
    status = sort(score->cue, score->cues, sizeof(*score->cue), by_seconds);
    if (status != RP_OK) {
        return status;
    }
    course.first = (struct rp_clock){
        .rate = rate,
        .mbpm = knobs->tempo,
        .anchored = 1,
        .metre = {(uint8_t)(knobs->metre >> 8), (uint8_t)(knobs->metre & 255)}};
    /* A quarter of a second to start in, unless clicks lead from the start. */
    course.first.frame = led ? start : start + rate / 4;
    course.first.beat =
        -(rp_beat)knobs->count_in * rp_metre_bar(course.first.metre);
    place_calls(score, &course, knobs);
    for (uint32_t i = 0; i < score->cues; i++) {
        score->cue[i].rig = rig;
        score->turn[score->turns++] = (struct rp_cue){
            frame_at(&course, score->cue[i].seconds), turn_cue, &score->cue[i]};
    }
    return sort(score->event, score->events, sizeof(*score->event), by_frame);
}

rp_frame rp_score_feed(struct rp_score *score, struct rp_rig *rig, rp_frame now)
{
    rp_frame next = INT64_MAX;

    while (score->turns_fed < score->turns &&
           score->turn[score->turns_fed].frame <= now) {
        const struct rp_cue *cue = &score->turn[score->turns_fed++];

        cue->turn(cue->self, &rig->knobs);
    }
    while (score->events_fed < score->events &&
           score->event[score->events_fed].frame <= now) {
        struct rp_event event = score->event[score->events_fed].event;

        if (!rp_session_play(rig->session, event)) {
            return now; /* full: the rest a moment later */
        }
        score->events_fed++;
    }
    if (score->events_fed < score->events) {
        next = score->event[score->events_fed].frame;
    }
    if (score->turns_fed < score->turns &&
        score->turn[score->turns_fed].frame < next) {
        next = score->turn[score->turns_fed].frame;
    }
    return next;
}

void rp_score_fini(struct rp_score *score)
{
    for (uint32_t i = 0; i < score->calls; i++) {
        free(score->call[i].path);
        free(score->call[i].event);
    }
    for (uint32_t i = 0; i < score->cues; i++) {
        free(score->cue[i].key);
        free(score->cue[i].value);
    }
    free(score->call);
    free(score->cue);
    free(score->event);
    free(score->turn);
    *score = (struct rp_score){0};
}
