#include "model/net/sample.h"

#include <math.h>

#include "model/net/kernels.h"

/* The classes the mask leaves, best first, ties to the lower class; returns
 * how many. NaN counts as never possible. */
static uint32_t rank(const float *logits, uint32_t n, struct rp_mask mask,
                     uint8_t *order)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!rp_mask_has(mask, i) || isnan(logits[i]))
            continue;
        uint32_t at = count++;
        while (at && logits[i] > logits[order[at - 1]]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = (uint8_t)i;
    }
    return count;
}

/* p (count): e^((logit - best) / temperature), not yet divided by their sum. */
static void weigh(const float *logits, const uint8_t *order, uint32_t count,
                  float temperature, float *p)
{
    float best = logits[order[0]];

    for (uint32_t i = 0; i < count; i++) {
        float gap = logits[order[i]] - best;
        p[i] = isnan(gap) ? 0.0f : gap / temperature; /* inf - inf */
    }
    rp_kernels()->exp(count, p, 0.0f, p);
}

/* How many of the best classes top-k and top-p leave, and their sum. */
static uint32_t cut(const float *p, uint32_t count,
                    const struct rp_taste *taste, double *sum)
{
    uint32_t keep = count;
    double all = 0, so_far = 0;

    if (taste->top_k && taste->top_k < keep)
        keep = taste->top_k;
    for (uint32_t i = 0; i < keep; i++)
        all += (double)p[i];
    for (uint32_t i = 0; i < keep; i++) {
        so_far += (double)p[i];
        if (taste->top_p < 1.0f && so_far >= (double)taste->top_p * all) {
            keep = i + 1;
            break;
        }
    }
    *sum = so_far;
    return keep;
}

RP_SHARED
int rp_sample(const float *logits, uint32_t n, struct rp_mask mask,
              const struct rp_taste *taste, float uniform)
{
    uint8_t order[RP_SOFTMAX_MAX];
    float p[RP_SOFTMAX_MAX] = {0};
    uint32_t count = rank(logits, n, mask, order);
    double sum, so_far = 0;

    if (!count)
        return -1;
    weigh(logits, order, count, taste->temperature, p);
    count = cut(p, count, taste, &sum);
    for (uint32_t i = 0; i + 1 < count; i++) {
        so_far += (double)p[i];
        if ((double)uniform * sum < so_far)
            return order[i];
    }
    return order[count - 1];
}

RP_SHARED
float rp_sample_logp(const float *logits, uint32_t n, struct rp_mask mask,
                     uint32_t class)
{
    uint8_t order[RP_SOFTMAX_MAX];
    float p[RP_SOFTMAX_MAX] = {0};
    uint32_t count = rank(logits, n, mask, order);
    double sum = 0;

    if (!count || class >= n || !rp_mask_has(mask, class) || isnan(logits[class]))
        return -INFINITY;
    weigh(logits, order, count, 1.0f, p);
    for (uint32_t i = 0; i < count; i++)
        sum += (double)p[i];
    return (float)((double)(logits[class] - logits[order[0]]) -
                   rp_log_exact(sum));
}
