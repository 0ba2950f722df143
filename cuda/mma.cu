#include "cuda/mma.h"

#include "cuda/rows.cuh"

/* A block makes a strip of columns for ROWS rows, a warp 16 of them; what is
 * multiplied goes through shared memory DEEP of K at a time, as bf16. */
constexpr uint32_t ROWS = 64, DEEP = 64, THREADS = 32 * (ROWS / 16);
constexpr uint32_t LD = DEEP + 8; /* cells; rows begin in different banks */
constexpr uint32_t GATES = RP_CUDA_STRIP, UNITS = RP_CUDA_UNITS;
constexpr uint32_t SLICE = RP_CUDA_SLICE;

/* Where things lie in a block's shared memory. */
constexpr uint32_t AT_X = 0, AT_BELOW = AT_X + ROWS * 8;
constexpr uint32_t AT_A = AT_BELOW + ROWS * 8, AT_W = AT_A + ROWS * LD * 2;
constexpr uint32_t AT_SUMS = AT_W + GATES * LD * 2;
constexpr uint32_t BYTES_GATES = AT_SUMS + 2 * ROWS * GATES * 4;
constexpr uint32_t BYTES_SLICE = AT_SUMS + ROWS * SLICE * 4;

/* Row n of a strip in the whole matrix: r, z and n of UNITS units, or a slice
 * of a head. */
template <int TILES> RP_DEVICE uint32_t weight_row(uint32_t n, uint32_t H)
{
    return TILES == 3 ? n / UNITS * H + rp_block() * UNITS + n % UNITS
                      : rp_block() * SLICE + n;
}

/* sums[j] += the warp's 16 rows of x times tile j of the strip. x[r] is NULL
 * where there is no row. */
template <int TILES>
RP_DEVICE void add_products(const uint16_t *weights, uint32_t H, uint32_t K,
                            const float *const *x, rp_sums *sums)
{
    rp_cell *a = rp_shared<rp_cell>(AT_A, ROWS * LD);
    rp_cell *w = rp_shared<rp_cell>(AT_W, TILES * 16 * LD);
    const rp_cell *cells = (const rp_cell *)weights;
    const rp_cell *mine = a + rp_thread() / 32 * 16 * LD;

    for (uint32_t first = 0; first < K; first += DEEP) {
        const uint32_t deep = K - first < DEEP ? K - first : DEEP;
        for (uint32_t i = rp_thread(); i < ROWS * deep; i += THREADS) {
            uint32_t r = i / deep, k = i % deep;
            a[r * LD + k] = rp_cell_from(x[r] ? x[r][first + k] : 0.0f);
        }
        for (uint32_t i = rp_thread(); i < TILES * 16 * deep; i += THREADS) {
            uint32_t n = i / deep, k = i % deep;
            w[n * LD + k] =
                cells[(size_t)weight_row<TILES>(n, H) * K + first + k];
        }
        rp_sync();
        for (uint32_t k = 0; k < deep; k += 16)
            for (int j = 0; j < TILES; j++)
                rp_sums_add(&sums[j], mine + k, LD, w + j * 16 * LD + k, LD);
        rp_sync();
    }
}

/* The warp's sums to its rows of (ROWS, columns). */
template <int TILES>
RP_DEVICE void store_sums(const rp_sums *sums, float *to)
{
    for (int j = 0; j < TILES; j++)
        rp_sums_store(&sums[j],
                      to + rp_thread() / 32 * 16 * TILES * 16 + j * 16,
                      TILES * 16);
}

RP_KERNEL layer_kernel(rp_cuda_step a)
{
    const uint32_t H = a.states.hidden, first = rp_block_y() * ROWS;
    const uint32_t count = rows_count(a.rows);
    const float **own = rp_shared<const float *>(AT_X, ROWS);
    const float **below = rp_shared<const float *>(AT_BELOW, ROWS);
    float *made = rp_shared<float>(AT_SUMS, 2 * ROWS * GATES);
    rp_sums gi[3], gh[3];

    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < ROWS; i += THREADS) {
        own[i] = below[i] = nullptr;
        if (first + i >= count)
            continue;
        rp_cuda_row row = a.row[rows_at(a.rows, first + i)];
        own[i] = state_at(a.states, row.side, row.slot, a.number);
        if (a.number)
            below[i] =
                state_at(a.states, !row.side, row.slot, a.number - 1);
    }
    for (int j = 0; j < 3; j++) {
        rp_sums_clear(&gi[j]);
        rp_sums_clear(&gh[j]);
    }
    rp_sync();
    if (a.number)
        add_products<3>(a.layer.input_cells, H, H, below, gi);
    add_products<3>(a.layer.hidden_cells, H, H, own, gh);
    store_sums<3>(gi, made);
    store_sums<3>(gh, made + ROWS * GATES);
    rp_sync();
    for (uint32_t i = rp_thread(); i < ROWS * UNITS; i += THREADS) {
        uint32_t r = i / UNITS, u = i % UNITS, unit = rp_block() * UNITS + u;
        float x[3], y[3];
        if (first + r >= count)
            continue;
        uint32_t which = rows_at(a.rows, first + r);
        rp_cuda_row row = a.row[which];
        for (uint32_t g = 0; g < 3; g++) {
            uint32_t column = g * H + unit;
            x[g] = a.layer.bias_ih[column];
            if (!a.number)
                x[g] = sparse_sum(x[g], a.layer.input, 3 * H, column,
                                  a.input + (size_t)which * RP_CUDA_INDICES);
            x[g] += made[r * GATES + g * UNITS + u];
            y[g] = a.layer.bias_hh[column] +
                   made[(ROWS + r) * GATES + g * UNITS + u];
        }
        state_at(a.states, !row.side, row.slot, a.number)[unit] =
            rp_gates(x, y, own[r][unit]);
    }
}

RP_KERNEL active_kernel(rp_cuda_heads a)
{
    const uint32_t E = a.width, H = a.states.hidden;
    const uint32_t first = rp_block_y() * ROWS, count = rows_count(a.rows);
    const float **x = rp_shared<const float *>(AT_X, ROWS);
    float *made = rp_shared<float>(AT_SUMS, ROWS * SLICE);
    rp_sums sums;

    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < ROWS; i += THREADS) {
        x[i] = nullptr;
        if (first + i >= count)
            continue;
        rp_cuda_row row = a.row[rows_at(a.rows, first + i)];
        x[i] = state_at(a.states, row.side, row.slot, a.states.layers - 1);
    }
    rp_sums_clear(&sums);
    rp_sync();
    add_products<1>(a.head.hidden_cells, H, H, x, &sums);
    store_sums<1>(&sums, made);
    rp_sync();
    for (uint32_t i = rp_thread(); i < ROWS * SLICE; i += THREADS) {
        uint32_t r = i / SLICE, column = rp_block() * SLICE + i % SLICE;
        if (first + r >= count)
            continue;
        uint32_t which = rows_at(a.rows, first + r);
        float sum = sparse_sum(a.head.bias[column], a.head.cond, E, column,
                               a.condition +
                                   (size_t)which * RP_CUDA_INDICES) +
                    made[i];
        a.active[(size_t)which * E + column] = sum > 0.0f ? sum : 0.0f;
    }
}

RP_KERNEL out_kernel(rp_cuda_heads a)
{
    const uint32_t E = a.width, first = rp_block_y() * ROWS;
    const uint32_t count = rows_count(a.rows);
    const float **x = rp_shared<const float *>(AT_X, ROWS);
    float *made = rp_shared<float>(AT_SUMS, ROWS * SLICE);
    rp_sums sums;

    if (first >= count)
        return;
    for (uint32_t i = rp_thread(); i < ROWS; i += THREADS)
        x[i] = first + i < count
                   ? a.active + (size_t)rows_at(a.rows, first + i) * E
                   : nullptr;
    rp_sums_clear(&sums);
    rp_sync();
    add_products<1>(a.head.out_cells, a.states.hidden, E, x, &sums);
    store_sums<1>(&sums, made);
    rp_sync();
    for (uint32_t i = rp_thread(); i < ROWS * SLICE; i += THREADS) {
        uint32_t r = i / SLICE, column = rp_block() * SLICE + i % SLICE;
        if (first + r < count)
            a.logits[(size_t)rows_at(a.rows, first + r) * RP_CUDA_LOGITS +
                     column] = a.head.out_bias[column] + made[i];
    }
}

static rp_grid grid_of(uint32_t strips, uint32_t rows, uint32_t bytes)
{
    rp_grid grid = {};

    grid.x = strips;
    grid.y = (rows + ROWS - 1) / ROWS;
    grid.threads = THREADS;
    grid.shared = bytes;
    return grid;
}

cudaError_t rp_cuda_mma_step(const struct rp_cuda_step *step,
                             cudaStream_t stream)
{
    return rp_launch(layer_kernel,
                     grid_of(step->states.hidden / UNITS, step->rows.most,
                             BYTES_GATES),
                     stream, *step);
}

cudaError_t rp_cuda_mma_heads(const struct rp_cuda_heads *heads,
                              cudaStream_t stream)
{
    const uint32_t rows = heads->rows.most;
    const uint32_t slices = (heads->head.classes + SLICE - 1) / SLICE;
    cudaError_t error =
        rp_launch(active_kernel,
                  grid_of(heads->width / SLICE, rows, BYTES_SLICE), stream,
                  *heads);

    if (error)
        return error;
    return rp_launch(out_kernel, grid_of(slices, rows, BYTES_SLICE), stream,
                     *heads);
}
