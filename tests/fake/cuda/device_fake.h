/* In place of CUDA C++ (cuda/device.cuh): every thread of a block is a fiber
 * of fake_cuda.c, and a kernel is run when its stream is waited for. Every
 * access to shared memory that a view makes is checked against its bounds. */
#ifndef RP_DEVICE_FAKE_H
#define RP_DEVICE_FAKE_H

#include <string.h>

#include "fake_cuda.h"

#define RP_KERNEL static void
#define RP_KERNEL_OF(threads) static void
#define RP_DEVICE static inline
#define RP_CLUSTERS 1

RP_DEVICE uint32_t rp_thread() { return fake_cuda_self->thread; }
RP_DEVICE uint32_t rp_threads() { return fake_cuda_self->threads; }
RP_DEVICE uint32_t rp_block() { return fake_cuda_self->x; }
RP_DEVICE uint32_t rp_block_y() { return fake_cuda_self->y; }
RP_DEVICE uint32_t rp_blocks() { return fake_cuda_self->blocks; }
RP_DEVICE void rp_sync() { fake_cuda_sync(FAKE_BLOCK); }
RP_DEVICE void rp_sync_warp() { fake_cuda_sync(FAKE_WARP); }
RP_DEVICE void rp_await_before() { fake_cuda_await(); }
RP_DEVICE void rp_admit_next() {}

struct alignas(16) rp_four {
    float at[4];
};

template <class T> T *rp_shared(uint32_t offset, uint32_t count)
{
    return static_cast<T *>(fake_cuda_shared(offset, count * sizeof(T)));
}

template <class T> T rp_shuffle_xor(T value, uint32_t bits)
{
    T out;
    fake_cuda_shuffle(&value, &out, sizeof value, bits);
    return out;
}
template <class T> T rp_shuffle(T value, uint32_t lane)
{
    T all[32];
    fake_cuda_gather(&value, all, sizeof value);
    return all[lane % 32];
}
template <class T> T rp_shuffle_up(T value, uint32_t by)
{
    uint32_t lane = fake_cuda_self->thread % 32;
    T all[32];
    fake_cuda_gather(&value, all, sizeof value);
    return lane < by ? value : all[lane - by];
}
RP_DEVICE uint32_t rp_ballot(bool yes)
{
    bool all[32];
    uint32_t bits = 0;
    fake_cuda_gather(&yes, all, sizeof yes);
    for (uint32_t i = 0; i < 32; i++)
        bits |= (uint32_t)all[i] << i;
    return bits;
}
RP_DEVICE uint32_t rp_warp_or(uint32_t bits)
{
    uint32_t all[32];
    fake_cuda_gather(&bits, all, sizeof bits);
    for (uint32_t i = 0; i < 32; i++)
        bits |= all[i];
    return bits;
}
RP_DEVICE uint32_t rp_warp_max(uint32_t number)
{
    uint32_t all[32];
    fake_cuda_gather(&number, all, sizeof number);
    for (uint32_t i = 0; i < 32; i++)
        number = all[i] > number ? all[i] : number;
    return number;
}

/* Arrives as late as it may: at the wait for its group. */
RP_DEVICE void rp_copy16(void *to, const void *from)
{
    fake_cuda_copy(to, from, 16);
}
RP_DEVICE void rp_copy_group() { fake_cuda_copy_group(); }
template <int n> void rp_copied() { fake_cuda_copied(n); }

RP_DEVICE uint32_t rp_atomic_add(uint32_t *at, uint32_t more)
{
    uint32_t before = *at;
    *at += more;
    return before;
}
RP_DEVICE void rp_store_release_system(uint32_t *at, uint32_t value)
{
    *at = value;
}
RP_DEVICE void rp_store_whole(uint64_t *at, uint64_t value) { *at = value; }

RP_DEVICE void rp_cluster_sync() { fake_cuda_sync(FAKE_CLUSTER); }
template <class T> T *rp_cluster_at(T *mine, uint32_t rank)
{
    return static_cast<T *>(fake_cuda_remote(mine, rank));
}

RP_DEVICE void rp_barrier_init(uint64_t *barrier, uint32_t count)
{
    fake_cuda_barrier_init(barrier, count);
}
RP_DEVICE void rp_barrier_expect(uint64_t *mine, uint32_t bytes)
{
    fake_cuda_barrier_expect(mine, bytes);
}
/* Arrives when it likes to. */
RP_DEVICE void rp_send(float *mine, uint32_t rank, float value,
                       uint64_t *barrier)
{
    fake_cuda_send(rp_cluster_at(mine, rank), value,
                   rp_cluster_at(barrier, rank));
}
RP_DEVICE void rp_barrier_wait(uint64_t *barrier, uint32_t parity)
{
    while (fake_cuda_barrier_parity(barrier) == parity)
        fake_cuda_yield();
}

RP_DEVICE void rp_word_store(uint64_t *at, uint64_t word) { *at = word; }
RP_DEVICE void rp_word_load2(const uint64_t *at, uint64_t word[2])
{
    if ((uintptr_t)at % 16)
        fake_cuda_wrong("two words that are not aligned");
    fake_cuda_yield();
    word[0] = at[0];
    word[1] = at[1];
}

typedef uint16_t rp_cell;
RP_DEVICE rp_cell rp_cell_from(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (rp_cell)((bits + 0x7fffu + (bits >> 16 & 1)) >> 16);
}
RP_DEVICE float rp_cell_wide(rp_cell x)
{
    uint32_t bits = (uint32_t)x << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}
RP_DEVICE uint32_t rp_pair(float low, float high)
{
    return (uint32_t)rp_cell_from(low) | (uint32_t)rp_cell_from(high) << 16;
}
RP_DEVICE float rp_pair_of(const uint32_t *pairs, uint32_t i)
{
    return rp_cell_wide((rp_cell)(pairs[i / 2] >> i % 2 * 16));
}
RP_DEVICE void rp_mma(float sum[4], const uint32_t a[4], const uint32_t b[2])
{
    struct fragment {
        uint32_t a[4], b[2];
    } mine, all[32];
    uint32_t lane = rp_thread() % 32;

    memcpy(mine.a, a, sizeof mine.a);
    memcpy(mine.b, b, sizeof mine.b);
    fake_cuda_gather(&mine, all, sizeof mine);
    for (uint32_t i = 0; i < 4; i++)
        for (uint32_t k = 0; k < 16; k++) {
            uint32_t row = i / 2, column = lane % 4 * 2 + i % 2;
            const fragment *from = &all[lane / 4 * 4 + k % 8 / 2];
            const fragment *by = &all[column * 4 + k % 8 / 2];
            sum[i] += rp_pair_of(&from->a[k / 8 * 2 + row], k % 2) *
                      rp_pair_of(&by->b[k / 8], k % 2);
        }
}
/* A lane has half a row of the 16 x 16. */
struct rp_sums {
    float f[8];
};
RP_DEVICE void rp_sums_clear(rp_sums *sums) { memset(sums, 0, sizeof *sums); }
struct rp_left {
    const rp_cell *at;
    uint32_t ld;
};
struct rp_right {
    const rp_cell *at;
    uint32_t ld;
};
RP_DEVICE void rp_left_load(rp_left *a, const rp_cell *at, uint32_t ld)
{
    a->at = at;
    a->ld = ld;
}
RP_DEVICE void rp_right_load(rp_right *b, const rp_cell *at, uint32_t ld)
{
    b->at = at;
    b->ld = ld;
}
RP_DEVICE void rp_sums_add(rp_sums *sums, const rp_left *a, const rp_right *b)
{
    uint32_t row = rp_thread() % 32 / 2, first = rp_thread() % 2 * 8;

    rp_sync_warp();
    for (uint32_t j = 0; j < 8; j++)
        for (uint32_t k = 0; k < 16; k++)
            sums->f[j] += rp_cell_wide(a->at[row * a->ld + k]) *
                          rp_cell_wide(b->at[(first + j) * b->ld + k]);
    rp_sync_warp();
}
RP_DEVICE void rp_sums_store(const rp_sums *sums, float *c, uint32_t ldc)
{
    uint32_t row = rp_thread() % 32 / 2, first = rp_thread() % 2 * 8;

    for (uint32_t j = 0; j < 8; j++)
        c[row * ldc + first + j] = sums->f[j];
    rp_sync_warp();
}

template <class A> void fake_cuda_call(void *kernel, const void *a)
{
    reinterpret_cast<void (*)(A)>(kernel)(*static_cast<const A *>(a));
}

template <class A>
cudaError_t rp_launch(void (*kernel)(A), const rp_grid &grid,
                      cudaStream_t stream, const A &a)
{
    struct fake_launch launch = {};

    launch.call = fake_cuda_call<A>;
    launch.kernel = reinterpret_cast<void *>(kernel);
    launch.x = grid.x;
    launch.y = grid.y ? grid.y : 1;
    launch.threads = grid.threads;
    launch.shared = grid.shared;
    launch.cluster = grid.cluster;
    launch.together = grid.together;
    launch.early = grid.early;
    return fake_cuda_launch(&launch, &a, sizeof a, stream);
}

template <class A>
cudaError_t rp_allow(void (*)(A), uint32_t shared, bool)
{
    return fake_cuda_allow(shared);
}
template <class A> int rp_clusters(void (*)(A), const rp_grid &grid)
{
    return fake_cuda_clusters(grid.cluster);
}
template <class A> int rp_together(void (*)(A), const rp_grid &)
{
    return 1;
}

#endif
