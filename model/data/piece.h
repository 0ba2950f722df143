/* One piece: the notes of a file as a role takes them, and where they stand. */
#ifndef RP_PIECE_H
#define RP_PIECE_H

#include "model/data/note.h"

enum rp_split { RP_TRAIN, RP_VALID, RP_TEST, RP_SPLITS };
extern const char *const rp_split_names[RP_SPLITS]; /* train valid test */

struct rp_piece {
    char *path; /* owned */
    enum rp_split split;
    uint32_t count, metres;
    struct rp_note *note; /* canonical order, at the vocabulary's resolution */
    struct rp_metre_change *metre; /* covers every note; metres 0: unknown */
    struct rp_chord_change *chord; /* where the role has chords */
    uint32_t chords;               /* 0: unknown */
    int32_t origin;  /* bar line at or before the first note */
    uint8_t low, high; /* lowest and highest pitch */
    int32_t length;    /* frames of a piano roll (frames.h); else 0 */
};

struct rp_facts;
struct rp_dataset_options;
struct rp_role;

/* Reads facts->path into *piece and says in *facts what was found. RP_ENONE,
 * with facts->fate and reason set, where the file is of no use; any other
 * failure is no fault of the file's. */
RP_MUST rp_status rp_piece_read(const struct rp_dataset_options *options,
                                struct rp_role role, struct rp_facts *facts,
                                struct rp_piece *piece);
void rp_piece_fini(struct rp_piece *piece);
/* Lowest and highest pitch, from the notes. */
void rp_piece_set_range(struct rp_piece *piece);

#endif
