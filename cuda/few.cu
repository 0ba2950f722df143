#include "cuda/few.h"

#include "cuda/rows.cuh"

/* Of a block's threads the first two warps sum. One of them owns a column for
 * R rows; each sum is one thread's, in order along K, so the shortest time is K
 * dependent fma, some 4 cycles each. The others copy weights, TILE of K at a
 * time, into a ring of STAGES, which is full before what the sums are of is
 * there. */
constexpr uint32_t TILE = 64, WARP = 32, SUMMERS = 2 * WARP, COPIERS = 96;
constexpr uint32_t THREADS = SUMMERS + COPIERS;
/* Of a layer: units, their columns (r, z and n), tiles on their way. */
constexpr uint32_t UNITS = 8, COLUMNS = 3 * UNITS, LAYER_STAGES = 4;
constexpr uint32_t SLICE = RP_CUDA_SLICE, HEAD_STAGES = 8;

/* Floats of a stage: of a layer's, for one matrix or two. */
constexpr uint32_t LAYER_TILE = TILE * COLUMNS, HEAD_TILE = TILE * SLICE;

/* Words of host memory are read at once and by all threads, one trip over PCIe
 * (some 1 us), into the last of the block's shared memory. */
constexpr uint32_t CALL_WORDS = sizeof(rp_cuda_few_call) / 4;

template <bool THERE, class A>
RP_DEVICE const rp_cuda_few_call &call_of(const A &a, uint32_t offset)
{
    if constexpr (!THERE)
        return a.call;
    uint32_t *to = rp_shared<uint32_t>(offset, CALL_WORDS);

    for (uint32_t i = rp_thread(); i < CALL_WORDS; i += THREADS)
        to[i] = ((const uint32_t *)a.at)[i];
    rp_sync();
    return *(const rp_cuda_few_call *)to;
}

/* Row i's indices: start, then the rows of the table that they name, so many
 * of which are on their way at once. */
RP_DEVICE float few_sum(float start, const float *table, uint32_t ld,
                        uint32_t column, const rp_cuda_few_call &call,
                        uint32_t i)
{
    constexpr uint32_t MANY = 16;
    const uint32_t first = call.row[i].first, count = call.row[i].count;

    for (uint32_t n = 0; n < count; n += MANY) {
        float part[MANY];
#pragma unroll
        for (uint32_t j = 0; j < MANY; j++)
            if (n + j < count)
                part[j] =
                    table[(size_t)call.index[first + n + j] * ld + column];
#pragma unroll
        for (uint32_t j = 0; j < MANY; j++)
            if (n + j < count)
                start = rp_add(start, part[j]);
    }
    return start;
}

/* D of a column and of R rows of x, in registers. */
template <int R, int D> struct piece {
    rp_four w[D / 4], x[R][D / 4];
};

template <int W, int R, int D>
RP_DEVICE void load_piece(const float *w, const float *x, uint32_t K,
                          piece<R, D> *to)
{
#pragma unroll
    for (int k = 0; k < D / 4; k++) {
        to->w[k] = *(const rp_four *)(w + 4 * k * W);
#pragma unroll
        for (int r = 0; r < R; r++)
            to->x[r][k] = *(const rp_four *)(x + r * K + 4 * k);
    }
}

template <int R, int D>
RP_DEVICE void chain_piece(const piece<R, D> &p, float *sum)
{
#pragma unroll
    for (int k = 0; k < D; k++)
#pragma unroll
        for (int r = 0; r < R; r++)
            sum[r] = fmaf(p.x[r][k / 4].at[k % 4], p.w[k / 4].at[k % 4],
                          sum[r]);
}

/* sum[r] += row r of x (R, K) times a column of a tile that begins at `from`
 * of K. x and tile are shared memory, some 30 cycles away, so that one piece
 * is on its way while the one before it is summed. K is a multiple of 16. */
template <int W, int R>
RP_DEVICE void tile_chain(const float *column, const float *x, uint32_t K,
                          uint32_t from, float *sum)
{
    constexpr int D = R == 1 ? 16 : 8;
    piece<R, D> now, next;

    x += from;
    if (K - from < TILE) { /* the last */
        for (uint32_t k = 0; k < K - from; k += D) {
            load_piece<W, R, D>(column + k * W, x + k, K, &now);
            chain_piece(now, sum);
        }
        return;
    }
    load_piece<W, R, D>(column, x, K, &now);
#pragma unroll
    for (uint32_t k = D; k < TILE; k += D) {
        load_piece<W, R, D>(column + k * W, x + k, K, &next);
        chain_piece(now, sum);
        now = next;
    }
    chain_piece(now, sum);
}

/* To the host. */
RP_DEVICE void say(uint64_t *at, uint32_t number, float x)
{
    rp_store_whole(at, (uint64_t)number << 32 | rp_bits_of(x));
}

/* ---- a layer ---- */

/* Tile t of this block's columns of the state's weights and, above layer 0, of
 * the input's: half a strip each. A copier has four of K of one column, then
 * those 16 of K further on. */
RP_DEVICE void fetch_layer(const rp_cuda_layer &layer, uint32_t parts,
                           uint32_t H, uint32_t t, float *ring)
{
    const uint32_t from = t * TILE, unit = rp_block() * UNITS;
    const uint32_t deep = H - from < TILE ? H - from : TILE;
    const uint32_t i = rp_thread() - SUMMERS, k = i / COLUMNS * 4;
    const uint32_t c = i % COLUMNS, strip = unit / RP_CUDA_UNITS;
    const size_t at = ((size_t)strip * H + from + k) * RP_CUDA_STRIP +
                      (c / UNITS * RP_CUDA_UNITS + unit % RP_CUDA_UNITS +
                       c % UNITS) *
                          4;
    float *to = ring + t % LAYER_STAGES * parts * LAYER_TILE + k * COLUMNS +
                c * 4;

    for (uint32_t on = 0; from < H && on < deep; on += 16) {
        const size_t next = at + on * RP_CUDA_STRIP;
        rp_copy16(to + on * COLUMNS, layer.hidden + next);
        if (parts > 1)
            rp_copy16(to + LAYER_TILE + on * COLUMNS, layer.input + next);
    }
    rp_copy_group();
}

/* States of R rows from `first` on: of this layer, and of the one below. */
template <int R>
RP_DEVICE void load_states(const rp_cuda_few_step &a,
                           const rp_cuda_few_call &call, uint32_t first,
                           float *x)
{
    const uint32_t H = a.states.hidden;

    for (uint32_t k = 4 * rp_thread(); k < H; k += 4 * THREADS) {
        rp_four own[R] = {}, below[R] = {};
#pragma unroll
        for (int r = 0; r < R; r++) {
            if (first + r >= call.rows)
                continue;
            const rp_cuda_few_row &row = call.row[first + r];
            own[r] = *(const rp_four *)(state_at(a.states, row.side, row.slot,
                                                 a.number) +
                                        k);
            if (a.number)
                below[r] =
                    *(const rp_four *)(state_at(a.states, !row.side, row.slot,
                                                a.number - 1) +
                                       k);
        }
#pragma unroll
        for (int r = 0; r < R; r++) {
            *(rp_four *)(x + r * H + k) = own[r];
            if (a.number)
                *(rp_four *)(x + (R + r) * H + k) = below[r];
        }
    }
}

/* From both products' sums (2, R, COLUMNS) to the new state. */
template <int R>
RP_DEVICE void close_layer(const rp_cuda_few_step &a,
                           const rp_cuda_few_call &call, uint32_t first,
                           const float *made, const float *x)
{
    const uint32_t r = rp_thread() / UNITS, u = rp_thread() % UNITS;
    const uint32_t unit = rp_block() * UNITS + u;

    if (r >= R || first + r >= call.rows)
        return;
    const rp_cuda_few_row &row = call.row[first + r];
    const float *h = made + r * COLUMNS + u, *i = h + R * COLUMNS;
    float gi[3] = {i[0], i[UNITS], i[2 * UNITS]};
    float gh[3] = {h[0], h[UNITS], h[2 * UNITS]};
    state_at(a.states, !row.side, row.slot, a.number)[unit] =
        rp_gates(gi, gh, x[r * a.states.hidden + unit]);
}

/* One warp sums the state's product, another the input's. */
template <int R, bool THERE>
RP_KERNEL_OF(THREADS) layer_kernel(rp_cuda_few_step a)
{
    const uint32_t H = a.states.hidden, first = rp_block_y() * R;
    const uint32_t parts = a.number ? 2 : 1, tiles = (H + TILE - 1) / TILE;
    const uint32_t part = rp_thread() / WARP, c = rp_thread() % WARP;
    const uint32_t ring_floats = LAYER_STAGES * parts * LAYER_TILE;
    const bool sums = part < 2 && c < COLUMNS, copies = part >= 2;
    const uint32_t column = c / UNITS * H + rp_block() * UNITS + c % UNITS;
    float *ring = rp_shared<float>(0, ring_floats);
    float *x = rp_shared<float>(ring_floats * 4, parts * R * H);
    const uint32_t made_at = (ring_floats + parts * R * H) * 4;
    float *made = rp_shared<float>(made_at, 2 * R * COLUMNS);
    float sum[R];

    rp_admit_next();
    for (uint32_t t = 0; copies && t < LAYER_STAGES - 1; t++)
        fetch_layer(a.layer, parts, H, t, ring);
    const rp_cuda_few_call &call =
        call_of<THERE>(a, made_at + 2 * R * COLUMNS * 4);
#pragma unroll
    for (int r = 0; r < R; r++) {
        sum[r] = 0.0f;
        if (!sums)
            continue;
        sum[r] = (part ? a.layer.bias_ih : a.layer.bias_hh)[column];
        if (part && !a.number && first + r < call.rows)
            sum[r] = few_sum(sum[r], a.layer.input, 3 * H, column, call,
                             first + r);
    }
    rp_await_before();
    load_states<R>(a, call, first, x);
    for (uint32_t t = 0; t < tiles; t++) {
        rp_copied<LAYER_STAGES - 2>();
        rp_sync(); /* all have summed the tile before, whose place is free */
        if (copies)
            fetch_layer(a.layer, parts, H, t + LAYER_STAGES - 1, ring);
        else if (sums && part < parts)
            tile_chain<COLUMNS, R>(
                ring + (t % LAYER_STAGES * parts + part) * LAYER_TILE +
                    4 * c,
                x + part * R * H, H, t * TILE, sum);
    }
    rp_copied<0>();
    for (int r = 0; sums && r < R; r++)
        made[(part * R + r) * COLUMNS + c] = sum[r];
    rp_sync();
    close_layer<R>(a, call, first, made, x);
}

/* ---- heads ---- */

RP_DEVICE void fetch_slice(const float *weights, uint32_t K, uint32_t t,
                           float *ring)
{
    const uint32_t from = t * TILE;
    const uint32_t deep = K - from < TILE ? K - from : TILE;
    const float *w = weights + ((size_t)rp_block() * K + from) * SLICE;
    float *stage = ring + t % HEAD_STAGES * HEAD_TILE;

    for (uint32_t i = rp_thread() - SUMMERS; from < K && i < deep * SLICE / 4;
         i += COPIERS)
        rp_copy16(stage + 4 * i, w + 4 * i);
    rp_copy_group();
}

/* What is known before anything is awaited. */
RP_DEVICE void begin_slice(const float *weights, uint32_t K, float *ring)
{
    rp_admit_next();
    for (uint32_t t = 0; rp_thread() >= SUMMERS && t < HEAD_STAGES - 1; t++)
        fetch_slice(weights, K, t, ring);
}

/* sum[r] += row r of x (R, K), in shared memory, times the block's slice: one
 * column for each of the first threads. */
template <int R>
RP_DEVICE void slice_chain(const float *weights, uint32_t K, float *ring,
                           const float *x, float *sum)
{
    for (uint32_t t = 0; t * TILE < K; t++) {
        rp_copied<HEAD_STAGES - 2>();
        rp_sync();
        if (rp_thread() >= SUMMERS)
            fetch_slice(weights, K, t + HEAD_STAGES - 1, ring);
        else if (rp_thread() < SLICE)
            tile_chain<SLICE, R>(ring + t % HEAD_STAGES * HEAD_TILE +
                                     4 * rp_thread(),
                                 x, K, t * TILE, sum);
    }
    rp_copied<0>();
}

/* Rows of x from `first` on: `active`, or the top layer's states. */
template <int R>
RP_DEVICE void load_rows(const rp_cuda_few_heads &a,
                         const rp_cuda_few_call &call, uint32_t first,
                         uint32_t K, bool states, float *x)
{
    for (uint32_t k = 4 * rp_thread(); k < K; k += 4 * THREADS) {
        rp_four four[R] = {};
#pragma unroll
        for (int r = 0; r < R; r++) {
            if (first + r >= call.rows)
                continue;
            const rp_cuda_few_row &row = call.row[first + r];
            const float *from =
                states ? state_at(a.states, row.side, row.slot,
                                  a.states.layers - 1)
                       : a.active + (size_t)(first + r) * a.width;
            four[r] = *(const rp_four *)(from + k);
        }
#pragma unroll
        for (int r = 0; r < R; r++)
            *(rp_four *)(x + r * K + k) = four[r];
    }
}

template <int R, bool THERE>
RP_KERNEL_OF(THREADS) active_kernel(rp_cuda_few_heads a)
{
    const uint32_t H = a.states.hidden, E = a.width;
    const uint32_t first = rp_block_y() * R;
    const uint32_t column = rp_block() * SLICE + rp_thread();
    const uint32_t floats = HEAD_STAGES * HEAD_TILE;
    float *ring = rp_shared<float>(0, floats);
    float *x = rp_shared<float>(floats * 4, R * H);
    float sum[R];

    begin_slice(a.head.hidden, H, ring);
    const rp_cuda_few_call &call =
        call_of<THERE>(a, (floats + R * H) * 4);
#pragma unroll
    for (int r = 0; r < R; r++) {
        sum[r] = 0.0f;
        if (rp_thread() < SLICE && first + r < call.rows)
            sum[r] = few_sum(a.head.bias[column], a.head.cond, E, column,
                             call, first + r);
    }
    rp_await_before();
    load_rows<R>(a, call, first, H, true, x);
    slice_chain<R>(a.head.hidden, H, ring, x, sum);
#pragma unroll
    for (int r = 0; r < R; r++)
        if (rp_thread() < SLICE && first + r < call.rows)
            a.active[(size_t)(first + r) * E + column] =
                0.0f > sum[r] ? 0.0f : sum[r];
}

template <int R, bool THERE>
RP_KERNEL_OF(THREADS) out_kernel(rp_cuda_few_heads a)
{
    const uint32_t E = a.width, first = rp_block_y() * R;
    const uint32_t column = rp_block() * SLICE + rp_thread();
    const uint32_t floats = HEAD_STAGES * HEAD_TILE;
    float *ring = rp_shared<float>(0, floats);
    float *x = rp_shared<float>(floats * 4, R * E);
    float sum[R];

    begin_slice(a.head.out, E, ring);
    const rp_cuda_few_call &call =
        call_of<THERE>(a, (floats + R * E) * 4);
#pragma unroll
    for (int r = 0; r < R; r++)
        sum[r] = rp_thread() < SLICE ? a.head.out_bias[column] : 0.0f;
    rp_await_before();
    load_rows<R>(a, call, first, E, false, x);
    slice_chain<R>(a.head.out, E, ring, x, sum);
#pragma unroll
    for (int r = 0; r < R; r++)
        if (rp_thread() < SLICE && first + r < call.rows)
            say(&a.said[(size_t)(first + r) * RP_CUDA_LOGITS + column],
                call.number, sum[r]);
}

RP_KERNEL state_kernel(rp_cuda_few_state a)
{
    rp_admit_next();
    rp_await_before();
    for (uint32_t i = rp_thread(); i < a.count; i += THREADS)
        say(&a.said[i], a.number, a.state[i]);
}

/* ---- launches ---- */

constexpr int SOME = 4; /* rows of a block, if there are more than one */

static uint32_t layer_bytes(uint32_t H, uint32_t parts, uint32_t R)
{
    return (LAYER_STAGES * parts * LAYER_TILE + parts * R * H +
            2 * R * COLUMNS + CALL_WORDS) *
           4;
}

static uint32_t slice_bytes(uint32_t K, uint32_t R)
{
    return (HEAD_STAGES * HEAD_TILE + R * K + CALL_WORDS) * 4;
}

template <class A>
static cudaError_t launch(void (*kernel)(A), uint32_t x, uint32_t y,
                          uint32_t bytes, const A &a, cudaStream_t stream)
{
    rp_grid grid = {};

    grid.x = x;
    grid.y = y;
    grid.threads = THREADS;
    grid.shared = bytes;
    grid.early = a.early;
    return rp_launch(kernel, grid, stream, a);
}

template <int R, bool THERE>
static cudaError_t enqueue_step(const rp_cuda_few_step &a, uint32_t rows,
                                cudaStream_t stream)
{
    const uint32_t H = a.states.hidden;

    return launch(layer_kernel<R, THERE>, H / UNITS, (rows + R - 1) / R,
                  layer_bytes(H, a.number ? 2 : 1, R), a, stream);
}

template <int R, bool THERE>
static cudaError_t enqueue_heads(const rp_cuda_few_heads &a, uint32_t rows,
                                 cudaStream_t stream)
{
    const uint32_t y = (rows + R - 1) / R;
    const uint32_t slices = (a.head.classes + SLICE - 1) / SLICE;
    cudaError_t error =
        launch(active_kernel<R, THERE>, a.width / SLICE, y,
               slice_bytes(a.states.hidden, R), a, stream);

    return error ? error
                 : launch(out_kernel<R, THERE>, slices, y,
                          slice_bytes(a.width, R), a, stream);
}

template <int R, bool THERE> static bool allow(uint32_t hidden)
{
    return !rp_allow(layer_kernel<R, THERE>, layer_bytes(hidden, 2, R),
                     false) &&
           !rp_allow(active_kernel<R, THERE>, slice_bytes(hidden, R), false) &&
           !rp_allow(out_kernel<R, THERE>, slice_bytes(hidden, R), false);
}

bool rp_cuda_few_fits(uint32_t hidden, uint32_t head)
{
    const uint32_t width = hidden > head ? hidden : head;
    /* The same for all instances: what one was promised stays. */
    static const uint32_t sizes[] = {2048, 1024, 512};

    for (uint32_t size : sizes)
        if (allow<1, false>(size) && allow<1, true>(size) &&
            allow<SOME, false>(size) && allow<SOME, true>(size))
            return width <= size;
    return false;
}

cudaError_t rp_cuda_few_step_enqueue(const struct rp_cuda_few_step *step,
                                     uint32_t rows, cudaStream_t stream)
{
    if (step->at)
        return rows == 1 ? enqueue_step<1, true>(*step, rows, stream)
                         : enqueue_step<SOME, true>(*step, rows, stream);
    return rows == 1 ? enqueue_step<1, false>(*step, rows, stream)
                     : enqueue_step<SOME, false>(*step, rows, stream);
}

cudaError_t rp_cuda_few_heads_enqueue(const struct rp_cuda_few_heads *heads,
                                      uint32_t rows, cudaStream_t stream)
{
    if (heads->at)
        return rows == 1 ? enqueue_heads<1, true>(*heads, rows, stream)
                         : enqueue_heads<SOME, true>(*heads, rows, stream);
    return rows == 1 ? enqueue_heads<1, false>(*heads, rows, stream)
                     : enqueue_heads<SOME, false>(*heads, rows, stream);
}

cudaError_t rp_cuda_few_state_enqueue(const struct rp_cuda_few_state *state,
                                      cudaStream_t stream)
{
    return launch(state_kernel, 1, 1, 0, *state, stream);
}
