/* What reading and writing a checkpoint agree on. */
#ifndef RP_CHECKPOINT_FORMAT_H
#define RP_CHECKPOINT_FORMAT_H

#include <stdbool.h>

#include "model/data/vocabulary.h"

#define RP_CHECKPOINT_EXTRA "optimizer"

enum {
    RP_CHECKPOINT_FORMAT = 1, /* value of "riposte" in __metadata__ */
    RP_CHECKPOINT_HEADER_MAX = 1 << 20,
    RP_CHECKPOINT_KEYS_MAX = 256 /* of __metadata__: the card's and our own */
};

/* The six of the shape, and the features of the vocabulary. */
enum { RP_CHECKPOINT_OWN_KEYS = 6 + RP_FEATURES };

/* Whether a metadata key says shape or vocabulary and is not the card's. */
bool rp_checkpoint_own_key(const char *key);

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "checkpoints are read and written as they lie in memory: little-endian"
#endif

#endif
