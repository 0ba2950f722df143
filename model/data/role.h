/* Which notes of a file a network learns from. */
#ifndef RP_ROLE_H
#define RP_ROLE_H

#include "model/data/smf_pick.h"

enum rp_role_kind {
    RP_ROLE_MELODY,      /* one voice: rp_smf_melody */
    RP_ROLE_LEAD,        /* that voice over its chords */
    RP_ROLE_DRUMS,       /* channel 10 */
    RP_ROLE_POLYPHONY,   /* every voice but drums */
    RP_ROLE_PERFORMANCE, /* the same, with velocity and micro-timing */
    RP_ROLE_INSTRUMENT   /* the notes of one General MIDI program */
};

struct rp_role {
    enum rp_role_kind kind;
    int program; /* of RP_ROLE_INSTRUMENT, else -1 */
};

/* "melody", "lead", "drums", "polyphony" or "all", "performance", else an
 * instrument by name or number (instrument.h). RP_EARG with one logged line
 * where it is none of these. */
RP_MUST rp_status rp_role_find(const char *text, struct rp_role *role);
/* The same without a word: false. */
bool rp_role_parse(const char *text, struct rp_role *role);
/* What rp_role_find reads back; a string that stays. */
const char *rp_role_name(struct rp_role role);
/* For --help and messages. */
extern const char rp_role_list[];

/* Which note-ons it takes; of melody and lead the highest at each onset. */
struct rp_smf_pick rp_role_pick(struct rp_role role, const struct rp_smf *smf);
/* Its notes, in canonical order; *note is malloc'ed, count 0 is RP_OK. A drum
 * is struck and rings as it likes: its notes are all one tick long, so that
 * none is "still sounding" and a length costs the network nothing. */
RP_MUST rp_status rp_role_notes(struct rp_role role, const struct rp_smf *smf,
                                uint32_t resolution, struct rp_note **note,
                                uint32_t *count);

#endif
