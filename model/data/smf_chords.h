/* The chords over a melody, wherever a file has them. */
#ifndef RP_SMF_CHORDS_H
#define RP_SMF_CHORDS_H

#include "model/data/smf.h"

/* What they were taken from, the first that there is. */
enum rp_chord_source {
    RP_CHORDS_NONE,
    RP_CHORDS_TEXT,  /* text events that are chord symbols */
    RP_CHORDS_TRACK, /* a track named chords */
    RP_CHORDS_READ,  /* all tracks but the melody and drums */
    RP_CHORD_SOURCES
};
extern const char *const rp_chord_source_names[RP_CHORD_SOURCES];

/* `melody`: the track that they go with, -1 none (nothing is then read from
 * the notes: they would tell of themselves). *chord is malloc'ed, in order of
 * tick, no chord twice in a row; no chords: count 0, which is RP_OK. */
RP_MUST rp_status rp_smf_chords(const struct rp_smf *smf, int melody,
                                uint32_t resolution,
                                struct rp_chord_change **chord,
                                uint32_t *count,
                                enum rp_chord_source *source);
/* The text events of one track alone; count 0 unless most of them, and at
 * least two, are chord symbols. */
RP_MUST rp_status rp_smf_chord_texts(const struct rp_smf *smf, uint32_t track,
                                     uint32_t resolution,
                                     struct rp_chord_change **chord,
                                     uint32_t *count);

#endif
