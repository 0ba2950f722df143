#include "model/data/role.h"

#include <string.h>

#include "model/instrument.h"
#include "rt/log.h"

const char rp_role_list[] =
    "melody, lead, drums, polyphony (or all), performance, or an instrument "
    "of General MIDI";

/* The first name of a kind is the one it is written with. */
static const struct {
    const char *name;
    enum rp_role_kind kind;
} names[] = {
    {"melody", RP_ROLE_MELODY},
    {"lead", RP_ROLE_LEAD},
    {"drums", RP_ROLE_DRUMS},
    {"polyphony", RP_ROLE_POLYPHONY},
    {"all", RP_ROLE_POLYPHONY},
    {"performance", RP_ROLE_PERFORMANCE},
};
enum { NAMES = sizeof names / sizeof *names };

bool rp_role_parse(const char *text, struct rp_role *role)
{
    for (int i = 0; i < NAMES; i++)
        if (!strcmp(names[i].name, text)) {
            *role = (struct rp_role){names[i].kind, -1};
            return true;
        }
    int program = rp_instrument_find(text);
    if (program < 0)
        return false;
    *role = (struct rp_role){RP_ROLE_INSTRUMENT, program};
    return true;
}

rp_status rp_role_find(const char *text, struct rp_role *role)
{
    if (rp_role_parse(text, role))
        return RP_OK;
    rp_log(RP_ERROR, "role", "role '%s': expected %s", text, rp_role_list);
    return RP_EARG;
}

const char *rp_role_name(struct rp_role role)
{
    for (int i = 0; i < NAMES; i++)
        if (names[i].kind == role.kind)
            return names[i].name;
    return rp_instrument_names[role.program];
}

struct rp_smf_pick rp_role_pick(struct rp_role role, const struct rp_smf *smf)
{
    struct rp_smf_pick pick = {-1, RP_SMF_PITCHED, role.program};
    if (role.kind == RP_ROLE_MELODY || role.kind == RP_ROLE_LEAD)
        pick.track = rp_smf_melody_track(smf);
    if (role.kind == RP_ROLE_DRUMS)
        pick.channels = RP_SMF_DRUMS;
    return pick;
}

rp_status rp_role_notes(struct rp_role role, const struct rp_smf *smf,
                        uint32_t resolution, struct rp_note **note,
                        uint32_t *count)
{
    if (role.kind == RP_ROLE_MELODY || role.kind == RP_ROLE_LEAD)
        return rp_smf_melody(smf, resolution, note, count);
    rp_status status = rp_smf_pick_notes(smf, rp_role_pick(role, smf),
                                         resolution, note, count);
    if (!status && role.kind == RP_ROLE_DRUMS)
        for (uint32_t i = 0; i < *count; i++)
            (*note)[i].duration = 1;
    return status;
}
