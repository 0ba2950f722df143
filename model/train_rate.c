/* How long a step is: warm-up, schedule, and what is left of the time. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "model/train_run.h"

double rp_train_now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}

double rp_train_spent(const struct rp_train *train)
{
    return train->spent + rp_train_now() - train->began;
}

double rp_train_progress(const struct rp_train *train)
{
    double done =
        train->planned ? (double)train->step / (double)train->planned : 0;

    if (train->options.time_limit > 0) {
        double spent = rp_train_spent(train) / 60 / train->options.time_limit;
        done = spent > done ? spent : done;
    }
    return done < 1 ? done : 1;
}

/* A straight warm-up, of a tenth of the run at most; then half a cosine down
 * to a hundredth, or what standing still has left. */
float rp_train_rate(const struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    double rate = (double)options->lr * train->slower * train->decayed;
    double warm = fmin(options->warmup, (double)train->planned / 10);

    if ((double)train->step < warm)
        rate *= (double)(train->step + 1) / (warm + 1);
    if (!strcmp(options->schedule, "cosine"))
        rate *= 0.01 + 0.99 * 0.5 * (1 + cos(M_PI * rp_train_progress(train)));
    return (float)rate;
}

double rp_train_speed(const struct rp_train *train)
{
    return train->learned > 0 ? (double)train->notes_here / train->learned : 0;
}

double rp_train_left(const struct rp_train *train)
{
    double left = 0;

    if (train->steps_here && train->planned > train->step)
        left = (double)(train->planned - train->step) *
               (rp_train_now() - train->began) / (double)train->steps_here;
    if (train->options.time_limit > 0) {
        double limit = 60 * train->options.time_limit - rp_train_spent(train);
        left = limit < left ? limit : left;
    }
    return left > 0 ? left : 0;
}
