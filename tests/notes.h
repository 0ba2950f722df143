/* Notes compared field by field: the bytes between fields are nobody's. */
#ifndef TEST_NOTES_H
#define TEST_NOTES_H

#include "model/data/note.h"
#include "model/play/rollout.h"

static inline bool same_notes(const struct rp_note *a,
                              const struct rp_note *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a[i].onset != b[i].onset || a[i].duration != b[i].duration ||
            a[i].pitch != b[i].pitch || a[i].velocity != b[i].velocity ||
            a[i].offset != b[i].offset)
            return false;
    return true;
}

static inline bool same_rolled(const struct rp_rolled *a,
                               const struct rp_rolled *b, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (a[i].notes != b[i].notes || a[i].why != b[i].why ||
            a[i].fields != b[i].fields || a[i].logp != b[i].logp)
            return false;
    return true;
}

#endif
