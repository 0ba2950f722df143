/* One voice of a .mid file, exactly: what one channel plays on one track, with
 * the file's tempo and metre beside it. Nothing is rounded, doubled notes stay
 * double. Parts of a file make the file again. */
#ifndef RP_PART_H
#define RP_PART_H

#include <stdio.h>

#include "model/data/smf.h"

enum { RP_PART_VERSION = 1 }; /* of the JSON */

struct rp_part_note {
    int64_t onset, ticks; /* of the file's division; ticks 0 is possible */
    uint8_t pitch, velocity, release;
};

struct rp_part {
    char *source;   /* path of the .mid below the folder that was read */
    char *name;     /* of the track; "" none */
    uint32_t type, division;
    uint32_t track;   /* in the file, from 0 */
    uint8_t channel;  /* 0..15; 9 is drums */
    int program;      /* in force at the first note; -1: none is said */
    uint32_t notes, messages, texts, tempos, metres;
    struct rp_part_note *note; /* in the order of rp_part_sort */
    struct rp_smf_event *message; /* all that is no note */
    struct rp_smf_text *text; /* of the track: with its first channel only */
    struct rp_smf_tempo *tempo;
    struct rp_smf_metre *metre;
};

/* All parts of a file, in order of track and channel. A track without notes
 * and messages is one when it has texts. *part is malloc'ed. */
RP_MUST rp_status rp_parts_of(const struct rp_smf *smf, const char *source,
                              struct rp_part **part, uint32_t *count);
/* By onset, then pitch from low to high, then length and loudness. */
void rp_part_sort(struct rp_part *part);
/* "Church Organ", "Drums", "" where none is said. */
const char *rp_part_instrument(const struct rp_part *part);
void rp_part_fini(struct rp_part *part);
void rp_parts_fini(struct rp_part *part, uint32_t count);

/* The .mid that the parts of one source make: type 1, tempo and metre on a
 * track of their own, the others in order of track. */
RP_MUST rp_status rp_parts_save(const struct rp_part *part, uint32_t count,
                                const char *path);

/* JSON, as riposte.1 describes it. */
void rp_part_print(const struct rp_part *part, FILE *file);
/* RP_EFORMAT with one logged line (path, byte, what was expected). */
RP_MUST rp_status rp_part_read(const char *path, struct rp_part *part);

#endif
