/* Where the parameters lie on the device. */
#include <string.h>

#include "cuda/train.h"

void rp_cuda_train_layout(struct rp_cuda_train *t)
{
    size_t at = 0;

    for (uint32_t v = 0; v < t->layout.count; v++) {
        const struct rp_view *from = &t->layout.view[v];
        struct rp_cuda_view *to = &t->view[v];
        to->rows = from->rows;
        to->columns = from->columns;
        to->ld = from->columns > 1
                     ? (uint32_t)rp_cuda_round(from->columns, RP_CUDA_ALIGN)
                     : 1;
        to->at = at;
        at += rp_cuda_round((size_t)to->rows * to->ld, RP_CUDA_START);
    }
    t->size = at;
}

void rp_cuda_train_spread(const struct rp_cuda_train *t, const float *flat,
                          float *views)
{
    memset(views, 0, t->size * sizeof *views);
    for (uint32_t v = 0; v < t->layout.count; v++) {
        const struct rp_cuda_view *to = &t->view[v];
        const float *from = flat + t->layout.view[v].offset;
        for (size_t r = 0; r < to->rows; r++)
            memcpy(views + to->at + r * to->ld, from + r * to->columns,
                   to->columns * sizeof *views);
    }
}

void rp_cuda_train_collect(const struct rp_cuda_train *t, const float *views,
                           float *flat)
{
    for (uint32_t v = 0; v < t->layout.count; v++) {
        const struct rp_cuda_view *from = &t->view[v];
        float *to = flat + t->layout.view[v].offset;
        for (size_t r = 0; r < from->rows; r++)
            memcpy(to + r * from->columns, views + from->at + r * from->ld,
                   from->columns * sizeof *flat);
    }
}
