/* Parameters as the kernels of step.cu and few.cu read them: matrices in strips
 * of columns, each (K / 4, columns, 4), so that a block reads its own as one
 * piece and a thread four of its column at once. */
#include "cuda/instance.h"

#include <stdlib.h>
#include <string.h>

/* Floats from one matrix to the next: copies go 16 bytes at a time. */
static size_t padded(size_t floats)
{
    return (floats + 31) / 32 * 32;
}

static size_t round_slice(size_t n)
{
    return (n + RP_CUDA_SLICE - 1) / RP_CUDA_SLICE * RP_CUDA_SLICE;
}

/* Either measures (`to` NULL) or packs, the same walk for both. */
struct packing {
    const float *params;
    float *to;
    const float *device; /* where it will be */
    size_t used;         /* floats */
};

static const float *take(struct packing *packing, size_t floats, float **to)
{
    size_t at = packing->used;

    packing->used += padded(floats);
    *to = packing->to ? packing->to + at : NULL;
    return packing->device ? packing->device + at : NULL;
}

static const float *pack_plain(struct packing *packing,
                               const struct rp_view *view, size_t room)
{
    size_t floats = (size_t)view->rows * view->columns;
    float *to;
    const float *device = take(packing, room > floats ? room : floats, &to);

    if (to)
        memcpy(to, packing->params + view->offset, floats * sizeof *to);
    return device;
}

/* (rows, columns) -> (columns, rows). */
static const float *pack_table(struct packing *packing,
                               const struct rp_view *view)
{
    float *to;
    const float *device =
        take(packing, (size_t)view->rows * view->columns, &to);

    for (size_t r = 0; to && r < view->rows; r++)
        for (size_t c = 0; c < view->columns; c++)
            to[c * view->rows + r] =
                packing->params[view->offset + r * view->columns + c];
    return device;
}

/* Float i of a strip of so many columns is of column *c, at k. */
static size_t place_in_strip(size_t i, size_t columns, size_t *c)
{
    *c = i / 4 % columns;
    return i / (4 * columns) * 4 + i % 4;
}

/* A weight (3H, K): strip s has the units from 16 s on, r, z and n of each. */
static const float *pack_gates(struct packing *packing,
                               const struct rp_view *view)
{
    const size_t K = view->columns, H = view->rows / 3, U = RP_CUDA_UNITS;
    float *to;
    const float *device = take(packing, 3 * H * K, &to);

    for (size_t s = 0; to && s < H / U; s++)
        for (size_t i = 0; i < K * RP_CUDA_STRIP; i++) {
            size_t c, k = place_in_strip(i, RP_CUDA_STRIP, &c);
            *to++ = packing->params[view->offset +
                                    (c / U * H + s * U + c % U) * K + k];
        }
    return device;
}

/* A weight (N, K) in slices of 16 of its rows, the last filled with zeros. */
static const float *pack_slices(struct packing *packing,
                                const struct rp_view *view)
{
    const size_t K = view->columns, W = RP_CUDA_SLICE;
    float *to;
    const float *device = take(packing, round_slice(view->rows) * K, &to);

    for (size_t s = 0; to && s < round_slice(view->rows) / W; s++)
        for (size_t i = 0; i < K * W; i++) {
            size_t c, k = place_in_strip(i, W, &c);
            *to++ = s * W + c < view->rows
                        ? packing->params[view->offset + (s * W + c) * K + k]
                        : 0.0f;
        }
    return device;
}

static void pack_head(struct rp_cuda *cuda, struct packing *packing,
                      enum rp_field field)
{
    const struct rp_vocabulary *vocabulary = &cuda->shape.vocabulary;
    const struct rp_layout *at = &cuda->layout;
    struct rp_cuda_head *head = &cuda->head[field];

    head->classes = rp_vocabulary_classes(vocabulary, field);
    head->condition = rp_vocabulary_condition(vocabulary, field);
    if (!head->classes)
        return;
    head->hidden = pack_slices(packing, &at->view[at->head_hidden[field]]);
    head->bias = pack_plain(packing, &at->view[at->head_bias[field]], 0);
    if (head->condition)
        head->cond = pack_table(packing, &at->view[at->head_cond[field]]);
    head->out = pack_slices(packing, &at->view[at->head_out[field]]);
    head->out_bias = pack_plain(packing, &at->view[at->head_out_bias[field]],
                                round_slice(head->classes));
}

static void pack_all(struct rp_cuda *cuda, struct packing *packing)
{
    const struct rp_layout *at = &cuda->layout;

    for (uint32_t l = 0; l < cuda->shape.layers; l++) {
        struct rp_cuda_layer *layer = &cuda->layer[l];
        const struct rp_view *input = &at->view[at->weight_ih[l]];
        layer->input =
            l ? pack_gates(packing, input) : pack_table(packing, input);
        layer->hidden = pack_gates(packing, &at->view[at->weight_hh[l]]);
        layer->bias_ih = pack_plain(packing, &at->view[at->bias_ih[l]], 0);
        layer->bias_hh = pack_plain(packing, &at->view[at->bias_hh[l]], 0);
    }
    for (int f = 0; f < RP_FIELDS; f++)
        pack_head(cuda, packing, (enum rp_field)f);
}

/* ---- the same as bf16 ---- */

struct cells {
    const float *params;
    uint16_t *to; /* NULL: only measured */
    const uint16_t *device;
    size_t used; /* cells */
};

/* To nearest, ties to even. */
static uint16_t cell_from(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}

/* As it came, rows rounded up to 16 with zeros. */
static const uint16_t *pack_cells(struct cells *cells,
                                  const struct rp_view *view)
{
    const size_t count = (size_t)view->rows * view->columns, at = cells->used;

    cells->used += padded(round_slice(view->rows) * view->columns);
    for (size_t i = 0; cells->to && i < count; i++)
        cells->to[at + i] = cell_from(cells->params[view->offset + i]);
    return cells->device ? cells->device + at : NULL;
}

static void pack_all_cells(struct rp_cuda *cuda, struct cells *cells)
{
    const struct rp_layout *at = &cuda->layout;

    for (uint32_t l = 0; l < cuda->shape.layers; l++) {
        struct rp_cuda_layer *layer = &cuda->layer[l];
        layer->hidden_cells = pack_cells(cells, &at->view[at->weight_hh[l]]);
        if (l)
            layer->input_cells =
                pack_cells(cells, &at->view[at->weight_ih[l]]);
    }
    for (int f = 0; f < RP_FIELDS; f++) {
        struct rp_cuda_head *head = &cuda->head[f];
        if (!head->classes)
            continue;
        head->hidden_cells = pack_cells(cells, &at->view[at->head_hidden[f]]);
        head->out_cells = pack_cells(cells, &at->view[at->head_out[f]]);
    }
}

rp_status rp_cuda_weights_create(struct rp_cuda *cuda)
{
    struct packing packing = {0};
    struct cells cells = {0};
    rp_status status;

    pack_all(cuda, &packing);
    status = rp_cuda_alloc(cuda, &cuda->memory, (void **)&cuda->weights,
                           packing.used * sizeof(float));
    if (!status && cuda->path == RP_CUDA_PERSISTENT)
        status = rp_cuda_alloc(cuda, &cuda->memory, (void **)&cuda->plain,
                               cuda->layout.size * sizeof(float));
    pack_all_cells(cuda, &cells);
    if (!status && cuda->path == RP_CUDA_BF16)
        status = rp_cuda_alloc(cuda, &cuda->memory, (void **)&cuda->cells,
                               cells.used * sizeof(uint16_t));
    return status;
}

static rp_status send(struct rp_cuda *cuda, void *to, const void *from,
                      size_t size)
{
    rp_status status = rp_cuda_check(
        cuda,
        cudaMemcpyAsync(to, from, size, cudaMemcpyHostToDevice,
                        cuda->stream),
        "sending weights");

    return status ? status
                  : rp_cuda_wait(cuda, cuda->stream, "sending weights");
}

static rp_status set_cells(struct rp_cuda *cuda, const float *params)
{
    struct cells cells = {.device = cuda->cells};
    rp_status status;

    pack_all_cells(cuda, &cells);
    cells.to = calloc(cells.used, sizeof *cells.to);
    if (!cells.to)
        return RP_EMEM;
    cells.params = params;
    cells.used = 0;
    pack_all_cells(cuda, &cells);
    status = send(cuda, cuda->cells, cells.to, cells.used * sizeof *cells.to);
    if (!cuda->stuck)
        free(cells.to);
    return status;
}

rp_status rp_cuda_weights_set(struct rp_cuda *cuda, const float *params)
{
    struct packing packing = {.device = cuda->weights};
    rp_status status;

    cuda->weights_set++;
    pack_all(cuda, &packing);
    packing.to = calloc(packing.used, sizeof(float));
    if (!packing.to)
        return RP_EMEM;
    packing.params = params;
    packing.used = 0;
    pack_all(cuda, &packing);
    status = send(cuda, cuda->weights, packing.to,
                  packing.used * sizeof(float));
    if (!status && cuda->plain)
        status = send(cuda, cuda->plain, params,
                      cuda->layout.size * sizeof(float));
    if (!cuda->stuck) /* else the device may still read them */
        free(packing.to);
    return status || !cuda->cells ? status : set_cells(cuda, params);
}
