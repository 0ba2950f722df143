/* A set of pieces read from folders of .mid, each on one side of the split. */
#ifndef RP_DATASET_H
#define RP_DATASET_H

#include "model/data/piece.h"

struct rp_facts; /* facts.h */

struct rp_dataset {
    struct rp_vocabulary vocabulary;
    bool rolls; /* piano rolls: a piece has a length, its notes are runs */
    bool drums; /* a pitch is an instrument: no key to move it to */
    const char *role; /* as rp_role_name says it; NULL where the set was not
                         read from .mid */
    uint32_t count;
    struct rp_piece *piece; /* sorted by path: the order does not depend on
                               the directory's */
    uint32_t files;      /* .mid seen, one entry of facts each */
    struct rp_facts *facts; /* by path; report.h makes the report of them */
    uint32_t dropped;    /* files that could not be used: */
    uint32_t broken;     /*   could not be read; each was logged */
    uint32_t shorter;    /*   fewer than min_notes */
    uint32_t duplicates; /*   same times and intervals as an earlier piece */
    uint32_t beyond;     /*   past the memory limit; that was logged */
    uint32_t alike;      /* kept pieces that are much like another kept one */
    uint32_t rest_bars;  /* bars that long rests lost */
    char hash[65]; /* SHA-256 over all notes and splits, hex; the same wherever
                      the files lie */
};

struct rp_dataset_options {
    struct rp_vocabulary vocabulary;
    const char *role;   /* role.h; NULL: as prepared, else melody */
    uint32_t min_notes; /* shorter pieces are dropped (16) */
    int32_t max_rest_bars; /* longer rests lose whole bars (2); 0: keep */
    double eval_ratio; /* of the pieces, for RP_VALID, and as many again for
                          RP_TEST; 0: a tenth */
    uint32_t threads;  /* 0: one per core; the set is the same */
    uint32_t memory;   /* MiB that pieces may take; 0: half of the machine's */
};

/* Reads DIRs recursively, every .mid, .midi, .smf and .kar; a DIR may be such
 * a file, too, and a single one a prepared set (prepared.h). The split of a
 * piece is by SHA-256 of its times and intervals: 80 / 10 / 10; pieces that
 * are much alike (near.h) go where one of them would. Pieces past the memory
 * limit are left out, the last by path first. RP_ENONE when nothing usable was
 * found. */
RP_MUST rp_status rp_dataset_read(const char *const *dir, uint32_t dirs,
                                  const struct rp_dataset_options *options,
                                  struct rp_dataset *dataset);
/* Sets `drums` and the counts after `facts`, from the role and the facts. */
void rp_dataset_count(struct rp_dataset *dataset);
void rp_dataset_fini(struct rp_dataset *dataset);

#endif
