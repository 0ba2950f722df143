#include "model/data/smf_pick.h"

#include <string.h>

enum { UNSAID = 0xff };

static bool is_program(struct rp_event event)
{
    return (event.data[0] & 0xf0) == RP_PROGRAM;
}

/* The first program of each channel that `track` says, where none is yet. */
static void find_programs(const struct rp_smf_track *track, uint8_t first[16])
{
    for (uint32_t i = 0; i < track->events; i++) {
        struct rp_event event = track->event[i].event;
        uint8_t *program = &first[event.data[0] & 0x0f];
        if (is_program(event) && *program == UNSAID)
            *program = event.data[1] & 0x7f;
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

void rp_smf_picker_begin(struct rp_smf_picker *picker, uint32_t track)
{
    memset(picker->program, UNSAID, sizeof picker->program);
    find_programs(&picker->smf->track[track], picker->program);
    for (int c = 0; c < 16; c++)
        if (picker->program[c] == UNSAID)
            picker->program[c] = picker->first[c];
}

static bool has_wanted(struct rp_smf_picker *picker, uint32_t track)
{
    const struct rp_smf_track *t = &picker->smf->track[track];
    rp_smf_picker_begin(picker, track);
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
    memset(picker->first, UNSAID, sizeof picker->first);
    for (uint32_t i = 0; i < smf->tracks; i++)
        find_programs(&smf->track[i], picker->first);
    for (int c = 0; c < 16; c++)
        if (picker->first[c] == UNSAID)
            picker->first[c] = 0; /* what General MIDI begins with */
    if (pick.track >= 0)
        picker->from = (uint32_t)pick.track;
    /* The tracks of type 2 are not of one time. */
    else if (smf->type == 2)
        while (picker->from < smf->tracks && !has_wanted(picker, picker->from))
            picker->from++;
    if ((pick.track >= 0 || smf->type == 2) && picker->from < smf->tracks)
        picker->to = picker->from + 1;
}
