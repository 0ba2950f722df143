#include <stdlib.h>
#include <string.h>

#include "model/play/rollout.h"
#include "model/preset.h"

rp_status rp_model_load(const char *path, const char *engine,
                        struct rp_model *model)
{
    struct rp_model got = {.path = strdup(path)};
    rp_status status;

    if (!got.path) {
        return RP_EMEM;
    }
    status = rp_checkpoint_load(path, &got.shape, &got.params, &got.card, NULL,
                                NULL);
    if (status != RP_OK) {
        free(got.path);
        return status;
    }
    status = rp_engine_choose(engine, &got.shape, got.params, &got.ops);
    got.thinks = got.ops;
    if (status == RP_OK && !strcmp(engine, "auto")) {
        status = rp_rollout_choose(&got.shape, got.params, &got.thinks);
    }
    if (status != RP_OK) {
        rp_model_fini(&got);
        return status;
    }
    *model = got;
    return RP_OK;
}

void rp_model_fini(struct rp_model *model)
{
    free(model->path);
    free(model->params);
    rp_card_fini(&model->card);
    *model = (struct rp_model){0};
}

bool rp_model_is_melodic(const struct rp_model *model)
{
    const char *role = rp_card_get(&model->card, "role");

    return role && (!strcmp(role, "melody") || !strcmp(role, "lead"));
}
