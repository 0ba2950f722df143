/* Presets by their place in the list: from the panel, a controller, a program
 * change. */
#include <stdlib.h>
#include <string.h>

#include "rt/log.h"
#include "tui/rig.h"
#include "tui/said.h"

struct names {
    uint32_t count;
    char **name;
};

static void add_name(void *self, const struct rp_preset *preset)
{
    struct names *names = self;
    char **more = realloc(names->name, (names->count + 1) * sizeof(*more));

    if (more) {
        names->name = more;
        more[names->count] = strdup(preset->name);
        names->count += more[names->count] != NULL;
    }
}

static struct names list_names(void)
{
    struct names names = {0};

    (void)!rp_preset_list(add_name, &names); /* broken ones were logged */
    return names;
}

static void free_names(struct names *names)
{
    for (uint32_t i = 0; i < names->count; i++) {
        free(names->name[i]);
    }
    free(names->name);
}

/* Asked at each move of a controller: what is wrong with a preset is said when
 * one is chosen. */
uint32_t rp_rig_presets(void)
{
    struct rp_said said;
    struct names names;
    uint32_t count;

    rp_said_begin(&said);
    names = list_names();
    rp_said_end(&said);
    count = names.count;
    free_names(&names);
    return count;
}

/* The one that is played already is left alone. */
static void choose(struct rp_rig *rig, const char *name)
{
    if (strcmp(name, rig->preset.name)) {
        (void)!rp_rig_preset(rig, name); /* says what is wrong */
    }
}

void rp_rig_step_preset(struct rp_rig *rig, int steps)
{
    struct names names = list_names();
    int at = 0, count = (int)names.count;

    for (int i = 0; i < count; i++) {
        at = strcmp(names.name[i], rig->preset.name) ? at : i;
    }
    if (count) {
        at = (at + steps % count + count) % count;
        choose(rig, names.name[at]);
    }
    free_names(&names);
}

void rp_rig_preset_at(struct rp_rig *rig, uint32_t place)
{
    struct names names = list_names();

    if (place < names.count) {
        choose(rig, names.name[place]);
    } else if (place != rig->missing) { /* said once, not 30 times a second */
        rig->missing = place;
        rp_log(RP_INFO, "rig", "program %u: there %s %u preset%s", place + 1,
               names.count == 1 ? "is" : "are", names.count,
               names.count == 1 ? "" : "s");
    }
    free_names(&names);
}
