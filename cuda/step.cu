#include "cuda/step.h"

#include "cuda/rows.cuh"

/* A block makes a strip of columns for a few rows; the strip's weights and the
 * rows go through shared memory TILE of K at a time, the next ones on their
 * way while these are summed. Thread (c, r) owns column c of rows r, r + ROWS,
 * ...; each sum is one thread's, in order. */
constexpr uint32_t TILE = 32, R = 32, ROWS = 4, STAGES = 2;

/* Shared memory: STAGES of weights (TILE, W) and of rows (R, TILE), and where
 * the block's rows of up to two matrices are. */
template <int W> struct tiles {
    static const uint32_t weights = STAGES * TILE * W;
    static const uint32_t inputs = STAGES * R * TILE;
    static const uint32_t rows_at = (weights + inputs) * sizeof(float);
    static const uint32_t bytes = rows_at + 2 * R * sizeof(float *);
};

/* Tile `t` of K on its way to stage t % STAGES. `x[r]` is row r or NULL. */
template <int W>
RP_DEVICE void fetch(const float *weights, const float *const *x, uint32_t K,
                     uint32_t t, float *tile_w, float *tile_x)
{
    const uint32_t first = t * TILE, left = K - first;
    const uint32_t deep = left < TILE ? left : TILE, stage = t % STAGES;
    float *w = tile_w + stage * TILE * W, *in = tile_x + stage * R * TILE;

    for (uint32_t i = rp_thread(); i < deep * W / 4; i += rp_threads())
        rp_copy16(w + 4 * i, weights + (size_t)first * W + 4 * i);
    for (uint32_t i = rp_thread(); i < R * deep / 4; i += rp_threads()) {
        uint32_t r = i / (deep / 4), k = i % (deep / 4) * 4;
        if (x[r])
            rp_copy16(in + r * TILE + k, x[r] + first + k);
    }
    rp_copy_group();
}

/* sum[j] += row r + j * ROWS of x times column c of the strip, in order along
 * K (a multiple of 16). */
template <int W>
RP_DEVICE void tile_sums(const float *weights, const float *const *x,
                         uint32_t K, float *tile_w, float *tile_x, float *sum)
{
    const uint32_t c = rp_thread() % W, r = rp_thread() / W;
    const uint32_t tiles = (K + TILE - 1) / TILE;

    fetch<W>(weights, x, K, 0, tile_w, tile_x);
    for (uint32_t t = 0; t < tiles; t++) {
        const uint32_t left = K - t * TILE, deep = left < TILE ? left : TILE;
        const float *w = tile_w + t % STAGES * TILE * W + 4 * c;
        const float *in = tile_x + (t % STAGES * R + r) * TILE;
        if (t + 1 < tiles) {
            fetch<W>(weights, x, K, t + 1, tile_w, tile_x);
            rp_copied<1>();
        } else {
            rp_copied<0>();
        }
        rp_sync();
        for (uint32_t k = 0; k < deep; k += 4) {
            const rp_four b = *(const rp_four *)(w + k * W);
#pragma unroll
            for (uint32_t j = 0; j < R / ROWS; j++) {
                const rp_four a =
                    *(const rp_four *)(in + j * ROWS * TILE + k);
                sum[j] = fmaf(a.at[0], b.at[0], sum[j]);
                sum[j] = fmaf(a.at[1], b.at[1], sum[j]);
                sum[j] = fmaf(a.at[2], b.at[2], sum[j]);
                sum[j] = fmaf(a.at[3], b.at[3], sum[j]);
            }
        }
        rp_sync();
    }
}

/* From both sums of a strip (2, R, W) to the new state. */
RP_DEVICE void close_layer(const rp_cuda_step &a, uint32_t count,
                           const float *made)
{
    const uint32_t W = RP_CUDA_STRIP, U = RP_CUDA_UNITS;
    const uint32_t first = rp_block_y() * R;

    for (uint32_t i = rp_thread(); i < R * U; i += rp_threads()) {
        uint32_t u = i % U, at = i / U;
        const float *x = made + at * W + u, *y = made + (R + at) * W + u;
        if (first + at >= count)
            continue;
        float gi[3] = {x[0], x[U], x[2 * U]};
        float gh[3] = {y[0], y[U], y[2 * U]};
        rp_cuda_row row = a.row[rows_at(a.rows, first + at)];
        uint32_t unit = rp_block() * U + u;
        state_at(a.states, !row.side, row.slot, a.number)[unit] = rp_gates(
            gi, gh, state_at(a.states, row.side, row.slot, a.number)[unit]);
    }
}

/* gi and gh of a strip, and with them the new state. */
RP_KERNEL layer_kernel(rp_cuda_step a)
{
    const uint32_t W = RP_CUDA_STRIP, U = RP_CUDA_UNITS, H = a.states.hidden;
    const uint32_t count = rows_count(a.rows), first = rp_block_y() * R;
    const uint32_t c = rp_thread() % W, r = rp_thread() / W;
    const uint32_t column = c / U * H + rp_block() * U + c % U;
    typedef tiles<RP_CUDA_STRIP> size;
    float *tile_w = rp_shared<float>(0, size::weights);
    float *tile_x = rp_shared<float>(size::weights * 4, size::inputs);
    const float **own = rp_shared<const float *>(size::rows_at, R);
    const float **below =
        rp_shared<const float *>(size::rows_at + R * sizeof *own, R);
    float *made = rp_shared<float>(size::bytes, 2 * R * W);
    float gi[R / ROWS], gh[R / ROWS];

    rows_spend(a.rows);
    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < R; i += rp_threads()) {
        own[i] = below[i] = nullptr;
        if (first + i >= count)
            continue;
        rp_cuda_row row = a.row[rows_at(a.rows, first + i)];
        own[i] = state_at(a.states, row.side, row.slot, a.number);
        if (a.number)
            below[i] =
                state_at(a.states, !row.side, row.slot, a.number - 1);
    }
    rp_sync();
    for (uint32_t j = 0; j < R / ROWS; j++) {
        uint32_t i = first + r + j * ROWS;
        gi[j] = a.layer.bias_ih[column];
        gh[j] = a.layer.bias_hh[column];
        if (!a.number && i < count)
            gi[j] = sparse_sum(gi[j], a.layer.input, 3 * H, column,
                               a.input + (size_t)rows_at(a.rows, i) *
                                             RP_CUDA_INDICES);
    }
    if (a.number)
        tile_sums<RP_CUDA_STRIP>(
            a.layer.input + (size_t)rp_block() * H * W, below, H, tile_w,
            tile_x, gi);
    tile_sums<RP_CUDA_STRIP>(a.layer.hidden + (size_t)rp_block() * H * W,
                                own, H, tile_w, tile_x, gh);
    for (uint32_t j = 0; j < R / ROWS; j++) {
        made[(r + j * ROWS) * W + c] = gi[j];
        made[(R + r + j * ROWS) * W + c] = gh[j];
    }
    rp_sync();
    close_layer(a, count, made);
}

/* Where a head's rows are. */
RP_DEVICE const float **head_rows()
{
    return rp_shared<const float *>(tiles<RP_CUDA_SLICE>::rows_at, R);
}

/* out (rows, N) = start + x (rows, K) times a strip: what both products of a
 * head are made of. */
RP_DEVICE void head_strip(const float *weights, const float *const *x,
                          uint32_t K, float *sum)
{
    typedef tiles<RP_CUDA_SLICE> size;
    float *tile_w = rp_shared<float>(0, size::weights);
    float *tile_x = rp_shared<float>(size::weights * 4, size::inputs);

    tile_sums<RP_CUDA_SLICE>(weights + (size_t)rp_block() * K *
                                              RP_CUDA_SLICE,
                                x, K, tile_w, tile_x, sum);
}

RP_KERNEL active_kernel(rp_cuda_heads a)
{
    const uint32_t E = a.width, H = a.states.hidden;
    const uint32_t count = rows_count(a.rows), first = rp_block_y() * R;
    const uint32_t W = RP_CUDA_SLICE;
    const uint32_t column = rp_block() * W + rp_thread() % W;
    const uint32_t r = rp_thread() / W;
    const float **x = head_rows();
    float sum[R / ROWS];

    rows_spend(a.rows);
    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < R; i += rp_threads()) {
        x[i] = nullptr;
        if (first + i >= count)
            continue;
        rp_cuda_row row = a.row[rows_at(a.rows, first + i)];
        x[i] = state_at(a.states, row.side, row.slot, a.states.layers - 1);
    }
    rp_sync();
    for (uint32_t j = 0; j < R / ROWS; j++) {
        uint32_t i = first + r + j * ROWS;
        sum[j] = a.head.bias[column];
        if (i < count)
            sum[j] = sparse_sum(sum[j], a.head.cond, E, column,
                                a.condition + (size_t)rows_at(a.rows, i) *
                                                  RP_CUDA_INDICES);
    }
    head_strip(a.head.hidden, x, H, sum);
    for (uint32_t j = 0; j < R / ROWS; j++) {
        uint32_t i = first + r + j * ROWS;
        if (i < count)
            a.active[(size_t)rows_at(a.rows, i) * E + column] =
                0.0f > sum[j] ? 0.0f : sum[j];
    }
}

RP_KERNEL out_kernel(rp_cuda_heads a)
{
    const uint32_t E = a.width, W = RP_CUDA_SLICE;
    const uint32_t count = rows_count(a.rows), first = rp_block_y() * R;
    const uint32_t column = rp_block() * W + rp_thread() % W;
    const uint32_t r = rp_thread() / W;
    const float **x = head_rows();
    float sum[R / ROWS];

    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < R; i += rp_threads())
        x[i] = first + i < count
                   ? a.active + (size_t)rows_at(a.rows, first + i) * E
                   : nullptr;
    rp_sync();
    for (uint32_t j = 0; j < R / ROWS; j++)
        sum[j] = a.head.out_bias[column];
    head_strip(a.head.out, x, E, sum);
    for (uint32_t j = 0; j < R / ROWS; j++) {
        uint32_t i = first + r + j * ROWS;
        if (i < count)
            a.logits[(size_t)rows_at(a.rows, i) * RP_CUDA_LOGITS + column] =
                sum[j];
    }
}

static rp_grid grid_of(uint32_t strips, uint32_t rows, uint32_t width,
                       uint32_t bytes)
{
    rp_grid grid = {};

    grid.x = strips;
    grid.y = (rows + R - 1) / R;
    grid.threads = width * ROWS;
    grid.shared = bytes;
    return grid;
}

cudaError_t rp_cuda_step_enqueue(const struct rp_cuda_step *step,
                                 cudaStream_t stream)
{
    const uint32_t made = 2 * R * RP_CUDA_STRIP * sizeof(float);

    return rp_launch(layer_kernel,
                     grid_of(step->states.hidden / RP_CUDA_UNITS,
                             step->rows.most, RP_CUDA_STRIP,
                             tiles<RP_CUDA_STRIP>::bytes + made),
                     stream, *step);
}

cudaError_t rp_cuda_heads_enqueue(const struct rp_cuda_heads *heads,
                                  cudaStream_t stream)
{
    const uint32_t bytes = tiles<RP_CUDA_SLICE>::bytes;
    const uint32_t rows = heads->rows.most;
    const uint32_t slices = (heads->head.classes + RP_CUDA_SLICE - 1) /
                            RP_CUDA_SLICE;
    cudaError_t error =
        rp_launch(active_kernel,
                  grid_of(heads->width / RP_CUDA_SLICE, rows, RP_CUDA_SLICE,
                          bytes),
                  stream, *heads);

    if (error)
        return error;
    return rp_launch(out_kernel, grid_of(slices, rows, RP_CUDA_SLICE, bytes),
                     stream, *heads);
}
