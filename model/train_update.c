#include "model/train_update.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rt/log.h"

static size_t count_of(const struct rp_view *view)
{
    return (size_t)view->rows * view->columns;
}

double rp_train_norm(const struct rp_layout *layout, const bool *frozen,
                     float *gradient)
{
    double sum = 0;

    for (uint32_t v = 0; v < layout->count; v++)
        if (frozen[v])
            memset(gradient + layout->view[v].offset, 0,
                   count_of(&layout->view[v]) * sizeof *gradient);
    for (size_t i = 0; i < layout->size; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    return sqrt(sum);
}

void rp_train_update(const struct rp_layout *layout,
                     const struct rp_optimizer *optimizer,
                     const struct rp_optimizer_step *step, const bool *frozen,
                     const float *gradient, float *params, float *slots)
{
    for (uint32_t v = 0; v < layout->count; v++) {
        const struct rp_view *view = &layout->view[v];
        size_t count = count_of(view);
        float *p = params + view->offset;
        float *a = slots + view->offset;
        float *b = optimizer->slots > 1 ? a + layout->size : NULL;
        if (frozen[v])
            continue;
        if (view->columns > 1 && step->weight_decay > 0)
            for (size_t i = 0; i < count; i++)
                p[i] -= step->lr * step->weight_decay * p[i];
        optimizer->run(step, count, gradient + view->offset, p, a, b);
    }
}

void rp_train_average(size_t size, float share, uint64_t steps,
                      const float *params, float *average)
{
    float early = (float)(1 + steps) / (float)(10 + steps);
    float keep = early < share ? early : share;

    for (size_t i = 0; i < size; i++)
        average[i] = keep * average[i] + (1 - keep) * params[i];
}

static rp_status freeze_pattern(const struct rp_layout *layout,
                                const char *pattern, bool *frozen)
{
    char names[1024] = "";
    size_t used = 0;
    uint32_t found = 0;

    for (uint32_t v = 0; v < layout->count; v++) {
        const char *name = layout->view[v].name;
        if (!fnmatch(pattern, name, 0)) {
            frozen[v] = true;
            found++;
        }
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                                     used ? ", " : "", name);
    }
    if (found)
        return RP_OK;
    rp_log(RP_ERROR, "train", "freeze: '%s' names no weights; there are %s",
           pattern, names);
    return RP_EARG;
}

rp_status rp_train_freeze(const struct rp_layout *layout, const char *list,
                          bool *frozen)
{
    char pattern[80];
    uint32_t all = 0;

    memset(frozen, 0, RP_VIEWS_MAX * sizeof *frozen);
    for (const char *at = list; at && *at;) {
        size_t length = strcspn(at, ",");
        rp_status status;
        snprintf(pattern, sizeof pattern, "%.*s", (int)length, at);
        status = freeze_pattern(layout, pattern, frozen);
        if (status)
            return status;
        at += length + (at[length] == ',');
    }
    for (uint32_t v = 0; v < layout->count; v++)
        all += frozen[v];
    if (all < layout->count)
        return RP_OK;
    rp_log(RP_ERROR, "train",
           "freeze: '%s' names all weights; none would "
           "learn",
           list);
    return RP_EARG;
}
