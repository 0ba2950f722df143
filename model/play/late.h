/* How far behind the grid a player is, and how that grows when the player's
 * tempo is not the clock's: a Kalman filter over the errors of the onsets.
 * Owned by whoever listens. */
#ifndef RP_LATE_H
#define RP_LATE_H

#include "rt/clock.h"

#define RP_FRAME_NEVER INT64_MAX

enum { RP_LATE_SIGMA_MS = 22 }; /* a player's onset around the grid */

struct rp_late {
    double ms, rate;  /* ms, and ms per ms */
    double p[3];      /* variances of ms, of both, of rate */
    rp_frame frame;   /* of the onset it was last told of */
};

/* Nothing is known of the player. */
void rp_late_init(struct rp_late *late);
/* A call begins with the beat, as the player hears it; the player's own tempo
 * stays what it was. */
void rp_late_begin(struct rp_late *late);

/* In ms, at a frame; *variance may be NULL. */
double rp_late_at(const struct rp_late *late, const struct rp_clock *clock,
                  rp_frame frame, double *variance);
/* An onset was `error` ms later than expected; a wild one moves it little. */
void rp_late_follow(struct rp_late *late, const struct rp_clock *clock,
                    rp_frame frame, double error);

#endif
