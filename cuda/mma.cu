#include "cuda/mma.h"

#include "cuda/rows.cuh"

/* What is multiplied comes DEEP of K at a time into a ring of STAGES in shared
 * memory, by asynchronous copies of 16 bytes, while tensor cores work on what
 * came before. */
constexpr uint32_t DEEP = 32, STAGES = 4, WARP = 32, TILE = 16;
constexpr uint32_t LD = DEEP + 8; /* cells; rows begin in different banks */

/* A block of a layer: for ROWS rows r, z and n of UNITS units; a warp has 32
 * rows and 16 units of them. */
constexpr uint32_t ROWS = 64, UNITS = 32, GATES = 3 * UNITS, THREADS = 128;
/* Of r and z both products' sums are one; of n there are two. */
constexpr uint32_t SUMS = 4 * UNITS;
/* A block of a head: HEAD_ROWS rows, HEAD_COLUMNS columns at a time, 16 a
 * warp. */
constexpr uint32_t HEAD_ROWS = 16, HEAD_COLUMNS = 128, HEAD_THREADS = 256;

/* ---- tiles on their way ---- */

/* From the rows that `from` lists, K cells each, what tile t has of them. */
template <uint32_t COUNT>
RP_DEVICE void fetch(const rp_cell *const *from, uint32_t K, uint32_t t,
                     rp_cell *ring)
{
    const uint32_t first = t * DEEP, left = first < K ? K - first : 0;
    const uint32_t pieces = (left < DEEP ? left : DEEP) / 8;
    rp_cell *stage = ring + t % STAGES * COUNT * LD;

    for (uint32_t i = rp_thread(); i < COUNT * pieces; i += rp_threads()) {
        const uint32_t r = i / pieces, k = i % pieces * 8;
        rp_copy16(stage + r * LD + k, from[r] + first + k);
    }
    rp_copy_group();
}

/* Calls use(stage, first of K, how deep) for one tile after another. All
 * threads; `from` is in shared memory and complete. */
template <uint32_t COUNT, class F>
RP_DEVICE void each_tile(const rp_cell *const *from, uint32_t K,
                         rp_cell *ring, F use)
{
    for (uint32_t t = 0; t < STAGES - 1; t++)
        fetch<COUNT>(from, K, t, ring);
    for (uint32_t t = 0; t * DEEP < K; t++) {
        const uint32_t left = K - t * DEEP;
        rp_copied<STAGES - 2>();
        rp_sync(); /* all are done with the tile before, whose place is free */
        fetch<COUNT>(from, K, t + STAGES - 1, ring);
        use(ring + t % STAGES * COUNT * LD, t * DEEP,
            left < DEEP ? left : DEEP);
    }
    rp_copied<0>();
    rp_sync();
}

RP_DEVICE rp_cell *cells_at(const rp_cuda_states &states, uint32_t side,
                            uint32_t slot, uint32_t layer)
{
    return (rp_cell *)states.cells[side] +
           ((size_t)slot * states.layers + layer) * states.hidden;
}

/* The block's i-th row; where there is none, one that there is. */
RP_DEVICE rp_cuda_row row_of(const rp_cuda_rows &rows, const rp_cuda_row *row,
                             uint32_t i, uint32_t count)
{
    return row[rows_at(rows, i < count ? i : count - 1)];
}

/* ---- a layer ---- */

/* Where things lie in a block's shared memory. */
constexpr uint32_t LAYER_LIST = ROWS + GATES;
constexpr uint32_t AT_RING = LAYER_LIST * 8;
constexpr uint32_t LAYER_BYTES = AT_RING + STAGES * LAYER_LIST * LD * 2;
static_assert(ROWS * SUMS * 4 <= LAYER_BYTES - AT_RING, "sums fit the ring");

/* Rows of one product, then the block's rows of its weights: the state's, or
 * those of the layer below. */
RP_DEVICE void list_layer(const rp_cuda_step &a, uint32_t count, bool below,
                          const rp_cell **list)
{
    const uint32_t H = a.states.hidden, first = rp_block_y() * ROWS;
    const rp_cell *weights = (const rp_cell *)(below ? a.layer.input_cells
                                                     : a.layer.hidden_cells);

    for (uint32_t i = rp_thread(); i < LAYER_LIST; i += THREADS) {
        if (i < ROWS) {
            rp_cuda_row row = row_of(a.rows, a.row, first + i, count);
            list[i] = cells_at(a.states, below ? !row.side : row.side,
                               row.slot, a.number - below);
            continue;
        }
        const uint32_t gate = (i - ROWS) / UNITS;
        const uint32_t unit = rp_block() * UNITS + (i - ROWS) % UNITS;
        list[i] = weights + (size_t)(gate * H + (unit < H ? unit : H - 1)) * H;
    }
    rp_sync();
}

/* A tile's part of the warp's sums: of r and z, and this product's of n. */
RP_DEVICE void add_layer(const rp_cell *stage, uint32_t deep, rp_sums *rz,
                         rp_sums *n)
{
    const uint32_t warp = rp_thread() / WARP;
    const rp_cell *x = stage + warp / 2 * 2 * TILE * LD;
    const rp_cell *w = stage + (ROWS + warp % 2 * TILE) * LD;

    for (uint32_t k = 0; k < deep; k += TILE) {
        rp_left rows[2];
        for (int i = 0; i < 2; i++)
            rp_left_load(&rows[i], x + i * TILE * LD + k, LD);
#pragma unroll
        for (int g = 0; g < 3; g++) {
            rp_right gate;
            rp_right_load(&gate, w + g * UNITS * LD + k, LD);
            for (int i = 0; i < 2; i++)
                rp_sums_add(g < 2 ? &rz[2 * g + i] : &n[i], &rows[i], &gate);
        }
    }
}

/* The sums of a row lie side by side: r, z, the state's n, the input's n. */
RP_DEVICE void close_layer(const rp_cuda_step &a, uint32_t count,
                           const float *made)
{
    const uint32_t H = a.states.hidden, first = rp_block_y() * ROWS;

    for (uint32_t i = rp_thread(); i < ROWS * UNITS; i += THREADS) {
        const uint32_t r = i / UNITS, u = i % UNITS;
        const uint32_t unit = rp_block() * UNITS + u;
        const float *sum = made + r * SUMS + u;
        float x[3], y[3];
        if (first + r >= count || unit >= H)
            continue;
        const uint32_t which = rows_at(a.rows, first + r);
        const rp_cuda_row row = a.row[which];
#pragma unroll
        for (uint32_t g = 0; g < 3; g++) {
            const uint32_t column = g * H + unit;
            x[g] = a.layer.bias_ih[column];
            if (!a.number)
                x[g] = sparse_sum(x[g], a.layer.input, 3 * H, column,
                                  a.input + (size_t)which * RP_CUDA_INDICES);
            y[g] = a.layer.bias_hh[column] + sum[g * UNITS];
        }
        x[2] += sum[3 * UNITS];
        const float h = rp_gates(
            x, y, state_at(a.states, row.side, row.slot, a.number)[unit]);
        state_at(a.states, !row.side, row.slot, a.number)[unit] = h;
        cells_at(a.states, !row.side, row.slot, a.number)[unit] =
            rp_cell_from(h);
    }
}

RP_KERNEL layer_kernel(rp_cuda_step a)
{
    const uint32_t H = a.states.hidden, count = rows_count(a.rows);
    const uint32_t warp = rp_thread() / WARP;
    const rp_cell **list = rp_shared<const rp_cell *>(0, LAYER_LIST);
    rp_cell *ring = rp_shared<rp_cell>(AT_RING, STAGES * LAYER_LIST * LD);
    float *made = rp_shared<float>(AT_RING, ROWS * SUMS);
    rp_sums rz[4], own[2], below[2];

    rows_spend(a.rows);
    if (rp_block_y() * ROWS >= count)
        return;
    for (int i = 0; i < 4; i++)
        rp_sums_clear(&rz[i]);
    for (int i = 0; i < 2; i++) {
        rp_sums_clear(&own[i]);
        rp_sums_clear(&below[i]);
    }
    list_layer(a, count, false, list);
    each_tile<LAYER_LIST>(list, H, ring,
                          [&](const rp_cell *stage, uint32_t, uint32_t deep) {
                              add_layer(stage, deep, rz, own);
                          });
    if (a.number) {
        list_layer(a, count, true, list);
        each_tile<LAYER_LIST>(
            list, H, ring,
            [&](const rp_cell *stage, uint32_t, uint32_t deep) {
                add_layer(stage, deep, rz, below);
            });
    }
    float *to = made + warp / 2 * 2 * TILE * SUMS + warp % 2 * TILE;
#pragma unroll
    for (int i = 0; i < 2; i++, to += TILE * SUMS) {
        rp_sums_store(&rz[i], to, SUMS);
        rp_sums_store(&rz[2 + i], to + UNITS, SUMS);
        rp_sums_store(&own[i], to + 2 * UNITS, SUMS);
        rp_sums_store(&below[i], to + 3 * UNITS, SUMS);
    }
    rp_sync();
    close_layer(a, count, made);
}

/* ---- heads ---- */

constexpr uint32_t HEAD_LIST = HEAD_ROWS + HEAD_COLUMNS;
constexpr uint32_t AT_HEAD_RING = HEAD_LIST * 8;
constexpr uint32_t AT_HEAD_SUMS = AT_HEAD_RING + STAGES * HEAD_LIST * LD * 2;
constexpr uint32_t AT_ACTIVE = AT_HEAD_SUMS + HEAD_ROWS * HEAD_COLUMNS * 4;
constexpr uint32_t MORE = 8; /* of a row of `active` than E, for the banks */

/* The block's rows of x, then rows `from` .. of (N, K) weights. */
RP_DEVICE void list_head(const rp_cuda_heads &a, uint32_t count,
                         const uint16_t *weights, uint32_t from, uint32_t N,
                         uint32_t K, const rp_cell **list)
{
    const uint32_t i = rp_thread(), first = rp_block_y() * HEAD_ROWS;

    if (i < HEAD_ROWS) {
        rp_cuda_row row = row_of(a.rows, a.row, first + i, count);
        list[i] = cells_at(a.states, row.side, row.slot, a.states.layers - 1);
    } else if (i < HEAD_LIST) {
        const uint32_t n = from + i - HEAD_ROWS;
        list[i] = (const rp_cell *)weights + (size_t)(n < N ? n : N - 1) * K;
    }
    rp_sync();
}

/* A tile's part of the warp's 16 columns. */
RP_DEVICE void add_head(const rp_cell *x, uint32_t ld, const rp_cell *weights,
                        uint32_t deep, rp_sums *sums)
{
    const rp_cell *w = weights + rp_thread() / WARP * TILE * LD;

    for (uint32_t k = 0; k < deep; k += TILE) {
        rp_left rows;
        rp_right columns;
        rp_left_load(&rows, x + k, ld);
        rp_right_load(&columns, w + k, LD);
        rp_sums_add(sums, &rows, &columns);
    }
}

/* All warps' sums, (HEAD_ROWS, HEAD_COLUMNS) in shared memory. */
RP_DEVICE const float *store_head(const rp_sums *sums)
{
    float *made = rp_shared<float>(AT_HEAD_SUMS, HEAD_ROWS * HEAD_COLUMNS);

    rp_sums_store(sums, made + rp_thread() / WARP * TILE, HEAD_COLUMNS);
    rp_sync();
    return made;
}

RP_DEVICE void make_active(const rp_cuda_heads &a, uint32_t count,
                           uint32_t from, const float *made, rp_cell *active)
{
    const uint32_t E = a.width, first = rp_block_y() * HEAD_ROWS;

    for (uint32_t i = rp_thread(); i < HEAD_ROWS * HEAD_COLUMNS;
         i += HEAD_THREADS) {
        const uint32_t r = i / HEAD_COLUMNS, column = from + i % HEAD_COLUMNS;
        float sum = 0.0f;
        if (column >= E)
            continue;
        if (first + r < count)
            sum = sparse_sum(a.head.bias[column], a.head.cond, E, column,
                             a.condition +
                                 (size_t)rows_at(a.rows, first + r) *
                                     RP_CUDA_INDICES) +
                  made[i];
        active[r * (E + MORE) + column] =
            rp_cell_from(sum > 0.0f ? sum : 0.0f);
    }
    rp_sync();
}

RP_DEVICE void write_logits(const rp_cuda_heads &a, uint32_t count,
                            const float *made)
{
    const uint32_t first = rp_block_y() * HEAD_ROWS;

    for (uint32_t i = rp_thread(); i < HEAD_ROWS * HEAD_COLUMNS;
         i += HEAD_THREADS) {
        const uint32_t r = i / HEAD_COLUMNS, column = i % HEAD_COLUMNS;
        if (first + r < count && column < a.head.classes)
            a.logits[(size_t)rows_at(a.rows, first + r) * RP_CUDA_LOGITS +
                     column] = a.head.out_bias[column] + made[i];
    }
}

/* Both products of a head, what lies between them in shared memory. */
RP_KERNEL head_kernel(rp_cuda_heads a)
{
    const uint32_t E = a.width, H = a.states.hidden;
    const uint32_t count = rows_count(a.rows);
    const rp_cell **list = rp_shared<const rp_cell *>(0, HEAD_LIST);
    rp_cell *ring = rp_shared<rp_cell>(AT_HEAD_RING, STAGES * HEAD_LIST * LD);
    rp_cell *active =
        rp_shared<rp_cell>(AT_ACTIVE, HEAD_ROWS * (E + MORE));
    rp_sums sums;

    rows_spend(a.rows);
    if (rp_block_y() * HEAD_ROWS >= count)
        return;
    for (uint32_t from = 0; from < E; from += HEAD_COLUMNS) {
        rp_sums_clear(&sums);
        list_head(a, count, a.head.hidden_cells, from, E, H, list);
        each_tile<HEAD_LIST>(
            list, H, ring,
            [&](const rp_cell *stage, uint32_t, uint32_t deep) {
                add_head(stage, LD, stage + HEAD_ROWS * LD, deep, &sums);
            });
        make_active(a, count, from, store_head(&sums), active);
    }
    rp_sums_clear(&sums);
    list_head(a, count, a.head.out_cells, 0, a.head.classes, E, list);
    each_tile<HEAD_COLUMNS>(
        list + HEAD_ROWS, E, ring,
        [&](const rp_cell *stage, uint32_t k, uint32_t deep) {
            add_head(active + k, E + MORE, stage, deep, &sums);
        });
    write_logits(a, count, store_head(&sums));
}

/* ---- launches ---- */

RP_KERNEL begin_kernel(rp_cuda_states a)
{
    const size_t floats = (size_t)a.layers * a.hidden;
    const size_t from = rp_block() * floats;

    for (size_t i = rp_thread(); i < floats; i += rp_threads())
        ((rp_cell *)a.cells[0])[from + i] =
            rp_cell_from(a.side[0][from + i]);
}

static uint32_t head_bytes(uint32_t E)
{
    return AT_ACTIVE + HEAD_ROWS * (E + MORE) * 2;
}

static rp_grid grid_of(uint32_t x, uint32_t y, uint32_t threads,
                       uint32_t bytes)
{
    rp_grid grid = {};

    grid.x = x;
    grid.y = y;
    grid.threads = threads;
    grid.shared = bytes;
    return grid;
}

cudaError_t rp_cuda_mma_allow(void)
{
    cudaError_t error = rp_allow(layer_kernel, LAYER_BYTES, false);

    return error ? error : rp_allow(head_kernel, head_bytes(1024), false);
}

cudaError_t rp_cuda_mma_begin(const struct rp_cuda_states *states,
                              uint32_t slots, cudaStream_t stream)
{
    return rp_launch(begin_kernel, grid_of(slots, 1, THREADS, 0), stream,
                     *states);
}

cudaError_t rp_cuda_mma_step(const struct rp_cuda_step *step,
                             cudaStream_t stream)
{
    return rp_launch(layer_kernel,
                     grid_of((step->states.hidden + UNITS - 1) / UNITS,
                             (step->rows.most + ROWS - 1) / ROWS, THREADS,
                             LAYER_BYTES),
                     stream, *step);
}

cudaError_t rp_cuda_mma_heads(const struct rp_cuda_heads *heads,
                              cudaStream_t stream)
{
    return rp_launch(head_kernel,
                     grid_of(1, (heads->rows.most + HEAD_ROWS - 1) / HEAD_ROWS,
                             HEAD_THREADS, head_bytes(heads->width)),
                     stream, *heads);
}
