#include "model/data/smf_pick.h"

#include <string.h>

static bool is_program(struct rp_event event)
{
    return (event.data[0] & 0xf0) == RP_PROGRAM;
}

/* The earliest program change of each channel; of the same tick, the first
 * track's. General MIDI begins with program 0. */
static void find_programs(const struct rp_smf *smf, uint8_t first[16])
{
    int64_t at[16];
    memset(first, 0, 16);
    for (int c = 0; c < 16; c++)
        at[c] = INT64_MAX;
    for (uint32_t t = 0; t < smf->tracks; t++)
        for (uint32_t i = 0; i < smf->track[t].events; i++) {
            const struct rp_smf_event *event = &smf->track[t].event[i];
            uint8_t channel = event->event.data[0] & 0x0f;
            if (!is_program(event->event) || event->tick >= at[channel])
                continue;
            at[channel] = event->tick;
            first[channel] = event->event.data[1] & 0x7f;
        }
}

static bool is_wanted(const struct rp_smf_picker *picker,
                      struct rp_event event)
{
    uint8_t channel = event.data[0] & 0x0f;
    return rp_event_is_on(event) && picker->pick.channels >> channel & 1 &&
           (picker->pick.program < 0 ||
            picker->pick.program == picker->program[channel]);
}

bool rp_smf_picker_wants(struct rp_smf_picker *picker, struct rp_event event)
{
    if (is_program(event))
        picker->program[event.data[0] & 0x0f] = event.data[1] & 0x7f;
    return is_wanted(picker, event);
}

void rp_smf_picker_begin(struct rp_smf_picker *picker)
{
    memcpy(picker->program, picker->first, sizeof picker->program);
}

static bool has_wanted(struct rp_smf_picker *picker, uint32_t track)
{
    const struct rp_smf_track *t = &picker->smf->track[track];
    rp_smf_picker_begin(picker);
    for (uint32_t i = 0; i < t->events; i++)
        if (rp_smf_picker_wants(picker, t->event[i].event))
            return true;
    return false;
}

void rp_smf_picker_init(struct rp_smf_picker *picker, const struct rp_smf *smf,
                        struct rp_smf_pick pick)
{
    *picker = (struct rp_smf_picker){.smf = smf, .pick = pick,
                                     .to = smf->tracks};
    find_programs(smf, picker->first);
    if (pick.track >= 0)
        picker->from = (uint32_t)pick.track;
    /* The tracks of type 2 are not of one time. */
    else if (smf->type == 2)
        while (picker->from < smf->tracks && !has_wanted(picker, picker->from))
            picker->from++;
    if ((pick.track >= 0 || smf->type == 2) && picker->from < smf->tracks)
        picker->to = picker->from + 1;
}
