/* Files into pieces, side by side on several threads. What comes out, the
 * order of log lines included, does not depend on how many they are. */
#ifndef RP_GATHER_H
#define RP_GATHER_H

#include "model/data/dataset.h"
#include "model/data/facts.h"
#include "model/data/near.h"
#include "model/data/split.h"

/* A piece while the set is made: what it is apart from key and place. */
struct rp_entry {
    struct rp_piece piece;
    struct rp_print print;
    unsigned char digest[RP_DIGEST];
    uint32_t file; /* index of its facts, and by that of its path */
};

/* facts[0..files) name the files; entry has room for as many, those of use
 * come first, by path. Files past the memory limit are told apart by fate. */
RP_MUST rp_status rp_gather(const struct rp_dataset_options *options,
                            struct rp_role role, struct rp_facts *facts,
                            uint32_t files, struct rp_entry *entry,
                            uint32_t *count);
void rp_entry_fini(struct rp_entry *entry);

#endif
