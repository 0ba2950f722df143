/* Continuing a primer, offline: the same reader, engine, sampling and steering
 * as live. */
#ifndef RP_GENERATE_H
#define RP_GENERATE_H

#include "model/net/sample.h"
#include "model/play/primer.h"
#include "model/preset.h"

struct rp_generate_options {
    const struct rp_model *model;
    /* Its chords hold on. A model that knows none keeps to them on the beat. */
    const struct rp_primer *primer;
    uint32_t bars;   /* from the first bar line at or after the primer's end */
    uint32_t notes;  /* at most so many; bars and notes 0: until the model ends,
                        or RP_GENERATE_MOST */
    uint32_t window; /* beats that are remembered; 0: as many as there are */
    struct rp_taste taste;
    uint32_t seed;
    uint8_t low, high; /* pitches; high 0: an octave around the primer's */
};

enum { RP_GENERATE_MOST = 4096 };

struct rp_generator;
RP_MUST rp_status rp_generator_create(struct rp_generator **generator,
                                      const struct rp_generate_options *o);
void rp_generator_destroy(struct rp_generator *generator);
/* Continuation number `candidate`, without the primer; onsets count from the
 * primer's. The notes belong to the generator until the next draw. */
RP_MUST rp_status rp_generator_draw(struct rp_generator *generator,
                                    uint32_t candidate,
                                    const struct rp_note **note,
                                    uint32_t *count);

/* Primer and continuation as a .mid with a track each, the primer's chords as
 * text events on track 0. program < 0: none. */
RP_MUST rp_status rp_generate_save(const char *path,
                                   const struct rp_primer *primer,
                                   const struct rp_note *note, uint32_t count,
                                   uint32_t resolution, uint32_t mbpm,
                                   int program);

#endif
