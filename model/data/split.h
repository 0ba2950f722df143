/* What a tune is whatever its key and first bar, the side of the split that it
 * falls on, and the name of a whole set. */
#ifndef RP_SPLIT_H
#define RP_SPLIT_H

#include "model/data/dataset.h"

enum { RP_DIGEST = 32 };

/* SHA-256 of the times and intervals. */
void rp_split_digest(const struct rp_piece *piece,
                     unsigned char digest[RP_DIGEST]);
/* `ratio` of all digests are RP_VALID, as many RP_TEST, the rest RP_TRAIN. */
enum rp_split rp_split_of(const unsigned char digest[RP_DIGEST], double ratio);
/* Which of two digests speaks for a group of pieces; by other bytes than those
 * that choose the side. As strcmp. */
int rp_split_compare(const unsigned char a[RP_DIGEST],
                     const unsigned char b[RP_DIGEST]);

/* SHA-256, in hex, over the pieces in the order in which `piece` names them:
 * by digest, which no path has a say in. */
void rp_split_hash(const struct rp_vocabulary *vocabulary,
                   const struct rp_piece *const *piece, uint32_t count,
                   char hash[65]);

#endif
