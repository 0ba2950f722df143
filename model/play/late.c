#include "model/play/late.h"

#include <math.h>
#include <string.h>

#define DOUBT 400.0         /* of the lateness of a first onset, ms^2 */
#define DOUBT_RATE 4e-4     /* a player's tempo is off by 2 % or so */
#define WANDER 0.01         /* lateness wanders so much per ms, ms^2 */
#define WANDER_RATE 2e-9    /* and tempo so much */
#define LONGEST_MS 6000.0   /* after a pause the old lateness says no more */

void rp_late_init(struct rp_late *late)
{
    memset(late, 0, sizeof *late);
    late->p[2] = DOUBT_RATE;
    rp_late_begin(late);
}

void rp_late_begin(struct rp_late *late)
{
    late->ms = 0.0;
    late->p[0] = DOUBT;
    late->p[1] = 0.0;
    late->p[2] += DOUBT_RATE / 4;
    if (late->p[2] > DOUBT_RATE)
        late->p[2] = DOUBT_RATE;
    late->frame = RP_FRAME_NEVER;
}

/* The filter's state carried on to a frame. */
static struct rp_late predict(const struct rp_late *late,
                              const struct rp_clock *clock, rp_frame frame)
{
    struct rp_late next = *late;
    double ms = 0.0;

    if (late->frame != RP_FRAME_NEVER && frame > late->frame)
        ms = (double)(frame - late->frame) * 1000.0 / clock->rate;
    if (ms > LONGEST_MS)
        ms = LONGEST_MS;
    next.ms += ms * late->rate;
    next.p[0] += ms * (2.0 * late->p[1] + ms * late->p[2]) + WANDER * ms;
    next.p[1] += ms * late->p[2];
    next.p[2] += WANDER_RATE * ms;
    next.frame = frame;
    return next;
}

double rp_late_at(const struct rp_late *late, const struct rp_clock *clock,
                  rp_frame frame, double *variance)
{
    struct rp_late at = predict(late, clock, frame);

    if (variance)
        *variance = at.p[0];
    return at.ms;
}

void rp_late_follow(struct rp_late *late, const struct rp_clock *clock,
                    rp_frame frame, double error)
{
    double noise = RP_LATE_SIGMA_MS * RP_LATE_SIGMA_MS;
    struct rp_late at = predict(late, clock, frame);
    double all = at.p[0] + noise, reach = 2.5 * sqrt(all);
    double gain = at.p[0] / all, gain_rate = at.p[1] / all;

    error = error > reach ? reach : error < -reach ? -reach : error;
    at.ms += gain * error;
    at.rate += gain_rate * error;
    at.p[2] -= gain_rate * at.p[1];
    at.p[1] *= 1.0 - gain;
    at.p[0] *= 1.0 - gain;
    *late = at;
}
