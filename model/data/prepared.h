/* A dataset in one file, so that folders are read once and trained on often.
 *
 *   "RIPOSTE-DATA\r\n\032\n"  16 bytes
 *   u32 version, u32 0, u64 bytes of the body, u64 check over the body
 *   body: what the set is, the facts of every file, the pieces
 *
 * All numbers are little-endian; a text is its u32 length and its bytes.
 * Nothing in it is used before the check and every count and index are found
 * good. */
#ifndef RP_PREPARED_H
#define RP_PREPARED_H

#include "model/data/dataset.h"

enum { RP_PREPARED_VERSION = 1, RP_PREPARED_HEAD = 40 };
extern const unsigned char rp_prepared_magic[16];

/* Whether a file begins like one; false where it cannot be read. */
bool rp_prepared_is(const char *path);

/* What it was prepared for. */
struct rp_prepared_about {
    const char *role; /* as rp_role_name */
    uint32_t resolution;
};
RP_MUST rp_status rp_prepared_ask(const char *path,
                                  struct rp_prepared_about *about);

/* `options` may ask for a role and a resolution; others are an error. */
RP_MUST rp_status rp_prepared_load(const char *path,
                                   const struct rp_dataset_options *options,
                                   struct rp_dataset *dataset);
/* Whole or not at all: written beside and renamed. */
RP_MUST rp_status rp_prepared_save(const struct rp_dataset *dataset,
                                   const char *path);

/* A check of bytes, for damage and not against malice. */
uint64_t rp_prepared_check(const unsigned char *bytes, size_t size);

#endif
