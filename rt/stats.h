/* Counters of the audio thread and of its backend: relaxed, read anywhere. */
#ifndef RP_STATS_H
#define RP_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "rt/status.h"

#define RP_STATS(X)                                                            \
    X(cycles)        /* periods run */                                         \
    X(heard)         /* events in */                                           \
    X(sounded)       /* events out */                                          \
    X(late)          /* planned for the past, played at once */                \
    X(dropped)       /* too late or no room; a note-off is never dropped */    \
    X(xruns)         /* reported by the backend */                             \
    X(stray)         /* bytes in that are no MIDI message */                   \
    X(echoes)        /* what a synth sent back: no call */                     \
    X(lost_heard)    /* to_performer, or before it the system, was full */     \
    X(lost_recorded) /* to_recorder was full: an error */                      \
    X(lost_seen)     /* audio_to_ui was full: only the panel misses it */      \
    X(lost_controls) /* control_to_main was full: a knob did not turn */       \
    X(panics)                                                                  \
    X(reconnects)                                                              \
    X(worst_ns) /* longest cycle so far */                                     \
    X(total_ns) /* all cycles */                                               \
    X(frame)    /* first frame of the next period */

struct rp_stats {
#define RP_STATS_FIELD(name) _Atomic uint64_t name;
    RP_STATS(RP_STATS_FIELD)
#undef RP_STATS_FIELD
};

struct rp_stats_view {
#define RP_STATS_FIELD(name) uint64_t name;
    RP_STATS(RP_STATS_FIELD)
#undef RP_STATS_FIELD
};

RP_RT void rp_stats_add(_Atomic uint64_t *counter, uint64_t count);
/* One cycle took `ns`; audio thread. */
RP_RT void rp_stats_time(struct rp_stats *stats, uint64_t ns);
void rp_stats_look(struct rp_stats *stats, struct rp_stats_view *view);

#endif
