#include "rt/sync_report.h"

#include "rt/log.h"

void rp_sync_report(uint32_t was, uint32_t now, const struct rp_clock *clock)
{
    uint32_t by = RP_SYNC_STATE_BY(now), leader = RP_SYNC_STATE_LEADER(now);
    const char *who = by == RP_SYNC_MIDI ? "the MIDI clock" : "the transport";
    double bpm = clock->mbpm / 1000.0;

    if (RP_SYNC_STATE_CROWD(now) &&
        RP_SYNC_STATE_CROWD(was) != RP_SYNC_STATE_CROWD(now)) {
        rp_log(RP_WARN, "sync", "%s",
               RP_SYNC_STATE_CROWD(now) == RP_CROWD_IGNORED
                   ? "two MIDI clocks come in; the first is followed"
                   : "two MIDI clocks come in, mixed: disconnect one of them");
    }
    was = was & 0x1ffff;
    now = now & 0x1ffff;
    if (was == now) {
        return;
    }
    if (by == RP_SYNC_INTERNAL) {
        rp_log(RP_INFO, "sync", "the tempo here leads");
    } else if (by == RP_SYNC_MIDI && !RP_SYNC_STATE_HEARD(now)) {
        if (RP_SYNC_STATE_HEARD(was)) {
            rp_log(RP_WARN, "sync", "the MIDI clock is gone; the beat goes on");
        } else {
            rp_log(RP_INFO, "sync", "no MIDI clock yet");
        }
    } else if (leader == RP_LEADER_ROLLS) {
        rp_log(RP_INFO, "sync", "%s rolls, %.1f BPM", who, bpm);
    } else if (leader == RP_LEADER_STANDS) {
        rp_log(RP_INFO, "sync", "%s stands", who);
    } else if (by == RP_SYNC_MIDI) {
        rp_log(RP_INFO, "sync", "%s is there, %.1f BPM", who, bpm);
    } else {
        rp_log(RP_WARN, "sync",
               "there is no transport but JACK's: the tempo here leads");
    }
}
