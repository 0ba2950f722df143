/* The data report: what became of every file of a set, and what is in those
 * that were kept. For people in a dozen lines, in full as JSON. */
#ifndef RP_REPORT_H
#define RP_REPORT_H

#include <stdio.h>

#include "model/data/facts.h"

enum { RP_REPORT_METRES = 33 * 6 }; /* beats 0..32 by units 1 2 4 .. 32 */

/* Sums over the files that were kept. */
struct rp_report {
    uint32_t fates[RP_FATES]; /* of all files */
    uint32_t pieces[RP_SPLITS];
    uint64_t notes[RP_SPLITS];
    double seconds;
    uint32_t alike, groups; /* pieces that are like another; groups of them */
    uint32_t instruments[128], drums; /* files that have it */
    uint32_t metres[RP_REPORT_METRES]; /* files by first metre */
    uint32_t no_metre, metre_changes;
    uint32_t keys[24];
    uint32_t chords[RP_CHORD_SOURCES]; /* where chords were found */
    uint32_t tempo_changes; /* files with more than one tempo */
    uint32_t pickups;  /* files whose bar lines were moved */
    uint32_t rest_bars; /* lost from long rests */
    struct rp_grid grid;
};

void rp_report_make(struct rp_report *report, const struct rp_facts *facts,
                    uint32_t files);

struct rp_dataset;
void rp_report_print(const struct rp_dataset *dataset, FILE *out);
void rp_report_json(const struct rp_dataset *dataset, FILE *out);
/* The JSON into a file; RP_EIO is logged. */
RP_MUST rp_status rp_report_save(const struct rp_dataset *dataset,
                                 const char *path);

#endif
