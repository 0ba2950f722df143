/* The loop inside every product: a tile of C in registers along the whole of
 * K. Included after lanes.h or cells.h, with
 *   TILE_ROWS, TILE_LANES   rows, up to 8, and lanes of the largest tile
 *   word                    one step along K of one row: a float, or two bf16
 *   words, words_load, words_set, words_mac (a, b, sum)  the same in lanes
 * and compiled once per instruction set with it. */
#ifndef RP_TILES_H
#define RP_TILES_H

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* What a tile reads and writes; all distances in words or floats. A is at
 * a[row * a_row + k * a_k]. */
struct tile {
    size_t K;
    const word *a;
    size_t a_row, a_k;
    const word *b;
    size_t b_k;
    const float *start; /* NULL: zero */
    size_t start_row;
    float *c;
    size_t c_row;
};

/* R rows x L lanes. */
LANE_FN void tile_run(const int R, const int L, const struct tile *t)
{
    lanes sum[TILE_ROWS][TILE_LANES];
    const word *a = t->a, *b = t->b;
    const size_t a_row = t->a_row, a_k = t->a_k, b_k = t->b_k;

    UNROLL for (int r = 0; r < R; r++) UNROLL for (int l = 0; l < L; l++)
        sum[r][l] =
            t->start ? lanes_load(t->start + r * t->start_row + l * LANES)
                     : lanes_set(0.0f);
    for (size_t k = 0; k < t->K; k++, a += a_k, b += b_k) {
        words x[TILE_LANES];
        UNROLL for (int l = 0; l < L; l++) x[l] = words_load(b + l * LANES);
        UNROLL for (int r = 0; r < R; r++)
        {
            words s = words_set(a[r * a_row]);
            UNROLL for (int l = 0; l < L; l++) sum[r][l] =
                words_mac(s, x[l], sum[r][l]);
        }
    }
    UNROLL for (int r = 0; r < R; r++) UNROLL for (int l = 0; l < L; l++)
        lanes_store(t->c + r * t->c_row + l * LANES, sum[r][l]);
}

/* The rows are constants to each copy of tile_run, so that C is in registers.
 */
LANE_FN void tile_rows(size_t rows, const int L, const struct tile *t)
{
#define TILE_CASE(n)                                                           \
    case n:                                                                    \
        if (n <= TILE_ROWS)                                                    \
            tile_run(n <= TILE_ROWS ? n : 1, L, t);                            \
        return
    switch (rows) {
        TILE_CASE(1);
        TILE_CASE(2);
        TILE_CASE(3);
        TILE_CASE(4);
        TILE_CASE(5);
        TILE_CASE(6);
        TILE_CASE(7);
        TILE_CASE(8);
    }
#undef TILE_CASE
}

#if TILE_LANES > 1
static void tile_panel(size_t rows, const struct tile *t)
{
    tile_rows(rows, TILE_LANES, t);
}
static void tile_half(size_t rows, const struct tile *t)
{
    tile_rows(rows, 2, t);
}
#endif

static void tile_lane(size_t rows, const struct tile *t)
{
    tile_rows(rows, 1, t);
}

/* `rows` x `width` of C, width a multiple of 16 up to a panel's. */
static void tile_any(size_t rows, size_t width, struct tile t)
{
    size_t column = 0;

#if TILE_LANES > 1
    if (width == TILE_LANES * LANES || width == 2 * LANES) {
        (width == 2 * LANES ? tile_half : tile_panel)(rows, &t);
        return;
    }
#endif
    while (column < width) {
        tile_lane(rows, &t);
        column += LANES;
        t.b += LANES;
        t.c += LANES;
        if (t.start)
            t.start += LANES;
    }
}

#endif
