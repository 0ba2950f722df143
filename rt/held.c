#include "rt/held.h"

static const uint8_t controls[3] = {RP_CC_PEDAL, RP_CC_NOTES_OFF,
                                    RP_CC_SOUND_OFF};

static uint8_t *count_of(struct rp_held *held, enum rp_source source,
                         struct rp_event event)
{
    return &held->count[source][event.data[0] & 15][event.data[1] & 127];
}

/* How many notes of that pitch the receiver behind the source's port hears. */
static uint32_t on_port(struct rp_held *held, enum rp_source source,
                        struct rp_event event)
{
    if (source == RP_SOURCE_CALL) {
        return *count_of(held, source, event);
    }
    return *count_of(held, RP_SOURCE_ANSWER, event) +
           *count_of(held, RP_SOURCE_METRONOME, event);
}

static void raise(struct rp_held *held, enum rp_source source,
                  struct rp_event event)
{
    uint8_t *count = count_of(held, source, event);

    if (*count < UINT8_MAX) {
        (*count)++;
        held->sounding[source]++;
    }
}

RP_RT bool rp_held_on(struct rp_held *held, enum rp_source source,
                      struct rp_event event)
{
    bool sounds = on_port(held, source, event) > 0;

    raise(held, source, event);
    held->channels[source] |= 1u << (event.data[0] & 15);
    return sounds;
}

RP_RT void rp_held_skip(struct rp_held *held, enum rp_source source,
                        struct rp_event event)
{
    /* Where nothing sounds the note-off finds nothing and is not sent; where
     * something does, two note-offs will come and the last one counts. */
    if (*count_of(held, source, event)) {
        raise(held, source, event);
    }
}

RP_RT bool rp_held_off(struct rp_held *held, enum rp_source source,
                       struct rp_event event)
{
    uint8_t *count = count_of(held, source, event);

    if (!*count) {
        return false;
    }
    (*count)--;
    held->sounding[source]--;
    return on_port(held, source, event) == 0;
}

RP_RT void rp_held_other(struct rp_held *held, enum rp_source source,
                         struct rp_event event)
{
    uint16_t channel = 1u << (event.data[0] & 15);

    held->channels[source] |= channel;
    if ((event.data[0] & 0xf0) == RP_CONTROL && event.data[1] == RP_CC_PEDAL) {
        if (event.data[2] >= 64) {
            held->pedal[source] |= channel;
        } else {
            held->pedal[source] &= ~channel;
        }
    }
}

RP_RT void rp_held_release(struct rp_held *held, enum rp_source source,
                           uint16_t channels, struct rp_release *release)
{
    for (int c = 0; c < 16 && held->sounding[source]; c++) {
        for (int p = 0; p < 128; p++) {
            uint8_t *count = &held->count[source][c][p];

            if (*count) {
                rp_release_add(release, rp_event_make(RP_NOTE_OFF, c, p, 64));
                held->sounding[source] -= *count;
                *count = 0;
            }
        }
    }
    channels |= held->channels[source];
    for (int i = 0; i < 3; i++) {
        release->control[i] |= channels;
    }
    held->channels[source] = 0;
    held->pedal[source] = 0;
}

RP_RT void rp_release_add(struct rp_release *release, struct rp_event off)
{
    int channel = off.data[0] & 15, pitch = off.data[1] & 127;

    release->off[channel][pitch / 64] |= 1ull << pitch % 64;
    release->offs |= 1u << channel;
}

RP_RT struct rp_event rp_release_next(const struct rp_release *release)
{
    if (release->offs) {
        int channel = __builtin_ctz(release->offs);
        const uint64_t *off = release->off[channel];
        int pitch =
            off[0] ? __builtin_ctzll(off[0]) : 64 + __builtin_ctzll(off[1]);

        return rp_event_make(RP_NOTE_OFF, channel, pitch, 64);
    }
    for (int i = 0; i < 3; i++) {
        if (release->control[i]) {
            return rp_event_make(RP_CONTROL, __builtin_ctz(release->control[i]),
                                 controls[i], 0);
        }
    }
    return (struct rp_event){0};
}

RP_RT void rp_release_sent(struct rp_release *release, struct rp_event event)
{
    int channel = event.data[0] & 15, pitch = event.data[1] & 127;

    if (rp_event_is_off(event)) {
        release->off[channel][pitch / 64] &= ~(1ull << pitch % 64);
        if (!release->off[channel][0] && !release->off[channel][1]) {
            release->offs &= ~(1u << channel);
        }
        return;
    }
    for (int i = 0; i < 3; i++) {
        if (event.data[1] == controls[i]) {
            release->control[i] &= ~(1u << channel);
        }
    }
}
