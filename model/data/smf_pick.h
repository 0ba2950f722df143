/* Which notes of a file are wanted, and the walk along a track that says of
 * each note-on whether it is one of them and what it sounds like. */
#ifndef RP_SMF_PICK_H
#define RP_SMF_PICK_H

#include "model/data/smf.h"

enum {
    RP_SMF_ALL = 0xffff,
    RP_SMF_DRUMS = 1 << 9, /* channel 10 to people */
    RP_SMF_PITCHED = RP_SMF_ALL & ~RP_SMF_DRUMS
};

struct rp_smf_pick {
    int track;         /* -1: all; of type 2, the first that has any */
    uint16_t channels; /* one bit each */
    int program;       /* 0..127, -1: any */
};

struct rp_smf_picker {
    const struct rp_smf *smf;
    struct rp_smf_pick pick;
    uint32_t from, to;   /* tracks that may have wanted notes: [from, to) */
    uint8_t first[16];   /* program that a channel has first, by tick */
    uint8_t program[16]; /* in force where the walk is */
};

void rp_smf_picker_init(struct rp_smf_picker *picker, const struct rp_smf *smf,
                        struct rp_smf_pick pick);
/* A walk along a track begins. Programs are those that the file gives first,
 * in whatever track, until the track itself changes them. */
void rp_smf_picker_begin(struct rp_smf_picker *picker);
/* Every event of the track, in order: whether it is a wanted note-on. */
bool rp_smf_picker_wants(struct rp_smf_picker *picker, struct rp_event event);

/* As rp_smf_notes, of the notes that `pick` says. */
RP_MUST rp_status rp_smf_pick_notes(const struct rp_smf *smf,
                                    struct rp_smf_pick pick,
                                    uint32_t resolution, struct rp_note **note,
                                    uint32_t *count);

#endif
