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

/* A step is made in pieces of so many weights, which the team shares. */
enum { PIECE = 65536 };

struct update {
    const struct rp_layout *layout;
    const struct rp_optimizer *optimizer;
    const struct rp_optimizer_step *step;
    struct rp_optimizer_rates rates; /* of the step */
    const bool *frozen;
    const float *gradient;
    float *params, *slots;
    double *sum; /* of each piece */
};

static uint32_t pieces_of(size_t count)
{
    return (uint32_t)((count + PIECE - 1) / PIECE);
}

/* Four sums side by side, so that no add waits for the one before. */
static void sum_piece(void *self, uint32_t piece)
{
    const struct update *update = self;
    size_t first = (size_t)piece * PIECE, left = update->layout->size - first;
    size_t count = left < PIECE ? left : PIECE;
    const float *g = update->gradient + first;
    double sum[4] = {0};

    for (size_t i = 0; i < count; i++)
        sum[i % 4] += (double)g[i] * (double)g[i];
    update->sum[piece] = sum[0] + sum[1] + sum[2] + sum[3];
}

double rp_train_norm(struct rp_team *team, const struct rp_layout *layout,
                     const bool *frozen, float *gradient)
{
    uint32_t pieces = pieces_of(layout->size);
    double sums[pieces ? pieces : 1], sum = 0;
    struct update update = {
        .layout = layout, .gradient = gradient, .sum = sums};

    for (uint32_t v = 0; v < layout->count; v++)
        if (frozen[v])
            memset(gradient + layout->view[v].offset, 0,
                   count_of(&layout->view[v]) * sizeof *gradient);
    rp_team_run(team, pieces, sum_piece, &update);
    for (uint32_t i = 0; i < pieces; i++)
        sum += sums[i];
    return sqrt(sum);
}

/* Weights first .. first + count of one view. */
static void update_some(const struct update *update, const struct rp_view *view,
                        size_t first, size_t count)
{
    const struct rp_optimizer_step *step = update->step;
    size_t at = view->offset + first;
    float *p = update->params + at, *a = update->slots + at;
    float *b = update->optimizer->slots > 1 ? a + update->layout->size : NULL;

    if (view->columns > 1 && step->weight_decay > 0)
        for (size_t i = 0; i < count; i++)
            p[i] -= step->lr * step->weight_decay * p[i];
    update->optimizer->run(&update->rates, count, update->gradient + at, p, a,
                           b);
}

static void update_piece(void *self, uint32_t piece)
{
    const struct update *update = self;

    for (uint32_t v = 0; v < update->layout->count; v++) {
        const struct rp_view *view = &update->layout->view[v];
        size_t first = (size_t)piece * PIECE, count = count_of(view);
        if (first >= count) {
            piece -= pieces_of(count);
            continue;
        }
        count = count - first < PIECE ? count - first : PIECE;
        if (!update->frozen[v])
            update_some(update, view, first, count);
        return;
    }
}

void rp_train_update(struct rp_team *team, const struct rp_layout *layout,
                     const struct rp_optimizer *optimizer,
                     const struct rp_optimizer_step *step, const bool *frozen,
                     const float *gradient, float *params, float *slots)
{
    struct update update = {.layout = layout,
                            .optimizer = optimizer,
                            .step = step,
                            .rates = optimizer->rates(step),
                            .frozen = frozen,
                            .gradient = gradient,
                            .params = params,
                            .slots = slots};
    uint32_t pieces = 0;

    for (uint32_t v = 0; v < layout->count; v++)
        pieces += pieces_of(count_of(&layout->view[v]));
    rp_team_run(team, pieces, update_piece, &update);
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
