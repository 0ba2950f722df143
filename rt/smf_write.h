/* Writing a standard MIDI file, type 1. Used by takes and by generate. Track 0
 * is tempo and metre. */
#ifndef RP_SMF_WRITE_H
#define RP_SMF_WRITE_H

#include "rt/clock.h"
#include "rt/event.h"

enum { RP_SMF_PPQ = 960 };

struct rp_smf_write;
RP_MUST rp_status rp_smf_write_create(struct rp_smf_write **smf,
                                      uint32_t tracks /* besides track 0 */);
void rp_smf_write_destroy(struct rp_smf_write *smf);
/* Ticks a quarter note, 1 to 0x7fff; RP_SMF_PPQ until said. */
RP_MUST rp_status rp_smf_write_division(struct rp_smf_write *smf,
                                        uint32_t division);
/* Ticks are absolute, of the division, and may come in any order; events of
 * equal tick keep theirs. `track` counts from 1. */
RP_MUST rp_status rp_smf_write_event(struct rp_smf_write *smf, uint32_t track,
                                     int64_t tick, struct rp_event event);
RP_MUST rp_status rp_smf_write_name(struct rp_smf_write *smf, uint32_t track,
                                    const char *name);
/* A text event: type 1 text, 6 marker ... (1 to 15); track 0 too. */
RP_MUST rp_status rp_smf_write_text(struct rp_smf_write *smf, uint32_t track,
                                    int64_t tick, uint8_t type,
                                    const char *text);
RP_MUST rp_status rp_smf_write_tempo(struct rp_smf_write *smf, int64_t tick,
                                     uint32_t mbpm);
/* The same in microseconds a quarter, 1 to 0xffffff. */
RP_MUST rp_status rp_smf_write_tempo_us(struct rp_smf_write *smf, int64_t tick,
                                        uint32_t us);
RP_MUST rp_status rp_smf_write_metre(struct rp_smf_write *smf, int64_t tick,
                                     struct rp_metre metre);
/* PATH.part, sync, rename. */
RP_MUST rp_status rp_smf_write_save(struct rp_smf_write *smf,
                                    const char *path);

#endif
