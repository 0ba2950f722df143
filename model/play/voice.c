#include "model/play/voice.h"

#include "model/net/kernels.h"
#include "model/play/listen.h"

#define RARE 0.02f /* so few of its songs begin lower; and higher */
enum {
    ROLL_MS = 100,  /* from one hand to the other, at most */
    COVER_BEATS = 4, /* who holds a note for longer plays a drone, not a tune */
    APART = 7       /* semitones from the tune: another hand's */
};

/* ---- what the network knows ---- */

/* The pitches between which songs begin, from the state before any note. */
static void find_register(struct rp_voice *voice, const float *p)
{
    float all = 0.0f, sum = 0.0f;

    for (uint32_t i = 0; i < 128; i++)
        all += p[i];
    for (uint32_t i = 0; i < 128; i++) {
        sum += p[i];
        if (sum < RARE * all)
            voice->low = (uint8_t)(i + 1);
        if (sum <= (1.0f - RARE) * all)
            voice->high = (uint8_t)(i + 1 < 127 ? i + 1 : 127);
    }
}

void rp_voice_learn(struct rp_voice *voice, const struct rp_memory *memory)
{
    struct rp_draft draft = { .velocity = 64 };
    struct rp_sight blank = rp_memory_blank(memory);
    struct rp_indices condition;
    float logits[RP_SOFTMAX_MAX], p[RP_SOFTMAX_MAX], top;

    voice->line = rp_model_is_melodic(memory->model);
    voice->low = 0;
    voice->high = 127;
    if (!voice->line) {
        voice->octaves = 0;
        return;
    }
    rp_reader_condition(&blank.reader, &draft, RP_PITCH, &condition);
    if (blank.engine->ops->logits(blank.engine, blank.slot, RP_PITCH,
                                  &condition, logits))
        return;
    top = logits[0];
    for (uint32_t i = 1; i < 128; i++)
        top = logits[i] > top ? logits[i] : top;
    rp_kernels()->exp(128, logits, top, p);
    find_register(voice, p);
}

/* ---- which notes are the tune ---- */

void rp_voice_begin(struct rp_voice *voice)
{
    voice->begun = false;
    voice->under = 0;
}

bool rp_voice_together(const struct rp_listen_note *first,
                       const struct rp_listen_note *second)
{
    rp_frame end = first->off_frame, shorter;

    if (end == RP_FRAME_NEVER)
        return true;
    shorter = end - first->on_frame;
    if (second->off_frame != RP_FRAME_NEVER) {
        if (second->off_frame < end)
            end = second->off_frame;
        if (second->off_frame - second->on_frame < shorter)
            shorter = second->off_frame - second->on_frame;
    }
    return 2 * (end - second->on_frame) >= shorter;
}

/* The tune's last note as one that was heard. */
static struct rp_listen_note tune(const struct rp_voice *voice)
{
    return (struct rp_listen_note){ .on_frame = voice->on_frame,
                                    .off_frame = voice->off_frame,
                                    .pitch = voice->pitch };
}

bool rp_voice_is_under(const struct rp_voice *voice,
                       const struct rp_listen_note *note,
                       const struct rp_listen_note *later, uint32_t count,
                       const struct rp_clock *clock)
{
    rp_frame roll = (rp_frame)clock->rate * ROLL_MS / 1000;
    rp_frame cover = (rp_frame)clock->rate * 60000 * COVER_BEATS / clock->mbpm;
    struct rp_listen_note last = tune(voice);

    for (uint32_t i = 0;
         i < count && later[i].on_frame - note->on_frame <= roll; i++)
        if (later[i].pitch > note->pitch + APART &&
            rp_voice_together(note, &later[i]))
            return true;
    if (!voice->begun || note->pitch >= last.pitch)
        return false;
    if (note->on_frame - last.on_frame < cover &&
        rp_voice_together(&last, note))
        return true;
    return note->pitch <= voice->under &&
           note->pitch + APART < last.pitch;
}

void rp_voice_follow(struct rp_voice *voice, const struct rp_listen_note *note)
{
    voice->pitch = note->pitch;
    voice->on_frame = note->on_frame;
    voice->off_frame = note->off_frame;
    if (!voice->begun)
        voice->octaves = rp_voice_octaves(voice, note->pitch);
    voice->begun = true;
}

void rp_voice_leave(struct rp_voice *voice, const struct rp_listen_note *note)
{
    if (voice->begun && note->pitch + APART < voice->pitch &&
        note->pitch > voice->under)
        voice->under = note->pitch;
}

void rp_voice_release(struct rp_voice *voice, uint8_t pitch, rp_frame frame)
{
    if (voice->pitch == pitch && voice->off_frame == RP_FRAME_NEVER)
        voice->off_frame = frame;
}

/* ---- in which register ---- */

int rp_voice_octaves(const struct rp_voice *voice, uint8_t pitch)
{
    int octaves = 0;

    while (pitch + 12 * octaves > voice->high)
        octaves--;
    while (pitch + 12 * octaves < voice->low)
        octaves++;
    return octaves;
}

static uint8_t fold(int pitch)
{
    while (pitch > 127)
        pitch -= 12;
    while (pitch < 0)
        pitch += 12;
    return (uint8_t)pitch;
}

uint8_t rp_voice_read(int octaves, uint8_t pitch)
{
    return fold(pitch + 12 * octaves);
}

uint8_t rp_voice_sound(int octaves, uint8_t pitch)
{
    return fold(pitch - 12 * octaves);
}
