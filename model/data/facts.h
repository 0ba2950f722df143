/* What the data report says about one file: what became of it, and what is in
 * it. */
#ifndef RP_FACTS_H
#define RP_FACTS_H

#include "model/data/piece.h"
#include "model/data/role.h"
#include "model/data/smf_chords.h"

enum rp_fate {
    RP_KEPT,
    RP_BROKEN,    /* could not be read */
    RP_SHORT,     /* fewer notes of the role than wanted, perhaps none */
    RP_DUPLICATE, /* same times and intervals as its twin */
    RP_BEYOND,    /* past the memory limit: not read */
    RP_FATES
};
extern const char *const rp_fate_names[RP_FATES];

/* How far onsets lie from the grid of the resolution. */
struct rp_grid {
    uint32_t onsets, exact;
    double ticks, ms;             /* sums of the distances */
    double worst_ticks, worst_ms; /* the largest */
};

struct rp_facts {
    char *path;   /* owned */
    char *reason; /* owned; why it was dropped, NULL where it was not */
    enum rp_fate fate;
    enum rp_split split; /* of a kept one */
    int32_t twin;   /* file that it repeats, or the kept one that it is most
                       like; -1: none */
    float likeness; /* share of the shorter one's phrases that both have */
    uint32_t group; /* first file of those that are alike, itself when alone */
    uint32_t notes; /* of the role */
    double seconds; /* to the end of the last note of the file */
    uint64_t instruments[2]; /* programs that sound, one bit each */
    bool drums;
    struct rp_metre metre; /* the first; unit 0: unknown */
    uint32_t metres, tempos; /* changes of them; one each is the usual */
    uint32_t rest_bars; /* lost from long rests */
    int32_t pickup; /* ticks before the first bar line that the file did not
                       say; 0: none */
    int8_t key;     /* model/play/key.h; -1: drums, or no notes */
    enum rp_chord_source chords; /* where the role has any */
    struct rp_grid grid;
};

/* All that the file says by itself: duration, instruments, tempos, and the
 * grid of the role's onsets. */
void rp_facts_take(struct rp_facts *facts, const struct rp_smf *smf,
                   struct rp_smf_pick pick, uint32_t resolution);
void rp_grid_add(struct rp_grid *sum, const struct rp_grid *grid);
void rp_facts_fini(struct rp_facts *facts);

#endif
