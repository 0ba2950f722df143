#include <stdlib.h>

#include "model/data/note.h"

/* Canonical order: onset, pitch from high to low, the longer one first. */
static int compare(const void *a, const void *b)
{
    const struct rp_note *x = a, *y = b;
    if (x->onset != y->onset)
        return x->onset < y->onset ? -1 : 1;
    if (x->pitch != y->pitch)
        return x->pitch > y->pitch ? -1 : 1;
    return (x->duration < y->duration) - (x->duration > y->duration);
}

uint32_t rp_notes_sort(struct rp_note *note, uint32_t count)
{
    int64_t last[128]; /* index of the last note of a pitch */
    uint32_t kept = 0;

    for (int i = 0; i < 128; i++)
        last[i] = -1;
    qsort(note, count, sizeof *note, compare);
    for (uint32_t i = 0; i < count; i++) {
        int64_t before = last[note[i].pitch];
        if (before >= 0) {
            struct rp_note *old = &note[before];
            if (old->onset == note[i].onset)
                continue;
            if (!old->duration || old->duration > note[i].onset - old->onset)
                old->duration = note[i].onset - old->onset;
        }
        last[note[i].pitch] = kept;
        note[kept++] = note[i];
    }
    return kept;
}
