/* A set of pieces read from folders of .mid, each on one side of the split. */
#ifndef RP_DATASET_H
#define RP_DATASET_H

#include "model/data/note.h"

enum rp_split { RP_TRAIN, RP_VALID, RP_TEST, RP_SPLITS };
extern const char *const rp_split_names[RP_SPLITS]; /* train valid test */

struct rp_piece {
    char *path; /* owned */
    enum rp_split split; /* by SHA-256 of times and intervals: 80 / 10 / 10 */
    uint32_t count, metres;
    struct rp_note *note; /* canonical order, at the vocabulary's resolution */
    struct rp_metre_change *metre; /* covers every note; metres 0: unknown */
    struct rp_chord_change *chord; /* where the vocabulary has chords */
    uint32_t chords;               /* 0: unknown */
    int32_t origin;  /* bar line at or before the first note */
    uint8_t low, high; /* lowest and highest pitch */
    int32_t length;    /* frames of a piano roll (frames.h); else 0 */
};

struct rp_dataset {
    struct rp_vocabulary vocabulary;
    bool rolls; /* piano rolls: a piece has a length, its notes are runs */
    uint32_t count;
    struct rp_piece *piece; /* sorted by path: the order does not depend on
                               the directory's */
    uint32_t files;      /* .mid seen */
    uint32_t dropped;    /* files that could not be used; each was logged: */
    uint32_t broken;     /*   could not be read */
    uint32_t shorter;    /*   fewer than min_notes */
    uint32_t duplicates; /*   same times and intervals as an earlier piece */
    uint32_t rest_bars;  /* bars that long rests lost */
    char hash[65]; /* SHA-256 over all notes and splits, hex; the same wherever
                      the files lie */
};

struct rp_dataset_options {
    struct rp_vocabulary vocabulary;
    const char *role;   /* "melody" or "all" (every track but drums) */
    uint32_t min_notes; /* shorter pieces are dropped (16) */
    int32_t max_rest_bars; /* longer rests lose whole bars (2); 0: keep */
};

/* Reads DIRs recursively, every .mid, .midi, .smf and .kar; a DIR may be a
 * file, too. RP_ENONE when nothing usable was found. */
RP_MUST rp_status rp_dataset_read(const char *const *dir, uint32_t dirs,
                                  const struct rp_dataset_options *options,
                                  struct rp_dataset *dataset);
void rp_dataset_fini(struct rp_dataset *dataset);

#endif
