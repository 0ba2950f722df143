/* Piano rolls: a set of pieces given frame by frame, as the benchmarks of
 * polyphonic music are:
 *
 *   {"train": [PIECE, ...], "valid": [...], "test": [...]}
 *   PIECE = [FRAME, ...]   FRAME = [pitch, ...], [] where nothing sounds
 *
 * A note is a maximal run of a pitch, a frame is a tick, and a piece begins at
 * its first frame. Notes alone do not say how long a piece is: how many silent
 * frames follow the last note is coded apart (struct rp_frames_tail), so that
 * notes, END and tail together mean exactly one piano roll.
 */
#ifndef RP_FRAMES_H
#define RP_FRAMES_H

#include "model/data/dataset.h"

/* The split is the file's own; a piece's `length` counts its frames. Silent
 * pieces are kept. One logged line with the byte where it is not such a set. */
RP_MUST rp_status rp_dataset_read_frames(const char *path,
                                         const struct rp_vocabulary *vocabulary,
                                         struct rp_dataset *dataset);

/* Silent frames after the last note: none with probability `none`; else k >= 1
 * of them with (1 - none) stop (1 - stop)^(k - 1). */
struct rp_frames_tail {
    double none, stop;
};
/* Counted on the train split, half a piece of each kind added. */
struct rp_frames_tail rp_frames_tail_fit(const struct rp_dataset *dataset);
/* -log P of the tail of `piece`. */
double rp_frames_tail_nats(const struct rp_frames_tail *tail,
                           const struct rp_piece *piece);

#endif
