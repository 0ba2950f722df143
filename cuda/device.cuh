/* What device code is written against: threads, blocks, clusters, shared
 * memory and launches. With nvcc it is CUDA; with a C++ compiler
 * tests/fake/cuda/device.h takes its place, so the same kernels run and are
 * checked where there is no GPU. Nothing else of CUDA C++ is used in kernels.
 *
 * A kernel is a function RP_KERNEL name(ARGUMENTS a) of one plain struct. */
#ifndef RP_CUDA_DEVICE_CUH
#define RP_CUDA_DEVICE_CUH

#include <cuda_runtime_api.h>
#include <math.h>
#include <stdint.h>

/* Of a launch: blocks (x, y), threads of each, bytes of shared memory, and
 * blocks of a cluster (0: none) or the whole grid at once (cooperative).
 * early: it may begin while the launch before it in its stream still runs, so
 * each of its threads calls rp_await_before(), after which all that went
 * before is done, and touches nothing until then but what is constant. From
 * compute capability 9.0 on. */
struct rp_grid {
    uint32_t x, y, threads, shared;
    uint32_t cluster;
    bool together, early;
};

#ifndef __CUDACC__

#include "device_fake.h" /* tests/fake/cuda */

#else

#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_pipeline.h>
#include <mma.h>

#define RP_KERNEL static __global__ void
/* Of blocks of so many threads, one to a multiprocessor: registers are spent on
 * what is loaded long before it is needed. */
#define RP_KERNEL_OF(threads)                                                 \
    static __global__ void __launch_bounds__(threads, 1)
#define RP_DEVICE static __device__ __forceinline__

RP_DEVICE uint32_t rp_thread() { return threadIdx.x; }
RP_DEVICE uint32_t rp_threads() { return blockDim.x; }
RP_DEVICE uint32_t rp_block() { return blockIdx.x; }
RP_DEVICE uint32_t rp_block_y() { return blockIdx.y; }
RP_DEVICE uint32_t rp_blocks() { return gridDim.x; }
RP_DEVICE void rp_sync() { __syncthreads(); }
RP_DEVICE void rp_sync_warp() { __syncwarp(); }
RP_DEVICE void rp_await_before()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/* The launch after this one may begin, if it is an early one. */
RP_DEVICE void rp_admit_next()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;");
#endif
}

/* Read from shared memory at once. */
struct alignas(16) rp_four {
    float at[4];
};

/* `count` elements that begin at byte `offset` of the block's shared memory.
 * Tensor cores want 32 bytes of alignment. */
template <class T> RP_DEVICE T *rp_shared(uint32_t offset, uint32_t count)
{
    extern __shared__ __align__(32) unsigned char rp_shared_bytes[];
    return reinterpret_cast<T *>(rp_shared_bytes + offset);
}

/* A value of the lane whose number differs by `bits`; all 32 take part. */
template <class T> RP_DEVICE T rp_shuffle_xor(T value, uint32_t bits)
{
    return __shfl_xor_sync(0xffffffffu, value, (int)bits);
}
/* Of lane `lane`; of the lane `by` below, its own where there is none. */
template <class T> RP_DEVICE T rp_shuffle(T value, uint32_t lane)
{
    return __shfl_sync(0xffffffffu, value, (int)lane);
}
template <class T> RP_DEVICE T rp_shuffle_up(T value, uint32_t by)
{
    return __shfl_up_sync(0xffffffffu, value, by);
}
/* Bit i: what lane i says. */
RP_DEVICE uint32_t rp_ballot(bool yes)
{
    return __ballot_sync(0xffffffffu, yes);
}
RP_DEVICE uint32_t rp_warp_or(uint32_t bits)
{
    return __reduce_or_sync(0xffffffffu, bits);
}
RP_DEVICE uint32_t rp_warp_max(uint32_t number)
{
    return __reduce_max_sync(0xffffffffu, number);
}

/* 16 bytes from global to shared memory, there after rp_copied(n): all but
 * the newest n groups; a group ends with rp_copy_group(). */
RP_DEVICE void rp_copy16(void *to, const void *from)
{
    __pipeline_memcpy_async(to, from, 16);
}
RP_DEVICE void rp_copy_group() { __pipeline_commit(); }
template <int n> RP_DEVICE void rp_copied() { __pipeline_wait_prior(n); }

RP_DEVICE uint32_t rp_atomic_add(uint32_t *at, uint32_t more)
{
    return atomicAdd(at, more);
}

/* To the host: what was written before is there, too. */
RP_DEVICE void rp_store_release_system(uint32_t *at, uint32_t value)
{
    __threadfence_system();
    *(volatile uint32_t *)at = value;
}
/* Eight bytes that arrive at once. */
RP_DEVICE void rp_store_whole(uint64_t *at, uint64_t value)
{
    *(volatile uint64_t *)at = value;
}
/* Blocks of a cluster (one, before compute capability 9.0). */
RP_DEVICE void rp_cluster_sync()
{
#if __CUDA_ARCH__ >= 900
    cooperative_groups::this_cluster().sync();
#else
    __syncthreads();
#endif
}
/* A barrier in shared memory that counts bytes which blocks of a cluster send:
 * complete, and ready for the next round, when as many have come as one thread
 * of its block said it expects. Who waited sees them. parity: of the rounds
 * before. A send for the next round may not come before this one is complete;
 * bytes that come before they are expected are counted. */
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 900
#define RP_CLUSTERS 0
#else
#define RP_CLUSTERS 1
RP_DEVICE uint32_t rp_shared_address(const void *at)
{
    return (uint32_t)__cvta_generic_to_shared(at);
}
RP_DEVICE void rp_barrier_init(uint64_t *barrier, uint32_t count)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n"
                 "fence.mbarrier_init.release.cluster;" ::"r"(
                     rp_shared_address(barrier)),
                 "r"(count)
                 : "memory");
}
RP_DEVICE void rp_barrier_expect(uint64_t *mine, uint32_t bytes)
{
    asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, "
                 "[%0], %1;" ::"r"(rp_shared_address(mine)),
                 "r"(bytes)
                 : "memory");
}
/* Into another block's copy of *mine; its copy of the barrier counts it. */
RP_DEVICE void rp_send(float *mine, uint32_t rank, float value,
                       uint64_t *barrier)
{
    asm volatile(
        "{\n.reg .b32 there, counts;\n"
        "mapa.shared::cluster.u32 there, %0, %2;\n"
        "mapa.shared::cluster.u32 counts, %1, %2;\n"
        "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b32 "
        "[there], %3, [counts];\n}" ::"r"(rp_shared_address(mine)),
        "r"(rp_shared_address(barrier)), "r"(rank),
        "r"(__float_as_uint(value))
        : "memory");
}
RP_DEVICE void rp_barrier_wait(uint64_t *barrier, uint32_t parity)
{
    uint32_t done;
    do
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64"
                     " p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}"
                     : "=r"(done)
                     : "r"(rp_shared_address(barrier)), "r"(parity)
                     : "memory");
    while (!done);
}
#endif

/* Words in global memory that blocks tell each other, each by itself: a number
 * and what says that it is the one meant. Never from a cache of one
 * multiprocessor. */
RP_DEVICE void rp_word_store(uint64_t *at, uint64_t word)
{
    asm volatile("st.relaxed.gpu.global.u64 [%0], %1;" ::"l"(at), "l"(word)
                 : "memory");
}
/* Two, from a multiple of 16 bytes on. */
RP_DEVICE void rp_word_load2(const uint64_t *at, uint64_t word[2])
{
    asm volatile("ld.relaxed.gpu.global.v2.u64 {%0, %1}, [%2];"
                 : "=l"(word[0]), "=l"(word[1])
                 : "l"(at)
                 : "memory");
}

/* Two numbers as bf16 in one word, the first in its low half. */
RP_DEVICE uint32_t rp_pair(float low, float high)
{
    uint32_t pair;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
    return pair;
}
/* sum (16, 8) += a (16, 16) b (16, 8) by one warp, pairs of bf16, sums fp32.
 * Of a, lane t has row t / 4, columns t % 4 * 2 and one more (a[0]), 8 rows
 * below (a[1]), 8 columns on (a[2], a[3]); of b, rows t % 4 * 2 and one more
 * of column t / 4 (b[0]), 8 rows below (b[1]); of sum, row t / 4, columns
 * t % 4 * 2 and one more, and 8 rows below. */
RP_DEVICE void rp_mma(float sum[4], const uint32_t a[4], const uint32_t b[2])
{
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/* Tensor cores: acc (16, 16) += a (16, 16) b (16, 16) by one warp, cells of
 * bf16 in shared memory, sums in fp32. a is row-major; b is given by columns,
 * that is as rows of its transpose. */
typedef __nv_bfloat16 rp_cell;
RP_DEVICE rp_cell rp_cell_from(float x) { return __float2bfloat16_rn(x); }
#if __CUDA_ARCH__ >= 800 || !defined(__CUDA_ARCH__)
struct rp_sums {
    nvcuda::wmma::fragment<nvcuda::wmma::accumulator, 16, 16, 16, float> f;
};
RP_DEVICE void rp_sums_clear(rp_sums *sums)
{
    nvcuda::wmma::fill_fragment(sums->f, 0.0f);
}
struct rp_left {
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_a, 16, 16, 16, __nv_bfloat16,
                           nvcuda::wmma::row_major>
        f;
};
struct rp_right {
    nvcuda::wmma::fragment<nvcuda::wmma::matrix_b, 16, 16, 16, __nv_bfloat16,
                           nvcuda::wmma::col_major>
        f;
};
RP_DEVICE void rp_left_load(rp_left *a, const rp_cell *at, uint32_t ld)
{
    nvcuda::wmma::load_matrix_sync(a->f, at, ld);
}
RP_DEVICE void rp_right_load(rp_right *b, const rp_cell *at, uint32_t ld)
{
    nvcuda::wmma::load_matrix_sync(b->f, at, ld);
}
RP_DEVICE void rp_sums_add(rp_sums *sums, const rp_left *a, const rp_right *b)
{
    nvcuda::wmma::mma_sync(sums->f, a->f, b->f, sums->f);
}
RP_DEVICE void rp_sums_store(const rp_sums *sums, float *c, uint32_t ldc)
{
    nvcuda::wmma::store_matrix_sync(c, sums->f, ldc,
                                    nvcuda::wmma::mem_row_major);
}
#endif

template <class A>
cudaError_t rp_launch(void (*kernel)(A), const rp_grid &grid,
                      cudaStream_t stream, const A &a)
{
    cudaLaunchConfig_t config = {};
    cudaLaunchAttribute attribute[2];
    A copy = a;
    void *arguments[] = {&copy};

    config.gridDim = dim3(grid.x, grid.y ? grid.y : 1);
    config.blockDim = dim3(grid.threads);
    config.dynamicSmemBytes = grid.shared;
    config.stream = stream;
    config.attrs = attribute;
    if (grid.cluster) {
        attribute[0].id = cudaLaunchAttributeClusterDimension;
        attribute[0].val.clusterDim.x = grid.cluster;
        attribute[0].val.clusterDim.y = attribute[0].val.clusterDim.z = 1;
        config.numAttrs = 1;
    } else if (grid.together) {
        attribute[0].id = cudaLaunchAttributeCooperative;
        attribute[0].val.cooperative = 1;
        config.numAttrs = 1;
    }
    if (grid.early) {
        cudaLaunchAttribute *early = &attribute[config.numAttrs++];
        early->id = cudaLaunchAttributeProgrammaticStreamSerialization;
        early->val.programmaticStreamSerializationAllowed = 1;
    }
    return cudaLaunchKernelExC(&config, (const void *)kernel, arguments);
}

/* Room for so much shared memory, once per kernel and process; clusters of
 * more than 8 blocks where asked. */
template <class A>
cudaError_t rp_allow(void (*kernel)(A), uint32_t shared, bool wide)
{
    cudaError_t error = cudaFuncSetAttribute(
        (const void *)kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
        (int)shared);
    if (!error && wide)
        error = cudaFuncSetAttribute(
            (const void *)kernel,
            cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    return error;
}

/* How many clusters of this size can be on the device at once. */
template <class A>
int rp_clusters(void (*kernel)(A), const rp_grid &grid)
{
    cudaLaunchConfig_t config = {};
    cudaLaunchAttribute attribute[1];
    int clusters = 0;

    config.gridDim = dim3(grid.x);
    config.blockDim = dim3(grid.threads);
    config.dynamicSmemBytes = grid.shared;
    config.attrs = attribute;
    config.numAttrs = 1;
    attribute[0].id = cudaLaunchAttributeClusterDimension;
    attribute[0].val.clusterDim.x = grid.cluster;
    attribute[0].val.clusterDim.y = attribute[0].val.clusterDim.z = 1;
    if (cudaOccupancyMaxActiveClusters(&clusters, (const void *)kernel,
                                       &config) != cudaSuccess) {
        (void)cudaGetLastError();
        return 0;
    }
    return clusters;
}

/* How many blocks of a grid can be on a multiprocessor at once. */
template <class A>
int rp_together(void (*kernel)(A), const rp_grid &grid)
{
    int blocks = 0;

    if (cudaOccupancyMaxActiveBlocksPerMultiprocessor(
            &blocks, (const void *)kernel, (int)grid.threads, grid.shared)) {
        (void)cudaGetLastError();
        return 0;
    }
    return blocks;
}

#endif
#endif
