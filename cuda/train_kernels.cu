#include "cuda/train_kernels.h"

#include "cuda/device.cuh"

constexpr uint32_t THREADS = 256, LANES = 32;

RP_DEVICE float load(const void *at, size_t i, bool bf16)
{
#ifdef __CUDACC__
    return bf16 ? __bfloat162float(((const rp_cell *)at)[i])
                : ((const float *)at)[i];
#else
    return bf16 ? rp_cell_wide(((const rp_cell *)at)[i])
                : ((const float *)at)[i];
#endif
}

RP_DEVICE void store(void *at, size_t i, bool bf16, float x)
{
    if (bf16)
        ((rp_cell *)at)[i] = rp_cell_from(x);
    else
        ((float *)at)[i] = x;
}

/* This thread among all of a line of blocks. */
RP_DEVICE size_t rank()
{
    return (size_t)rp_block() * rp_threads() + rp_thread();
}
RP_DEVICE size_t ranks()
{
    return (size_t)rp_blocks() * rp_threads();
}

static rp_grid grid_of(size_t blocks, uint32_t y, uint32_t threads)
{
    rp_grid grid = {};

    grid.x = (uint32_t)(blocks ? blocks : 1);
    grid.y = y;
    grid.threads = threads;
    return grid;
}

/* For loops over `count` elements: a few for each thread. */
static rp_grid grid_over(size_t count, uint32_t y = 1)
{
    const size_t few = 32, most = y > 1 ? 64 : 4096;
    size_t blocks = (count + few * THREADS - 1) / (few * THREADS);

    return grid_of(blocks < most ? blocks : most, y, THREADS);
}

/* Threads for a row of so many. */
static uint32_t line_of(uint32_t width)
{
    return width < 128 ? (width + LANES - 1) / LANES * LANES : 128;
}

RP_KERNEL spread_kernel(rp_cuda_spread a)
{
    const uint32_t row = rp_block();
    const rp_cuda_span span =
        a.target ? a.target[row].condition : a.span[row];

    for (uint32_t i = rp_thread(); i < a.width; i += rp_threads())
        store(a.to, (size_t)row * a.width + i, a.bf16, 0);
    rp_sync();
    for (uint32_t i = span.begin + rp_thread(); i < span.end;
         i += rp_threads())
        store(a.to, (size_t)row * a.width + a.at[i], a.bf16, 1);
}

RP_KERNEL convert_kernel(rp_cuda_convert a)
{
    for (size_t i = rank(); i < a.count; i += ranks()) {
        float x = load(a.from, i, a.from_bf16);
        store(a.to, i, a.to_bf16, a.by ? x * a.by[i % a.period] : x);
    }
}

RP_KERNEL gather_kernel(rp_cuda_drawn a)
{
    const uint32_t p = rp_block(), row = a.target[p].row;

    for (uint32_t j = rp_thread(); j < a.H; j += rp_threads()) {
        float x = 0;
        if (row != RP_CUDA_NO_ROW)
            x = load(a.top, (size_t)row * a.H + j, a.bf16);
        if (row != RP_CUDA_NO_ROW && a.keep)
            x *= a.keep[(size_t)(row % a.B) * a.H + j];
        store(a.drawn, (size_t)p * a.H + j, a.bf16, x);
    }
}

/* A row is drawn once, so nobody else adds to it. */
RP_KERNEL scatter_kernel(rp_cuda_drawn a)
{
    const uint32_t p = rp_block(), row = a.target[p].row;
    float *top = (float *)a.top;
    const float *drawn = (const float *)a.drawn;

    if (row == RP_CUDA_NO_ROW)
        return;
    for (uint32_t j = rp_thread(); j < a.H; j += rp_threads()) {
        float x = drawn[(size_t)p * a.H + j];
        if (a.keep)
            x *= a.keep[(size_t)(row % a.B) * a.H + j];
        top[(size_t)row * a.H + j] += x;
    }
}

RP_KERNEL relu_kernel(rp_cuda_relu a)
{
    const size_t count = (size_t)a.P * a.E;

    for (size_t i = rank(); i < count; i += ranks()) {
        float x = a.x[i] + a.bias[i % a.E];
        store(a.out, i, a.bf16, x > 0 ? x : 0);
    }
}

RP_KERNEL relu_back_kernel(rp_cuda_relu a)
{
    const size_t count = (size_t)a.P * a.E;

    for (size_t i = rank(); i < count; i += ranks()) {
        float x = load(a.y, i, a.bf16) > 0 ? a.x[i] : 0;
        a.x[i] = x;
        store(a.out, i, a.bf16, x);
    }
}

RP_DEVICE bool is_open(const rp_cuda_target &target, uint32_t i)
{
    return (i < 64 ? target.mask[0] : target.mask[1]) >> (i % 64) & 1;
}

/* Over the lanes of a warp; all get the same, added in the same order. */
RP_DEVICE float warp_max(float x)
{
    for (uint32_t bits = LANES / 2; bits; bits /= 2) {
        float other = rp_shuffle_xor(x, bits);
        x = other > x ? other : x;
    }
    return x;
}
RP_DEVICE float warp_sum(float x)
{
    for (uint32_t bits = LANES / 2; bits; bits /= 2)
        x += rp_shuffle_xor(x, bits);
    return x;
}

/* Of the classes that the mask leaves: the highest logit, and what the rest
 * adds up to beside it. */
struct rp_softmax {
    float top, sum;
    uint32_t open;
};

RP_DEVICE rp_softmax softmax_of(const rp_cuda_target &target,
                                const float *logits, uint32_t N)
{
    rp_softmax all = {-INFINITY, 0, 0};
    float open = 0;

    for (uint32_t i = rp_thread(); i < N; i += LANES)
        if (is_open(target, i) && logits[i] > all.top)
            all.top = logits[i];
    all.top = warp_max(all.top);
    for (uint32_t i = rp_thread(); i < N; i += LANES)
        if (is_open(target, i)) {
            all.sum += expf(logits[i] - all.top);
            open++;
        }
    all.sum = warp_sum(all.sum);
    all.open = (uint32_t)warp_sum(open);
    return all;
}

/* One thread's share of a row's gradient: `share` of each probability, less
 * what was drawn; smoothing moves some of that to all that is open. */
RP_DEVICE float gradient_of(const rp_cuda_loss &a,
                            const rp_cuda_target &target,
                            const rp_softmax &all, float x, uint32_t i)
{
    const float drawn = 1 + (float)target.escapes;
    const float keep = target.weight * (1 - a.smoothing);
    float d = 0;

    if (is_open(target, i))
        d = target.weight * drawn *
            (expf(x - all.top) / all.sum - a.smoothing / (float)all.open);
    if (i == target.class_)
        d -= keep;
    if (i == a.escape && target.escapes)
        d -= keep * (float)target.escapes;
    return d;
}

/* A warp for each target. */
RP_KERNEL loss_kernel(rp_cuda_loss a)
{
    const uint32_t p = rp_block();
    const rp_cuda_target target = a.target[p];
    const bool real = target.row != RP_CUDA_NO_ROW;
    float *logits = a.logits + (size_t)p * a.N;
    const float drawn = 1 + (float)target.escapes;

    for (uint32_t i = rp_thread(); i < a.N; i += LANES)
        logits[i] += a.bias[i];
    rp_sync_warp();
    const rp_softmax all = softmax_of(target, logits, a.N);
    if (rp_thread() == 0) {
        float came = real ? logits[target.class_] : 0;
        double loss = drawn * (logf(all.sum) + all.top) - came;
        uint32_t hits = real && came >= all.top;
        if (target.escapes) {
            loss -= target.escapes * logits[a.escape];
            hits += logits[a.escape] >= all.top ? target.escapes : 0;
        }
        a.loss[p] = real ? loss * target.weight : 0;
        a.hits[p] = hits;
    }
    rp_sync_warp();
    if (!a.backward)
        return;
    for (uint32_t i = rp_thread(); i < a.N; i += LANES) {
        float d = real ? gradient_of(a, target, all, logits[i], i) : 0;
        logits[i] = d;
        store(a.cells, (size_t)p * a.N + i, a.bf16, d);
    }
}

/* The block's numbers, added in a fixed order by halves; thread 0's is the
 * sum. THREADS is a power of two. */
template <class X> RP_DEVICE X block_sum(X mine)
{
    X *all = rp_shared<X>(0, THREADS);

    all[rp_thread()] = mine;
    rp_sync();
    for (uint32_t n = THREADS / 2; n; n /= 2) {
        if (rp_thread() < n)
            all[rp_thread()] += all[rp_thread() + n];
        rp_sync();
    }
    X sum = all[0];
    rp_sync();
    return sum;
}

RP_KERNEL tally_kernel(rp_cuda_tally a)
{
    double loss = 0;
    uint64_t hits = 0;

    for (uint32_t p = rp_thread(); p < a.P; p += THREADS) {
        loss += a.loss[p];
        hits += a.hits[p];
    }
    loss = block_sum(loss);
    hits = block_sum(hits);
    if (rp_thread() == 0) {
        *a.loss_sum = loss;
        *a.hits_sum = hits;
    }
}

RP_KERNEL columns_kernel(rp_cuda_columns a)
{
    const uint32_t column = rp_block() * THREADS + rp_thread();
    const uint32_t first = rp_block_y() * RP_CUDA_CHUNK;
    const uint32_t left = a.rows - first;
    const uint32_t end = first + (left < RP_CUDA_CHUNK ? left : RP_CUDA_CHUNK);
    float sum = 0;

    if (column >= a.columns)
        return;
    for (uint32_t row = first; row < end; row++)
        sum += a.x[(size_t)row * a.columns + column];
    a.partial[(size_t)rp_block_y() * a.columns + column] = sum;
}

RP_KERNEL columns_end_kernel(rp_cuda_columns a)
{
    const uint32_t column = rp_block() * THREADS + rp_thread();
    const uint32_t chunks = (a.rows + RP_CUDA_CHUNK - 1) / RP_CUDA_CHUNK;
    float sum = 0;

    if (column >= a.columns)
        return;
    for (uint32_t i = 0; i < chunks; i++)
        sum += a.partial[(size_t)i * a.columns + column];
    a.out[column] = sum;
}

RP_DEVICE float kept(const rp_train_drop &drop, uint32_t i)
{
    return rp_train_drop_keeps(&drop, rp_train_drop_bits(&drop, i / 4), i);
}

RP_KERNEL keep_kernel(rp_cuda_keep a)
{
    const rp_cuda_drop drop = a.drop[rp_block_y()];

    for (size_t i = rank(); i < drop.count; i += ranks())
        a.keep[drop.first + i] = kept(drop.drop, (uint32_t)i);
}

RP_KERNEL take_kernel(rp_cuda_carry a)
{
    const size_t count = (size_t)a.layers * a.B * a.H;

    for (size_t i = rank(); i < count; i += ranks()) {
        const bool carried = a.link[i / a.H % a.B].carried;
        store(a.to, i, a.bf16, carried ? ((const float *)a.from)[i] : 0);
    }
}

RP_KERNEL leave_kernel(rp_cuda_carry a)
{
    const size_t count = (size_t)a.B * a.H;

    for (size_t i = rank(); i < count; i += ranks())
        ((float *)a.to)[i] =
            load(a.from, a.link[i / a.H].end * count + i, a.bf16);
}

/* What a weight of a piece is multiplied by. */
struct rp_share {
    rp_train_drop drop;
    uint32_t first;
    bool drops;
};
RP_DEVICE rp_share share_of(const rp_cuda_pack &a, const rp_cuda_piece &piece)
{
    rp_share share = {};

    share.drops = a.drop && piece.drop;
    share.first = piece.first;
    if (share.drops)
        share.drop = a.drop[piece.drop - 1];
    return share;
}
RP_DEVICE float share_at(const rp_share &share, float x, size_t i)
{
    return share.drops ? x * kept(share.drop, share.first + (uint32_t)i) : x;
}

RP_KERNEL pack_kernel(rp_cuda_pack a)
{
    const rp_cuda_piece piece = a.piece[rp_block_y()];
    const rp_share share = share_of(a, piece);

    for (size_t i = rank(); i < piece.count; i += ranks())
        store(a.space, piece.cell + i, a.bf16,
              share_at(share, a.params[piece.param + i], i));
}

/* Weights that dropout had set to 0 learn nothing. */
RP_KERNEL unpack_kernel(rp_cuda_pack a)
{
    const rp_cuda_piece piece = a.piece[rp_block_y()];
    const rp_share share = share_of(a, piece);

    for (size_t i = rank(); i < piece.count; i += ranks())
        a.params[piece.param + i] =
            share_at(share, load(a.space, piece.cell + i, a.bf16), i);
}

RP_KERNEL settle_kernel(rp_cuda_settle a)
{
    const rp_cuda_stretch stretch = a.stretch[rp_block_y()];
    float *g = a.gradient + stretch.at;
    const float mean = a.pace->mean;
    const uint32_t partial = rp_block_y() * a.blocks + rp_block();
    double sum = 0;

    if ((size_t)rp_block() * rp_threads() >= stretch.count) {
        if (rp_thread() == 0) /* nothing is left for this block */
            a.partial[partial] = 0;
        return;
    }
    for (size_t i = rank(); i < stretch.count; i += ranks()) {
        float x = stretch.frozen ? 0 : g[i] * mean;
        g[i] = x;
        sum += (double)x * (double)x;
    }
    sum = block_sum(sum);
    if (rp_thread() == 0)
        a.partial[partial] = sum;
}

RP_KERNEL norm_kernel(rp_cuda_settle a)
{
    const uint32_t count = a.stretches * a.blocks;
    double sum = 0;

    for (uint32_t i = rp_thread(); i < count; i += THREADS)
        sum += a.partial[i];
    sum = block_sum(sum);
    if (rp_thread() != 0)
        return;
    double norm = sqrt(sum);
    const double clip = (double)a.pace->clip;
    bool cut = clip > 0 && norm > clip;
    a.norms->norm = norm;
    a.norms->scale = cut ? (float)(clip / norm) : 1;
    a.norms->sound = norm <= 1.7e308;
    *a.norm_out = norm;
}

/* One weight by the formula of `optimizer`, which is the same for all. */
RP_DEVICE void optimize(uint32_t optimizer, const rp_optimizer_rates *rates,
                        float d, float *p, float *first, float *second)
{
    switch (optimizer) {
    case RP_ADAMW:
        return rp_adamw(rates, d, p, first, second);
    case RP_SGD:
        return rp_sgd(rates, d, p, first);
    case RP_RMSPROP:
        return rp_rmsprop(rates, d, p, first, second);
    case RP_ADAGRAD:
        return rp_adagrad(rates, d, p, first);
    case RP_ADADELTA:
        return rp_adadelta(rates, d, p, first, second);
    case RP_ADAMAX:
        return rp_adamax(rates, d, p, first, second);
    case RP_NADAM:
        return rp_nadam(rates, d, p, first, second);
    }
}

RP_KERNEL update_kernel(rp_cuda_update a)
{
    const rp_cuda_stretch stretch = a.stretch[rp_block_y()];
    const rp_cuda_pace pace = *a.pace;
    const float scale = a.norms->scale;

    if (!a.norms->sound)
        return;
    for (size_t i = rank(); i < stretch.count; i += ranks()) {
        const size_t at = stretch.at + i;
        float p = a.params[at], first, second = 0;
        if (!stretch.frozen) {
            if (stretch.decays)
                p -= pace.decay * p;
            first = a.slots[0][at];
            if (a.slots[1])
                second = a.slots[1][at];
            optimize(a.optimizer, &pace.rates, a.gradient[at] * scale, &p,
                     &first, &second);
            a.slots[0][at] = first;
            if (a.slots[1])
                a.slots[1][at] = second;
            a.params[at] = p;
        }
        if (a.average)
            a.average[at] = pace.share * a.average[at] + (1 - pace.share) * p;
    }
}

cudaError_t rp_cuda_spread_enqueue(const struct rp_cuda_spread *a,
                                   cudaStream_t stream)
{
    return rp_launch(spread_kernel, grid_of(a->rows, 1, 128), stream, *a);
}

cudaError_t rp_cuda_convert_enqueue(const struct rp_cuda_convert *a,
                                    cudaStream_t stream)
{
    return rp_launch(convert_kernel, grid_over(a->count), stream, *a);
}

cudaError_t rp_cuda_gather_enqueue(const struct rp_cuda_drawn *a,
                                   cudaStream_t stream)
{
    return rp_launch(gather_kernel, grid_of(a->P, 1, line_of(a->H)), stream,
                     *a);
}

cudaError_t rp_cuda_scatter_enqueue(const struct rp_cuda_drawn *a,
                                    cudaStream_t stream)
{
    return rp_launch(scatter_kernel, grid_of(a->P, 1, line_of(a->H)), stream,
                     *a);
}

cudaError_t rp_cuda_relu_enqueue(const struct rp_cuda_relu *a,
                                 cudaStream_t stream)
{
    return rp_launch(relu_kernel, grid_over((size_t)a->P * a->E), stream, *a);
}

cudaError_t rp_cuda_relu_back_enqueue(const struct rp_cuda_relu *a,
                                      cudaStream_t stream)
{
    return rp_launch(relu_back_kernel, grid_over((size_t)a->P * a->E), stream,
                     *a);
}

cudaError_t rp_cuda_loss_enqueue(const struct rp_cuda_loss *a,
                                 cudaStream_t stream)
{
    return rp_launch(loss_kernel, grid_of(a->P, 1, LANES), stream, *a);
}

static rp_grid grid_sums(size_t blocks, uint32_t y)
{
    rp_grid grid = grid_of(blocks, y, THREADS);

    grid.shared = THREADS * sizeof(double);
    return grid;
}

cudaError_t rp_cuda_tally_enqueue(const struct rp_cuda_tally *a,
                                  cudaStream_t stream)
{
    return rp_launch(tally_kernel, grid_sums(1, 1), stream, *a);
}

cudaError_t rp_cuda_columns_enqueue(const struct rp_cuda_columns *a,
                                    cudaStream_t stream)
{
    const uint32_t blocks = (a->columns + THREADS - 1) / THREADS;
    const uint32_t chunks = (a->rows + RP_CUDA_CHUNK - 1) / RP_CUDA_CHUNK;
    cudaError_t error = rp_launch(columns_kernel,
                                  grid_of(blocks, chunks, THREADS), stream,
                                  *a);

    return error ? error
                 : rp_launch(columns_end_kernel, grid_of(blocks, 1, THREADS),
                             stream, *a);
}

cudaError_t rp_cuda_keep_enqueue(const struct rp_cuda_keep *a,
                                 cudaStream_t stream)
{
    return rp_launch(keep_kernel, grid_over(a->most, a->drops), stream, *a);
}

cudaError_t rp_cuda_take_enqueue(const struct rp_cuda_carry *a,
                                 cudaStream_t stream)
{
    return rp_launch(take_kernel, grid_over((size_t)a->layers * a->B * a->H),
                     stream, *a);
}

cudaError_t rp_cuda_leave_enqueue(const struct rp_cuda_carry *a,
                                  cudaStream_t stream)
{
    return rp_launch(leave_kernel, grid_over((size_t)a->B * a->H), stream, *a);
}

cudaError_t rp_cuda_pack_enqueue(const struct rp_cuda_pack *a,
                                 cudaStream_t stream)
{
    return rp_launch(pack_kernel, grid_over(a->most, a->pieces), stream,
                     *a);
}

cudaError_t rp_cuda_unpack_enqueue(const struct rp_cuda_pack *a,
                                   cudaStream_t stream)
{
    return rp_launch(unpack_kernel, grid_over(a->most, a->pieces), stream,
                     *a);
}

cudaError_t rp_cuda_settle_enqueue(const struct rp_cuda_settle *a,
                                   cudaStream_t stream)
{
    const size_t some = 32 * THREADS, blocks = (a->most + some - 1) / some;
    const size_t most = RP_CUDA_NORM_BLOCKS;
    struct rp_cuda_settle b = *a;
    cudaError_t error;

    b.blocks = (uint32_t)(blocks < most ? blocks : most);
    error = rp_launch(settle_kernel, grid_sums(b.blocks, b.stretches), stream,
                      b);
    return error ? error
                 : rp_launch(norm_kernel, grid_sums(1, 1), stream, b);
}

cudaError_t rp_cuda_update_enqueue(const struct rp_cuda_update *a,
                                   cudaStream_t stream)
{
    return rp_launch(update_kernel, grid_over(a->most, a->stretches), stream,
                     *a);
}
