#include "model/play/generate.h"

#include <stdlib.h>
#include <string.h>

#include "model/play/voice.h"
#include "rt/log.h"
#include "rt/smf_write.h"

enum { OCTAVE = 12, ALL_BEATS = 1 << 20, REST = 2 /* bars */ };

struct rp_generator {
    struct rp_generate_options options;
    struct rp_memory memory;
    int octaves; /* how much higher the primer is read than it is written */
    struct rp_note note[RP_GENERATE_MOST];
};

rp_status rp_generator_create(struct rp_generator **generator,
                              const struct rp_generate_options *o)
{
    struct rp_generator *g = calloc(1, sizeof *g);
    struct rp_engine *engine;
    struct rp_voice voice;
    rp_status status;

    if (!g) {
        rp_log(RP_ERROR, "generate", "out of memory");
        return RP_EMEM;
    }
    status = rp_memory_engine(o->model, &engine);
    if (status) {
        free(g);
        return status;
    }
    g->options = *o;
    rp_memory_init(&g->memory, o->model, engine);
    for (uint32_t i = 0; i < o->primer->metres; i++)
        rp_memory_metre(&g->memory, o->primer->metre[i].tick,
                        o->primer->metre[i].metre);
    if (o->model->shape.vocabulary.chord)
        rp_memory_chords(&g->memory, o->primer->chord, o->primer->chords);
    rp_voice_learn(&voice, &g->memory);
    if (o->primer->count)
        g->octaves = rp_voice_octaves(&voice, o->primer->note[0].pitch);
    *generator = g;
    return RP_OK;
}

void rp_generator_destroy(struct rp_generator *generator)
{
    if (!generator)
        return;
    rp_memory_fini(&generator->memory);
    free(generator);
}

static int32_t window_ticks(const struct rp_generator *g)
{
    uint32_t beats = g->options.window;

    if (!beats || beats > ALL_BEATS)
        beats = ALL_BEATS;
    return (int32_t)(beats * g->options.model->shape.vocabulary.resolution);
}

/* The primer, or what of it can still matter: the bars that memory keeps. */
static rp_status read_primer(struct rp_generator *g)
{
    const struct rp_primer *primer = g->options.primer;
    int32_t length, from;
    rp_status status = RP_OK;

    from = rp_memory_bar(&g->memory, primer->end, &length);
    from -= RP_MEMORY_BARS * length;
    rp_memory_forget(&g->memory);
    for (uint32_t i = 0; i < primer->count && !status; i++) {
        struct rp_note note = primer->note[i];
        note.pitch = rp_voice_read(g->octaves, note.pitch);
        if (note.onset >= from)
            status = rp_memory_push(&g->memory, &note);
    }
    return status;
}

/* A limit of what sounds, as the network knows it. */
static uint8_t read_limit(const struct rp_generator *g, int pitch)
{
    pitch += OCTAVE * g->octaves;
    return (uint8_t)(pitch < 0 ? 0 : pitch > 127 ? 127 : pitch);
}

static void set_range(const struct rp_generator *g, struct rp_steer *steer)
{
    const struct rp_primer *primer = g->options.primer;
    int low = 127, high = 0;

    if (g->options.high) {
        steer->low = read_limit(g, g->options.low);
        steer->high = read_limit(g, g->options.high);
        return;
    }
    for (uint32_t i = 0; i < primer->count; i++) {
        low = primer->note[i].pitch < low ? primer->note[i].pitch : low;
        high = primer->note[i].pitch > high ? primer->note[i].pitch : high;
    }
    if (!primer->count)
        return;
    steer->low = read_limit(g, low > OCTAVE ? low - OCTAVE : 0);
    steer->high = read_limit(g, high + OCTAVE < 127 ? high + OCTAVE : 127);
}

static void set_turn(const struct rp_generator *g, uint32_t candidate,
                     struct rp_turn *turn)
{
    const struct rp_primer *primer = g->options.primer;
    struct rp_steer *steer = &turn->steer;
    struct rp_dynamics *dynamics = &turn->dynamics;
    int32_t length, bar = rp_memory_bar(&g->memory, primer->end, &length);
    uint32_t loud = 0;

    rp_turn_init(turn, g->options.seed, 1, candidate);
    turn->alone = primer->count ? primer->line
                                : rp_model_is_melodic(g->options.model);
    set_range(g, steer);
    if (!g->options.model->shape.vocabulary.chord) {
        turn->chord = primer->chord;
        turn->chords = primer->chords;
    }
    steer->earliest = primer->end;
    steer->may_end = !g->options.bars && !g->options.notes;
    if (g->options.bars) {
        if (bar < primer->end)
            bar += length;
        steer->end = bar + (int32_t)g->options.bars * length;
    }
    for (uint32_t i = 0; i < primer->count; i++)
        loud += primer->note[i].velocity;
    if (primer->count)
        memset(dynamics->point, (int)(loud / primer->count),
               sizeof dynamics->point);
    dynamics->bar = length;
    dynamics->beat = g->options.model->shape.vocabulary.resolution;
    dynamics->line = bar;
}

/* It begins within a bar; no later rest is longer than two. */
static void set_latest(const struct rp_generator *g, struct rp_turn *turn,
                       int32_t at)
{
    struct rp_steer *steer = &turn->steer;
    int32_t length;

    (void)rp_memory_bar(&g->memory, at, &length);
    turn->widest = REST * length;
    if (turn->notes) {
        rp_turn_bound(turn);
        return;
    }
    steer->latest = at + length;
    if (steer->latest >= steer->end)
        steer->latest = steer->end - 1;
}

rp_status rp_generator_draw(struct rp_generator *g, uint32_t candidate,
                            const struct rp_note **note, uint32_t *count)
{
    uint32_t most = g->options.notes;
    enum rp_drawn drawn = RP_DRAWN;
    struct rp_turn turn;
    rp_status status = read_primer(g);

    if (status)
        return status;
    if (!most || most > RP_GENERATE_MOST)
        most = RP_GENERATE_MOST;
    set_turn(g, candidate, &turn);
    while (turn.notes < most && drawn == RP_DRAWN && !status) {
        struct rp_note *next = &g->note[turn.notes];
        int32_t at = turn.steer.earliest;
        struct rp_sight sight =
            rp_memory_sight(&g->memory, at, window_ticks(g), 0);
        set_latest(g, &turn, at);
        drawn = rp_turn_draw(&turn, &sight, &g->options.taste, next);
        if (drawn != RP_DRAWN)
            break;
        rp_turn_take(&turn, next);
        status = rp_memory_push(&g->memory, next);
    }
    if (drawn == RP_DRAWN_ERROR)
        status = RP_EIO;
    for (uint32_t i = 0; i < turn.notes; i++)
        g->note[i].pitch = rp_voice_sound(g->octaves, g->note[i].pitch);
    *note = g->note;
    *count = turn.notes;
    return status;
}

/* ---- writing ---- */

/* A note that begins earlier than its tick says does not begin before the one
 * of its pitch has ended. */
static int64_t smf_onset(const struct rp_note *note, int64_t end,
                         uint32_t resolution, int32_t origin)
{
    int64_t fine = 16 * ((int64_t)note->onset - origin) + note->offset;
    int64_t on = (fine * RP_SMF_PPQ + 8 * resolution) / (16 * resolution);

    return on < end ? end : on;
}

static int64_t smf_tick(int64_t tick, uint32_t resolution)
{
    return (tick * RP_SMF_PPQ + resolution / 2) / resolution;
}

static rp_status write_notes(struct rp_smf_write *smf, uint32_t track,
                             const struct rp_note *note, uint32_t count,
                             uint32_t resolution, int32_t origin)
{
    rp_status status = RP_OK;
    int64_t end[128] = { 0 };

    for (uint32_t i = 0; i < count && !status; i++) {
        int64_t on =
            smf_onset(&note[i], end[note[i].pitch], resolution, origin);
        int64_t off = smf_tick((int64_t)note[i].onset + note[i].duration -
                                   origin,
                               resolution);
        end[note[i].pitch] = off;
        status = rp_smf_write_event(smf, track, off,
                                    rp_event_make(RP_NOTE_OFF, 0,
                                                  note[i].pitch, 64));
        if (!status)
            status = rp_smf_write_event(smf, track, on,
                                        rp_event_make(RP_NOTE_ON, 0,
                                                      note[i].pitch,
                                                      note[i].velocity));
    }
    return status;
}

static rp_status write_chords(struct rp_smf_write *smf,
                              const struct rp_primer *primer,
                              uint32_t resolution)
{
    rp_status status = RP_OK;

    for (uint32_t i = 0; i < primer->chords && !status; i++) {
        int64_t tick = (int64_t)primer->chord[i].tick - primer->origin;
        char symbol[RP_CHORD_TEXT];
        if (i + 1 < primer->chords &&
            primer->chord[i + 1].tick <= primer->origin)
            continue;
        rp_chord_print(primer->chord[i].chord, symbol);
        status = rp_smf_write_text(
            smf, 0, tick > 0 ? smf_tick(tick, resolution) : 0, 1, symbol);
    }
    return status;
}

static rp_status write_head(struct rp_smf_write *smf,
                            const struct rp_primer *primer,
                            uint32_t resolution, uint32_t mbpm, int program)
{
    rp_status status = rp_smf_write_tempo(smf, 0, mbpm);

    for (uint32_t i = 0; i < primer->metres && !status; i++) {
        int64_t tick = (int64_t)primer->metre[i].tick - primer->origin;
        if (i + 1 < primer->metres &&
            primer->metre[i + 1].tick <= primer->origin)
            continue;
        status = rp_smf_write_metre(
            smf, tick > 0 ? smf_tick(tick, resolution) : 0,
            primer->metre[i].metre);
    }
    if (!status)
        status = rp_smf_write_name(smf, 1, "primer");
    if (!status)
        status = rp_smf_write_name(smf, 2, "continuation");
    for (uint32_t track = 1; track <= 2 && program >= 0 && !status; track++)
        status = rp_smf_write_event(
            smf, track, 0, rp_event_make(RP_PROGRAM, 0, (uint8_t)program, 0));
    return status;
}

rp_status rp_generate_save(const char *path, const struct rp_primer *primer,
                           const struct rp_note *note, uint32_t count,
                           uint32_t resolution, uint32_t mbpm, int program)
{
    struct rp_smf_write *smf;
    rp_status status = rp_smf_write_create(&smf, 2);

    if (status)
        return status;
    status = write_head(smf, primer, resolution, mbpm, program);
    if (!status)
        status = write_chords(smf, primer, resolution);
    if (!status)
        status = write_notes(smf, 1, primer->note, primer->count, resolution,
                             primer->origin);
    if (!status)
        status = write_notes(smf, 2, note, count, resolution, primer->origin);
    if (!status)
        status = rp_smf_write_save(smf, path);
    rp_smf_write_destroy(smf);
    return status;
}
