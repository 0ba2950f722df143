/* Calls for measurements: phrases cut from the melodies of a data set, played
 * with human timing. */
#ifndef RP_BENCH_CALLS_H
#define RP_BENCH_CALLS_H

#include "model/data/dataset.h"
#include "model/play/stage.h"

/* Where a phrase ends. A melody is cut
 *   after a note that is followed by a rest of a beat or more (REST), and
 *   after a note of two beats or more that is at least twice as long as the
 *   phrase's usual one (LONG).
 * So rests inside are shorter than a beat. For comparison, WIDE cuts at rests
 * of two beats or more alone, and takes only phrases that have a rest of a
 * beat or more inside. The phrase has 4 to 40 notes and lasts 2 to 32 beats. */
enum rp_phrase_kind {
    RP_PHRASE_REST,
    RP_PHRASE_LONG,
    RP_PHRASE_WIDE,
    RP_PHRASE_KINDS
};
extern const char *const rp_phrase_kind_names[RP_PHRASE_KINDS];

struct rp_bench_call {
    const struct rp_piece *piece;
    uint32_t first, count; /* notes of the piece */
    enum rp_phrase_kind kind;
};
struct rp_bench_calls {
    uint32_t count, room;
    struct rp_bench_call *call;
};

/* Every phrase of a kind in one part of the split, in an order drawn by
 * `seed`. RP_ENONE, logged, when there is none. */
RP_MUST rp_status rp_bench_calls_cut(const struct rp_dataset *dataset,
                                     enum rp_split split,
                                     enum rp_phrase_kind kind, uint32_t seed,
                                     struct rp_bench_calls *calls);
void rp_bench_calls_fini(struct rp_bench_calls *calls);

/* What the composer wrote next, as long as the call, from the next onset: so
 * many of the notes that follow it; 0 where the piece ends before. */
uint32_t rp_bench_continuation(const struct rp_bench_call *call);

/* The phrase that the composer wrote next, whole: how many notes follow the
 * call up to its end; 0 where it is none that could be a call itself. */
uint32_t rp_bench_next_phrase(const struct rp_bench_call *call,
                              uint32_t resolution);

/* The tempo that a file begins with, 60000..200000 thousandths of a BPM. */
uint32_t rp_bench_tempo(const char *path);
/* The metre at a tick of a piece; 4/4 where it is unknown. `bar` is the bar
 * line at or before. */
struct rp_metre rp_bench_metre(const struct rp_piece *piece,
                               uint32_t resolution, int32_t tick,
                               int32_t *bar);

/* How a phrase is played: onsets and releases around the written ones,
 * standard deviation `sigma_ms`, drawn by (seed, number). The bar line before
 * the phrase falls on `frame`. *last_on and *last_off are when its last onset
 * and its last release fell. */
struct rp_bench_hand {
    double sigma_ms;
    uint32_t seed, number;
    uint32_t resolution, mbpm;
    double touch; /* share of its length that a note of up to a beat sounds;
                     1 when 0 */
};
RP_MUST rp_status rp_bench_play(struct rp_stage *stage,
                                const struct rp_bench_call *call,
                                const struct rp_bench_hand *hand,
                                rp_frame frame, rp_frame *last_on,
                                rp_frame *last_off);

#endif
