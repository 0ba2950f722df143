/* Reading standard MIDI files of type 0, 1 and 2: running status, tempo maps,
 * SMPTE division, missing end-of-track, zero-length tracks, wrong chunk
 * lengths. What can be read is read; what cannot is one log line with the
 * path and byte offset. */
#ifndef RP_SMF_H
#define RP_SMF_H

#include <stddef.h>

#include "model/data/note.h"
#include "rt/event.h"

struct rp_smf_event {
    int64_t tick; /* absolute, in the file's division */
    struct rp_event event;
};
struct rp_smf_text {
    int64_t tick;
    uint8_t type; /* meta type 1..15 */
    char *text;   /* owned, made printable */
};
struct rp_smf_track {
    char *name; /* "" when it has none; owned */
    uint32_t events, texts;
    struct rp_smf_event *event; /* in order of tick */
    struct rp_smf_text *text;
};
struct rp_smf_tempo {
    int64_t tick;
    uint32_t us_per_beat;
};
struct rp_smf_metre {
    int64_t tick;
    struct rp_metre metre;
};
struct rp_smf {
    uint16_t type;
    /* Ticks per quarter note. An SMPTE file is read as if at 120 BPM:
     * division = ticks per second / 2. */
    uint32_t division;
    uint32_t tracks, tempos, metres;
    struct rp_smf_track *track;
    struct rp_smf_tempo *tempo; /* merged over tracks, in order */
    struct rp_smf_metre *metre;
    uint32_t damage; /* places where something had to be passed over */
};

RP_MUST rp_status rp_smf_read(const char *path, struct rp_smf *smf);
RP_MUST rp_status rp_smf_parse(const char *path /* for messages */,
                               const unsigned char *bytes, size_t size,
                               struct rp_smf *smf);
void rp_smf_fini(struct rp_smf *smf);

/* Seconds at a tick, by the tempo map. */
double rp_smf_seconds(const struct rp_smf *smf, int64_t tick);

/* Notes of one track (track < 0: all), channel 10 only where `drums`; onset and
 * end each rounded to `resolution` ticks per beat, duration at least 1, in
 * canonical order. *note is malloc'ed. */
RP_MUST rp_status rp_smf_notes(const struct rp_smf *smf, int track,
                               bool drums, uint32_t resolution,
                               struct rp_note **note, uint32_t *count);
/* The melody: the first track named like one (melody, voice, vocal, soprano,
 * lead, canto ...), else the first with notes outside channel 10; of it the
 * highest note at each onset, cut at the next onset. */
RP_MUST rp_status rp_smf_melody(const struct rp_smf *smf, uint32_t resolution,
                                struct rp_note **note, uint32_t *count);
/* Metre map at `resolution`. *change is malloc'ed; none in the file: count 0. */
RP_MUST rp_status rp_smf_metres(const struct rp_smf *smf, uint32_t resolution,
                                struct rp_metre_change **change,
                                uint32_t *count);

#endif
