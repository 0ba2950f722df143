/* AdamW: the gradient cut to a length, first and second moments, weight decay
 * apart from them and on weights only. */
#include <math.h>

#include "model/train_run.h"
#include "model/train_update.h"

double rp_train_norm(const float *gradient, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < size; i++)
        sum += (double)gradient[i] * (double)gradient[i];
    return sqrt(sum);
}

void rp_train_update(const struct rp_layout *layout,
                     const struct rp_train_update *update,
                     const float *gradient, float *params, float *moments)
{
    const float b1 = 0.9f, b2 = 0.98f, tiny = 1e-8f;
    float fix1 = (float)(1 - pow((double)b1, (double)update->step));
    float fix2 = (float)(1 - pow((double)b2, (double)update->step));

    for (uint32_t v = 0; v < layout->count; v++) {
        const struct rp_view *view = &layout->view[v];
        size_t count = (size_t)view->rows * view->columns;
        float decay = view->columns > 1 ? update->weight_decay : 0;
        float *p = params + view->offset;
        float *m = moments + view->offset;
        float *s = moments + layout->size + view->offset;
        const float *g = gradient + view->offset;
        for (size_t i = 0; i < count; i++) {
            float d = g[i] * update->scale;
            m[i] = b1 * m[i] + (1 - b1) * d;
            s[i] = b2 * s[i] + (1 - b2) * d * d;
            p[i] -= update->lr * (m[i] / fix1 / (sqrtf(s[i] / fix2) + tiny) +
                                  decay * p[i]);
        }
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
