/* A cycle on a bench: periods run by hand, every output kept with its frame,
 * and a receiver that knows only what reaches it. */
#ifndef BENCH_H
#define BENCH_H

#include "rt/cycle.h"

#include "tests/test.h"

enum {
    BENCH_OUTS = 1 << 17,
    BENCH_RATE = 48000,
    BENCH_WAYS = RP_WAY_CLOCK + 1
};

struct bench_out {
    rp_frame frame;
    enum rp_way way;
    struct rp_event event;
};

struct bench {
    struct rp_cycle *cycle;
    struct rp_knobs knobs;
    sem_t wake;
    rp_frame now;
    uint32_t outs;
    struct bench_out *out;
    struct rp_transport *transport; /* NULL: none */
    uint32_t room[BENCH_WAYS]; /* events a port takes per period */
    uint32_t left[BENCH_WAYS]; /* in this period */
    uint32_t last[BENCH_WAYS]; /* offset */
    uint32_t disorder;      /* offsets that fell, or lie outside */
    uint32_t frames;
    uint8_t sounds[BENCH_WAYS][16][128]; /* at the receiver */
    uint32_t stutters[BENCH_WAYS];       /* note-ons for what sounded already */
};

static inline struct rp_event bench_on(int channel, int pitch)
{
    return rp_event_make(RP_NOTE_ON, channel, pitch, 100);
}

static inline struct rp_event bench_off(int channel, int pitch)
{
    return rp_event_make(RP_NOTE_OFF, channel, pitch, 64);
}

static inline void bench_receive(struct bench *bench, enum rp_way way,
                                 struct rp_event event)
{
    uint8_t *channel = bench->sounds[way][event.data[0] & 15];

    if (rp_event_is_on(event)) {
        bench->stutters[way] += channel[event.data[1]];
        channel[event.data[1]] = 1;
    } else if (rp_event_is_off(event)) {
        channel[event.data[1]] = 0;
    }
}

static inline bool bench_write(struct rp_io *io, enum rp_way way,
                               uint32_t offset, struct rp_event event)
{
    struct bench *bench = io->self;

    if (!bench->left[way]) {
        return false;
    }
    bench->left[way]--;
    bench->disorder += offset < bench->last[way] || offset >= io->frames;
    bench->last[way] = offset;
    if (bench->outs < BENCH_OUTS) {
        bench->out[bench->outs++] =
            (struct bench_out){io->frame + offset, way, event};
    }
    bench_receive(bench, way, event);
    return true;
}

static inline void bench_ring(struct rp_ring *ring, uint32_t count,
                              uint32_t item)
{
    if (rp_ring_init(ring, count, item) != RP_OK) {
        printf("no memory for the bench\n");
        exit(1);
    }
}

static inline struct bench *bench_create(uint32_t mbpm)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    struct rp_cycle *cycle = aligned_alloc(64, (sizeof(*cycle) + 63) & ~63ull);

    memset(cycle, 0, sizeof(*cycle));
    bench->cycle = cycle;
    bench->out = calloc(BENCH_OUTS, sizeof(*bench->out));
    bench->room[0] = bench->room[1] = bench->room[2] = UINT32_MAX;
    bench->knobs.tempo = mbpm;
    bench->knobs.metre = 4 << 8 | 4;
    bench->knobs.click_channel = 9;
    sem_init(&bench->wake, 0, 0);
    cycle->wake = &bench->wake;
    cycle->recording = true;
    bench_ring(&cycle->to_performer, 4096, sizeof(struct rp_heard));
    bench_ring(&cycle->from_performer, 4096, sizeof(struct rp_planned));
    bench_ring(&cycle->to_recorder, 32768, sizeof(struct rp_recorded));
    bench_ring(&cycle->audio_to_ui, 8192, sizeof(struct rp_seen));
    bench_ring(&cycle->main_to_audio, 256, sizeof(struct rp_event));
    rp_cycle_init(cycle, &bench->knobs, BENCH_RATE);
    return bench;
}

static inline void bench_destroy(struct bench *bench)
{
    CHECK_INT(bench->disorder, 0);
    rp_ring_fini(&bench->cycle->to_performer);
    rp_ring_fini(&bench->cycle->from_performer);
    rp_ring_fini(&bench->cycle->to_recorder);
    rp_ring_fini(&bench->cycle->audio_to_ui);
    rp_ring_fini(&bench->cycle->main_to_audio);
    sem_destroy(&bench->wake);
    free(bench->cycle);
    free(bench->out);
    free(bench);
}

/* One period with the events of `in`, whose offsets are in order. */
static inline void bench_run(struct bench *bench, uint32_t frames,
                             const struct rp_arrival *in, uint32_t ins)
{
    struct rp_io io = {.rate = BENCH_RATE,
                       .frame = bench->now,
                       .frames = frames,
                       .in = in,
                       .ins = ins,
                       .clock = true,
                       .transport = bench->transport,
                       .write = bench_write,
                       .self = bench};

    for (int w = 0; w < BENCH_WAYS; w++) {
        bench->left[w] = bench->room[w];
        bench->last[w] = 0;
    }
    rp_cycle_run(bench->cycle, &io);
    bench->now += frames;
}

static inline void bench_one(struct bench *bench, uint32_t frames,
                             uint32_t offset, struct rp_event event)
{
    struct rp_arrival in = {offset, event};

    bench_run(bench, frames, &in, 1);
}

static inline void bench_plan(struct bench *bench, rp_beat beat,
                              struct rp_event event)
{
    struct rp_planned planned = {.beat = beat, .turn = 1, .event = event};

    CHECK(rp_ring_push(&bench->cycle->from_performer, &planned, NULL));
}

/* The performer has seen every silence told so far. */
static inline void bench_obey(struct bench *bench)
{
    struct rp_heard heard;

    while (rp_ring_pop(&bench->cycle->to_performer, &heard)) {
    }
    CHECK(rp_cycle_obey(bench->cycle, atomic_load(&bench->cycle->silences)));
}

static inline uint32_t bench_sounding(const struct bench *bench)
{
    uint32_t count = 0;

    for (size_t i = 0; i < sizeof(bench->sounds); i++) {
        count += (&bench->sounds[0][0][0])[i];
    }
    return count;
}

/* The next out of `way` at or after *at; moves *at behind it. */
static inline const struct bench_out *bench_next(const struct bench *bench,
                                                 enum rp_way way, uint32_t *at)
{
    while (*at < bench->outs) {
        const struct bench_out *out = &bench->out[(*at)++];

        if (out->way == way) {
            return out;
        }
    }
    return NULL;
}

#endif
