/* PyTorch beside us: the same batch and weights in a process of its own
 * (tests/compare/train_speed.py), which trains when told to. */
#ifndef RP_BENCH_TORCH_H
#define RP_BENCH_TORCH_H

#include <stdio.h>
#include <sys/types.h>

#include "model/net/batch.h"
#include "model/net/cells.h"
#include "model/net/shape.h"

struct rp_bench_torch {
    pid_t pid;
    FILE *said; /* its answers; both ends of one socket */
    char folder[64];
    char version[32];
    char how[RP_PRECISIONS][160]; /* "2 threads, dense"; "": not measured */
    char kernels[RP_PRECISIONS][2000]; /* of its GRU on a GPU, a line each */
    double loss; /* nats of a note before the first step, in fp32 */
};

/* What is to be trained. */
struct rp_bench_torch_work {
    const char *python; /* the interpreter */
    const struct rp_shape *shape;
    const float *params;
    const struct rp_batch *batch;
    uint32_t threads;
    const char *device; /* "cuda", or NULL: the CPU */
    const bool *precision; /* which are asked for */
};

/* Waits until PyTorch is ready, which takes a while. RP_ENONE, with the reason
 * in `why` and nothing logged, where it cannot be run. */
RP_MUST rp_status rp_bench_torch_open(struct rp_bench_torch *torch,
                                      const struct rp_bench_torch_work *work,
                                      char *why, size_t size);
RP_MUST rp_status rp_bench_torch_run(struct rp_bench_torch *torch,
                                     enum rp_precision precision,
                                     uint32_t steps, double *seconds,
                                     double *core_seconds);
void rp_bench_torch_close(struct rp_bench_torch *torch);

#endif
