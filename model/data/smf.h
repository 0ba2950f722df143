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
    int64_t end; /* tick at which the track is over */
};
struct rp_smf_tempo {
    int64_t tick;
    uint32_t us_per_beat;
    uint32_t track, order; /* where it was read, and as which one */
};
struct rp_smf_metre {
    int64_t tick;
    struct rp_metre metre;
    uint32_t track, order;
};
struct rp_smf {
    uint16_t type;
    /* Ticks per quarter note. An SMPTE file has seconds and no beats: it is
     * read as if at 120 BPM, without tempo or metre, its ticks multiplied
     * where half a second is no whole number of them. */
    uint32_t division;
    uint32_t tracks, tempos, metres;
    struct rp_smf_track *track;
    struct rp_smf_tempo *tempo; /* merged over tracks, in order of tick; the */
    struct rp_smf_metre *metre; /* tracks of a type 2 file have their own */
    uint32_t damage; /* places where something had to be passed over */
};

RP_MUST rp_status rp_smf_read(const char *path, struct rp_smf *smf);
RP_MUST rp_status rp_smf_parse(const char *path /* for messages */,
                               const unsigned char *bytes, size_t size,
                               struct rp_smf *smf);
void rp_smf_fini(struct rp_smf *smf);

/* Seconds at a tick, by the tempo map; of a type 2 file, by that of its first
 * track. */
double rp_smf_seconds(const struct rp_smf *smf, int64_t tick);
double rp_smf_track_seconds(const struct rp_smf *smf, uint32_t track,
                            int64_t tick);

/* Notes later than this are left out: sums of two still fit 32 bits. */
#define RP_SMF_TICK_MAX (INT32_MAX / 2)
/* A tick of the file at `resolution` ticks per beat, rounded. */
int64_t rp_smf_ticks_at(const struct rp_smf *smf, uint32_t resolution,
                        int64_t tick);

/* Notes of one track (track < 0: all; of type 2, the first that has any),
 * those of channel 10 only where `drums`. Onset and end are each rounded to
 * `resolution` ticks per beat, duration at least 1, in canonical order; the
 * offset says what rounding took from the onset. A note
 * that nothing ends lasts until its track is over. *note is malloc'ed; count 0
 * is RP_OK. */
RP_MUST rp_status rp_smf_notes(const struct rp_smf *smf, int track,
                               bool drums, uint32_t resolution,
                               struct rp_note **note, uint32_t *count);
/* The melody: the first track named like one (melody, voice, vocal, soprano,
 * lead, canto ...), else the first with notes outside channel 10 that is not
 * named chords; of it the highest note at each onset, cut at the next onset.
 * rp_smf_melody_track says which track that is, or -1. */
RP_MUST rp_status rp_smf_melody(const struct rp_smf *smf, uint32_t resolution,
                                struct rp_note **note, uint32_t *count);
int rp_smf_melody_track(const struct rp_smf *smf);
/* Whether a track is named chords. */
bool rp_smf_track_is_chords(const struct rp_smf *smf, uint32_t track);
/* Metre map at `resolution`, each change at a bar line, none said twice.
 * *change is malloc'ed; none in the file: count 0. `track` matters in a type 2
 * file alone. */
RP_MUST rp_status rp_smf_metres(const struct rp_smf *smf, uint32_t resolution,
                                struct rp_metre_change **change,
                                uint32_t *count);
RP_MUST rp_status rp_smf_track_metres(const struct rp_smf *smf, uint32_t track,
                                      uint32_t resolution,
                                      struct rp_metre_change **change,
                                      uint32_t *count);

#endif
