#include "model/data/facts.h"

#include <math.h>
#include <stdlib.h>

const char *const rp_fate_names[RP_FATES] = {"kept", "broken", "short",
                                             "duplicate", "beyond memory"};

/* Time along one track; ticks only grow. */
struct stroll {
    const struct rp_smf *smf;
    uint32_t track;
    uint32_t next; /* tempo change that comes next */
    int64_t from;
    double us_per_tick;
};

static void stroll_to(struct stroll *stroll, int64_t tick)
{
    const struct rp_smf *smf = stroll->smf;
    for (; stroll->next < smf->tempos; stroll->next++) {
        const struct rp_smf_tempo *tempo = &smf->tempo[stroll->next];
        if (tempo->tick > tick)
            return;
        if (smf->type != 2 || tempo->track == stroll->track)
            stroll->us_per_tick = (double)tempo->us_per_beat / smf->division;
    }
}

static void add_onset(struct rp_grid *grid, const struct rp_smf *smf,
                      uint32_t resolution, int64_t tick, double us_per_tick)
{
    /* In units of 1 / division of a tick of ours: exact. */
    int64_t place = (int64_t)((__int128)tick * resolution % smf->division);
    int64_t off = 2 * place < smf->division ? place : smf->division - place;
    double ticks = (double)off / smf->division;
    double ms = (double)off / resolution * us_per_tick * 1e-3;
    grid->onsets++;
    grid->exact += !off;
    grid->ticks += ticks;
    grid->ms += ms;
    grid->worst_ticks = fmax(grid->worst_ticks, ticks);
    grid->worst_ms = fmax(grid->worst_ms, ms);
}

static void take_grid(struct rp_facts *facts, const struct rp_smf *smf,
                      struct rp_smf_pick pick, uint32_t resolution)
{
    struct rp_smf_picker picker;
    rp_smf_picker_init(&picker, smf, pick);
    for (uint32_t t = picker.from; t < picker.to; t++) {
        const struct rp_smf_track *track = &smf->track[t];
        struct stroll stroll = {smf, t, 0, 0, 5e5 / smf->division};
        rp_smf_picker_begin(&picker);
        for (uint32_t i = 0; i < track->events; i++) {
            if (!rp_smf_picker_wants(&picker, track->event[i].event))
                continue;
            stroll_to(&stroll, track->event[i].tick);
            add_onset(&facts->grid, smf, resolution, track->event[i].tick,
                      stroll.us_per_tick);
        }
    }
}

/* Programs, drums, and where the last note ends. */
static void take_sounds(struct rp_facts *facts, const struct rp_smf *smf)
{
    struct rp_smf_picker picker;
    rp_smf_picker_init(&picker, smf, (struct rp_smf_pick){-1, RP_SMF_ALL, -1});
    for (uint32_t t = 0; t < smf->tracks; t++) {
        const struct rp_smf_track *track = &smf->track[t];
        int64_t end = 0;
        rp_smf_picker_begin(&picker);
        for (uint32_t i = 0; i < track->events; i++) {
            struct rp_event event = track->event[i].event;
            uint8_t channel = event.data[0] & 0x0f;
            bool on = rp_smf_picker_wants(&picker, event);
            if (on || rp_event_is_off(event))
                end = track->event[i].tick;
            if (!on)
                continue;
            if (RP_SMF_DRUMS >> channel & 1)
                facts->drums = true;
            else
                facts->instruments[picker.program[channel] / 64] |=
                    UINT64_C(1) << picker.program[channel] % 64;
        }
        facts->seconds =
            fmax(facts->seconds, rp_smf_track_seconds(smf, t, end));
    }
}

void rp_facts_take(struct rp_facts *facts, const struct rp_smf *smf,
                   struct rp_smf_pick pick, uint32_t resolution)
{
    uint32_t last = 0;
    take_sounds(facts, smf);
    take_grid(facts, smf, pick, resolution);
    facts->tempos = 0;
    for (uint32_t i = 0; i < smf->tempos; i++) {
        if (smf->tempo[i].us_per_beat != last)
            facts->tempos++;
        last = smf->tempo[i].us_per_beat;
    }
}

void rp_grid_add(struct rp_grid *sum, const struct rp_grid *grid)
{
    sum->onsets += grid->onsets;
    sum->exact += grid->exact;
    sum->ticks += grid->ticks;
    sum->ms += grid->ms;
    sum->worst_ticks = fmax(sum->worst_ticks, grid->worst_ticks);
    sum->worst_ms = fmax(sum->worst_ms, grid->worst_ms);
}

void rp_facts_fini(struct rp_facts *facts)
{
    free(facts->path);
    free(facts->reason);
    *facts = (struct rp_facts){0};
}
