/* How fast training is: whole steps (rows from notes, forward, backward,
 * update), the same as a run's, on notes of .mid files or made-up ones. */
#ifndef RP_BENCH_TRAIN_H
#define RP_BENCH_TRAIN_H

#include <stdbool.h>
#include <stdio.h>

#include "model/train_net.h"

struct rp_bench_train_options {
    const char *const *dir; /* folders of .mid; none: made-up notes */
    uint32_t dirs;
    uint32_t layers, hidden, head, batch, length;
    uint32_t threads;              /* 0: one per core */
    bool precision[RP_PRECISIONS]; /* which are measured */
    const char *engine; /* whose steps; NULL: the CPU's */
    const char *torch; /* a Python with PyTorch, to be beside us; or NULL */
    uint32_t rounds, steps; /* steps of a round */
};

/* One way of training, measured in rounds. */
struct rp_bench_train_row {
    enum rp_precision precision;
    bool torch;             /* PyTorch's */
    rp_status status; /* not RP_OK: it failed, and no number means anything */
    char how[160];          /* kernels, device, or PyTorch's set-up */
    double notes_s;         /* GRU steps in a second, median of the rounds */
    double least_s, most_s; /* of a round */
    double core_s; /* GRU steps in a second of one core's own time: what is
                      left when others use the machine too; median */
    double gflops; /* in a second, of dense products */
    double share[RP_STAGES + 1]; /* of the time; the last is the update. Not
                                    PyTorch's, nor another engine's */
    double ratio, core_ratio;    /* to PyTorch's medians; 0: it is not there */
};

enum { RP_BENCH_TRAIN_ROWS = 3 * RP_PRECISIONS };

struct rp_bench_train {
    struct rp_bench_train_options options;
    uint32_t threads;
    size_t weights;
    char torch_version[32];
    char torch_skipped[200]; /* why it is not there */
    char device[300]; /* what another engine found here; "": the CPU */
    char clocks[200]; /* of a GPU, right after the last round */
    /* Of PyTorch's GRU on a GPU, by the time they took, a line each. */
    char torch_kernels[RP_PRECISIONS][2000];
    double loss, torch_loss; /* nats of a note before the first step, fp32 */
    uint32_t rows;
    struct rp_bench_train_row row[RP_BENCH_TRAIN_ROWS];
};

RP_MUST rp_status rp_bench_train_run(
    struct rp_bench_train *bench, const struct rp_bench_train_options *options);
void rp_bench_train_print(const struct rp_bench_train *bench, bool json,
                          FILE *out);

#endif
