/* What the CPU engine has beside the table of engine.h. */
#ifndef RP_ENGINE_CPU_H
#define RP_ENGINE_CPU_H

#include "model/net/engine.h"
#include "model/net/kernels.h"

/* From now on this instance computes with `kernels`; the same bits. For bench
 * and tests: create takes the best there is. */
void rp_engine_cpu_use(struct rp_engine *engine,
                       const struct rp_kernels *kernels);

#endif
