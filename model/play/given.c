#include "model/play/given.h"

/* A note more makes another mark, and never 0. */
static uint32_t mark_note(uint32_t mark, uint8_t pitch, int32_t dt)
{
    mark = (mark + 1) * 2654435761u ^ pitch;
    mark = (mark ^ mark >> 15) * 2246822519u ^ (uint32_t)dt;
    mark = (mark ^ mark >> 13) * 3266489917u;
    return mark ? mark : 1;
}

void rp_given_begin(struct rp_given *given, uint32_t turn)
{
    given->mark[turn % RP_GIVEN] = 0;
}

void rp_given_note(struct rp_given *given, uint32_t turn, uint8_t pitch,
                   int32_t dt)
{
    uint32_t *mark = &given->mark[turn % RP_GIVEN];

    *mark = mark_note(*mark, pitch, dt);
}

static bool is_given(const struct rp_given *given, const struct rp_note *note,
                     uint32_t count)
{
    uint32_t mark = 0;

    for (uint32_t i = 0; i < count; i++)
        mark = mark_note(mark, note[i].pitch,
                         i ? note[i].onset - note[i - 1].onset : 0);
    for (uint32_t i = 0; mark && i < RP_GIVEN; i++)
        if (given->mark[i] == mark)
            return true;
    return false;
}

void rp_given_leave_out(const struct rp_given *given, struct rp_rollout *set)
{
    bool others = false;

    for (uint32_t i = 0; i < set->candidates && !others; i++)
        others = set->rolled[i].notes &&
                 !is_given(given, set->note + (size_t)i * set->most,
                           set->rolled[i].notes);
    for (uint32_t i = 0; i < set->candidates && others; i++)
        if (is_given(given, set->note + (size_t)i * set->most,
                     set->rolled[i].notes))
            set->rolled[i].notes = 0;
}
