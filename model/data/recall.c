#include "model/data/recall.h"

#include "model/data/vocabulary.h"

enum { RUN_MOST = 31 }; /* longer runs are as good as each other */

RP_SHARED
void rp_recall_init(struct rp_recall *recall)
{
    recall->count = 0;
    recall->last = RP_RECALL_NOTES - 1;
    recall->like = 0;
}

/* Where in the rings the note `back` notes before the last lies. */
static uint32_t place_of(uint32_t last, uint32_t back)
{
    return (last - back) % RP_RECALL_NOTES;
}

/* The last note and each earlier one: a pair that is like makes the run of the
 * pair before it, equally far apart, one longer. Returns how far back the best
 * place is. The oldest note has no interval. */
static uint32_t compare(uint32_t count, uint32_t last,
                        uint16_t *__restrict run,
                        const int32_t *__restrict dt,
                        const uint8_t *__restrict pitch)
{
    uint32_t best = 0; /* score, then the latest */

    if (count < 3)
        return 0;
    int step = pitch[last] - pitch[place_of(last, 1)];
    for (uint32_t back = 1 + RP_FIRST; back + 1 < count; back += RP_STEP) {
        uint32_t i = place_of(last, back), before = place_of(last, back + 1);
        bool like = dt[i] == dt[last] && pitch[i] - pitch[before] == step;
        uint16_t length = (uint16_t)(like ? run[back] + 1 : 0);
        uint32_t score = 2u * (length < RUN_MOST ? length : RUN_MOST) +
                         (pitch[i] == pitch[last]);
        run[back] = length;
        score = score << 16 | (RP_RECALL_NOTES - back);
        if (length && score > best)
            best = score;
    }
    best = rp_all_max(best);
    return best ? RP_RECALL_NOTES - (best & 0xffff) : 0;
}

RP_SHARED
void rp_recall_push(struct rp_recall *recall, int32_t dt, uint8_t pitch,
                    uint8_t duration)
{
    uint32_t like, count = recall->count;
    uint32_t last = (recall->last + 1u) % RP_RECALL_NOTES;

    rp_meet();
    if (RP_WRITES) {
        recall->last = (uint16_t)last;
        recall->dt[last] = dt;
        recall->pitch[last] = pitch;
        recall->duration[last] = duration;
        if (count < RP_RECALL_NOTES) {
            recall->run[count] = 0;
            recall->count = (uint16_t)(count + 1);
        }
    }
    rp_meet();
    like = compare(recall->count, last, recall->run, recall->dt,
                   recall->pitch);
    if (RP_WRITES)
        recall->like = (uint16_t)like;
    rp_meet();
}

RP_SHARED
void rp_recall_release(struct rp_recall *recall, uint8_t pitch, int32_t after)
{
    for (uint32_t back = 0; back < recall->count; back++) {
        uint32_t i = place_of(recall->last, back);
        if (recall->pitch[i] == pitch) {
            recall->duration[i] =
                rp_time_from((uint32_t)(after > 0 ? after : 0)).class;
            return;
        }
        after += recall->dt[i]; /* from the onset before */
    }
}

static uint8_t size_of(uint32_t run)
{
    return run >= 8 ? 3 : run >= 4 ? 2 : run >= 2 ? 1 : 0;
}

RP_SHARED
struct rp_recalled rp_recall_next(const struct rp_recall *recall)
{
    struct rp_recalled said = {.found = recall->like > 0};

    if (!said.found)
        return said;
    uint32_t last = recall->last, like = place_of(last, recall->like);
    uint32_t next = place_of(last, recall->like - 1u);
    int up = recall->pitch[next] - recall->pitch[like];
    int pitch = recall->pitch[last] + up;
    said.key = recall->pitch[like] == recall->pitch[last];
    said.size = size_of(recall->run[recall->like]);
    said.dt = rp_time_from((uint32_t)recall->dt[next]).class;
    said.pitch = (uint8_t)(pitch < 0 ? 0 : pitch > 127 ? 127 : pitch);
    said.duration = recall->duration[next];
    return said;
}

RP_SHARED
int rp_recall_index(const struct rp_recall *recall, enum rp_recall_part part,
                    bool other)
{
    struct rp_recalled said = rp_recall_next(recall);
    int size = other ? RP_RECALL_OTHER : said.size;

    if (!said.found)
        return -1;
    switch (part) {
    case RP_RECALL:
        return 2 * said.size + said.key;
    case RP_RECALL_DT:
        return size * RP_TIME_CLASSES + said.dt;
    case RP_RECALL_PITCH:
        return size * 128 + said.pitch;
    case RP_RECALL_DURATION:
        break;
    }
    return said.duration == RP_TIME_HELD
               ? -1
               : size * RP_TIME_CLASSES + said.duration;
}
