/* How a network lies on the blocks that play it note by note: each block owns
 * a slice of every matrix's outputs and keeps as much of it as fits, in
 * registers and in shared memory; the rest is read from the L2 cache. Host
 * code, read by the kernels of chain.cu.
 *
 * A block's slices are one array, its image, of cells of 512 bytes: 8 rows by
 * `width` columns, of which each lane of a warp has 16 bytes in one piece.
 * A strip is the cells of 8 rows, from column 0 on; what is short of 8 rows or
 * of a whole cell is filled with zeros. */
#ifndef RP_CUDA_PLAN_H
#define RP_CUDA_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    RP_PLAN_LAYERS = 4, /* RP_LAYERS_MAX */
    RP_PLAN_FIELDS = 7, /* RP_FIELDS */
    RP_PLAN_WARP = 32,
    RP_PLAN_WARPS = 8, /* of a block: each makes a part of every sum */
    RP_PLAN_LANES = RP_PLAN_WARPS * RP_PLAN_WARP, /* threads */
    RP_PLAN_STRIP = 8,  /* rows */
    RP_PLAN_CELL = 512, /* bytes */
    RP_PLAN_FP32 = 16,  /* columns of a cell */
    RP_PLAN_BF16 = 32,
    RP_PLAN_COLUMNS = 32, /* vectors are as long as a multiple of these */
    /* Kept in registers: strips of what a note waits for, where a warp has
     * two cells of a strip. */
    RP_PLAN_HELD_CELLS = 2,
    RP_PLAN_HELD_INPUT = 12, /* of layer 1's input */
    RP_PLAN_HELD_MIDDLE = 7
};

enum rp_plan_form {
    RP_PLAN_CLUSTER, /* blocks of a cluster, through their shared memory */
    RP_PLAN_GRID     /* all blocks of a grid, through the L2 cache */
};

/* A block's slice of a matrix. */
struct rp_plan_slice {
    uint32_t rows, strips, cells; /* cells: of a strip */
    uint32_t first;               /* its first cell in the image */
};

/* Places are bytes from the start of a block's shared memory, multiples of 16.
 * What blocks tell each other lies in one piece, `common`, in floats from its
 * start: states (two, by notes in turn), middle layers of all fields, logits
 * (two, by fields in turn). */
struct rp_cuda_plan {
    enum rp_plan_form form;
    uint32_t width; /* columns of a cell */
    uint32_t blocks, shared;
    uint32_t layers, hidden, head, classes[RP_PLAN_FIELDS];
    uint32_t units, actives; /* hidden units, parts of a head's middle layer
                                that a block owns */
    uint32_t fields, index[RP_PLAN_FIELDS]; /* in use; the how-manieth */
    /* Places. */
    uint32_t barrier; /* uint64_t (2) */
    uint32_t common, commons; /* commons: floats */
    uint32_t stride;          /* from state to state, floats */
    uint32_t middle_at, logits_at; /* in common */
    uint32_t logits; /* floats from one place of logits to the other */
    uint32_t active; /* float: of the field that is drawn */
    uint32_t sums;   /* float (warps, sum_rows): parts of sums */
    uint32_t sum_rows;
    uint32_t own_sums; /* float (layers, warps, 3 units, in strips) */
    uint32_t bias;     /* float: of gates, middles, classes, as they come */
    uint32_t scratch;  /* what a draw and a sparse row need */
    uint32_t weights;  /* cells */
    /* Cells of the image: the first `held` in registers, then `kept` in shared
     * memory, then what is left where it is. */
    uint32_t held, kept, cells;
    uint32_t held_input, held_middle; /* strips */
    uint32_t aside; /* place of the first warp's share of those held: it draws,
                       which takes its registers */
    struct rp_plan_slice own[RP_PLAN_LAYERS], input[RP_PLAN_LAYERS];
    struct rp_plan_slice middle; /* of all fields: actives of each */
    struct rp_plan_slice out;    /* of all fields: from out_row[f] on */
    uint32_t out_row[RP_PLAN_FIELDS];
};

struct rp_plan_shape {
    uint32_t layers, hidden, head, classes[RP_PLAN_FIELDS];
};

/* What is asked for: how blocks talk, columns of a cell, blocks, bytes of
 * shared memory for each, bytes that the kernel needs for itself. */
struct rp_plan_room {
    enum rp_plan_form form;
    uint32_t width, blocks, bytes, scratch;
};

/* False, with the reason, where it cannot be. */
bool rp_cuda_plan_make(struct rp_cuda_plan *plan,
                       const struct rp_plan_shape *shape,
                       const struct rp_plan_room *room, char *why,
                       size_t size);

#ifdef __CUDACC__
#define RP_PLAN_BOTH static inline __host__ __device__
#else
#define RP_PLAN_BOTH static inline
#endif

/* Of a block's rows of a matrix of three gates, the i-th: row of (3H, K). */
RP_PLAN_BOTH uint32_t rp_plan_gate_row(uint32_t hidden, uint32_t units,
                                       uint32_t rank, uint32_t i)
{
    return i / units * hidden + rank * units + i % units;
}

/* How many of N classes a block owns: classes rank, rank + blocks, ... */
RP_PLAN_BOTH uint32_t rp_plan_classes(uint32_t n, uint32_t blocks,
                                      uint32_t rank)
{
    return n > rank ? (n - rank + blocks - 1) / blocks : 0;
}

/* Where in a cell the i-th of a lane's numbers is. As bf16 it is what
 * rp_mma() takes as a (device.cuh), of two cells one above the other; as fp32
 * four columns of a row. */
RP_PLAN_BOTH void rp_plan_place(uint32_t width, uint32_t lane, uint32_t i,
                                uint32_t *row, uint32_t *column)
{
    if (width == RP_PLAN_FP32) {
        *row = lane % 8;
        *column = lane / 8 * 4 + i;
    } else {
        *row = lane / 4;
        *column = i / 2 * 8 + lane % 4 * 2 + i % 2;
    }
}

#ifdef __cplusplus
}
#endif
#endif
