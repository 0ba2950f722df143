/* Blocks that follow the same note tell each other the outputs that each has
 * made: everyone has all of `common` (plan.h). In a cluster a number is sent
 * into every block's shared memory, whose barrier counts the bytes; in a grid
 * it is written to global memory, one word with the number of the exchange,
 * and whoever wants it reads until that is there: no fence, no flag, one way
 * there and one back.
 *
 * An exchange is tell() by every block, then await() by all. Who is past
 * exchange r knows that everyone has done what comes before telling in r:
 * so what is read between r and r + 1 may be told anew in r + 2, and whatever
 * is told in two exchanges that follow each other has two places. */
#ifndef RP_CUDA_EXCHANGE_CUH
#define RP_CUDA_EXCHANGE_CUH

#include "cuda/chain.h"
#include "cuda/device.cuh"

namespace rp {
namespace {

/* Of a block; the same in all threads. */
struct exchange {
    uint32_t blocks, rank;
    uint32_t rounds;   /* so far */
    uint32_t tag;      /* of the next */
    uint64_t *barrier; /* of a cluster: two, by rounds in turn, so that what is
                          early for the next does not count for this one */
    uint64_t *words;   /* of a grid */
    float *common;
};

/* A number by a group of 8 lanes that all have it. */
RP_DEVICE void tell(const exchange *x, uint32_t place, float value)
{
    const uint32_t lane = rp_thread() % 8;

    if (!x->words) {
        for (uint32_t b = lane; b < x->blocks; b += 8)
            rp_send(x->common + place, b, value, x->barrier + x->rounds % 2);
    } else if (!lane) {
        rp_word_store(x->words + place,
                      (uint64_t)x->tag << 32 | rp_bits_of(value));
    }
}

/* Two words at a time and several of these at once, since each takes as long
 * as the way to the L2 cache and back. */
RP_DEVICE void fetch(const exchange *x, uint32_t first, uint32_t count)
{
    constexpr uint32_t AT_ONCE = 4;
    const uint32_t step = 2 * rp_threads();
    uint64_t word[AT_ONCE][2] = {};

    for (uint32_t from = first + 2 * rp_thread(); from < first + count;
         from += AT_ONCE * step) {
        bool missing;
        do {
            missing = false;
#pragma unroll
            for (uint32_t i = 0; i < AT_ONCE; i++)
                if (from + i * step < first + count)
                    rp_word_load2(x->words + from + i * step, word[i]);
#pragma unroll
            for (uint32_t i = 0; i < AT_ONCE; i++)
                for (uint32_t k = 0; k < 2; k++)
                    missing |= from + i * step + k < first + count &&
                               (uint32_t)(word[i][k] >> 32) != x->tag;
        } while (missing);
#pragma unroll
        for (uint32_t i = 0; i < AT_ONCE; i++)
            for (uint32_t k = 0; k < 2; k++)
                if (from + i * step + k < first + count)
                    x->common[from + i * step + k] =
                        rp_float_of((uint32_t)word[i][k]);
    }
}

/* Until `count` numbers from `first` on, an even place, were told by all. */
RP_DEVICE void await(exchange *x, uint32_t first, uint32_t count)
{
    if (!x->words) {
        uint64_t *barrier = x->barrier + x->rounds % 2;
        if (!rp_thread())
            rp_barrier_expect(barrier, count * (uint32_t)sizeof(float));
        rp_sync(); /* all have told; while it is on its way */
        rp_barrier_wait(barrier, x->rounds / 2 % 2);
    } else {
        fetch(x, first, count);
        rp_sync();
    }
    x->rounds++;
    x->tag++;
}

} // namespace
} // namespace rp

#endif
