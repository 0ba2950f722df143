#include "cuda/instance.h"
#include "model/net/module.h"

const struct rp_engine_module RP_MODULE_EXPORT rp_engine_module = {
    .version = RP_ENGINE_VERSION,
    .ops = &rp_engine_cuda,
    .log_to = rp_log_to,
};
