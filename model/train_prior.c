/* Where a fresh network begins: each head draws its classes as often as they
 * come in the first pass over the data. Without it the first hundreds of
 * steps go into learning just that. */
#include <math.h>

#include "model/train_run.h"

#define UNSEEN 0.1 /* times that what never came is counted */

struct counts {
    double of[RP_FIELDS][RP_SOFTMAX_MAX];
};

static void count(const struct rp_batch *batch, struct counts *counts)
{
    for (int f = 0; f < RP_FIELDS; f++) {
        const struct rp_batch_field *field = &batch->field[f];
        if (!field->class)
            continue;
        for (uint32_t i = 0; i < batch->T * batch->B; i++) {
            if (!(batch->weight[i] > 0) || field->class[i] == RP_NO_CLASS)
                continue;
            counts->of[f][field->class[i]]++;
            if (field->escapes[i])
                counts->of[f][RP_TIME_ESCAPE] += field->escapes[i];
        }
    }
}

static void set_bias(float *bias, uint32_t classes, const double *count)
{
    double sum = 0;

    for (uint32_t i = 0; i < classes; i++)
        sum += count[i] + UNSEEN;
    for (uint32_t i = 0; i < classes; i++)
        bias[i] = (float)log((count[i] + UNSEEN) / sum);
}

void rp_train_prior(struct rp_train *train)
{
    const struct rp_layout *layout = &train->net.layout;
    const struct rp_train_plan *plan = &train->plan;
    struct rp_train_batch_options heard = {.seed = train->options.seed};
    struct counts counts = {0};

    for (uint32_t i = 0; i < plan->count; i += train->rows) {
        uint32_t rows =
            plan->count - i < train->rows ? plan->count - i : train->rows;
        rp_train_batch_fill(&train->batch[0], &train->dataset, plan->crop + i,
                            rows, &heard);
        count(&train->batch[0].batch, &counts);
    }
    for (int f = 0; f < RP_FIELDS; f++)
        if (rp_train_draws(train, f))
            set_bias(train->params +
                         layout->view[layout->head_out_bias[f]].offset,
                     rp_vocabulary_classes(&train->shape.vocabulary,
                                           (enum rp_field)f),
                     counts.of[f]);
}
