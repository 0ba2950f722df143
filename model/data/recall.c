#include "model/data/recall.h"

#include <string.h>

#include "model/data/vocabulary.h"

enum { RUN_MOST = 31 }; /* longer runs are as good as each other */

RP_SHARED
void rp_recall_init(struct rp_recall *recall)
{
    recall->count = 0;
    recall->next = 0;
}

static void drop_oldest(struct rp_recall *recall)
{
    uint32_t left = --recall->count;

    memmove(recall->run, recall->run + 1, left * sizeof *recall->run);
    memmove(recall->dt, recall->dt + 1, left * sizeof *recall->dt);
    memmove(recall->pitch, recall->pitch + 1, left);
    memmove(recall->duration, recall->duration + 1, left);
}

/* run[i] was for the last note but one: one note on, from the back so that
 * run[i - 1] is still the old one. The oldest has no interval. */
static void extend_runs(struct rp_recall *recall)
{
    const uint8_t *pitch = recall->pitch;
    uint32_t last = recall->count - 1u;
    int32_t dt = recall->dt[last];
    int step = last ? pitch[last] - pitch[last - 1] : 0;

    recall->run[last] = 0;
    for (uint32_t i = last; i-- > 1;) {
        bool like = recall->dt[i] == dt && pitch[i] - pitch[i - 1] == step;
        recall->run[i] = (uint16_t)(like ? recall->run[i - 1] + 1 : 0);
    }
    recall->run[0] = 0;
}

static void choose(struct rp_recall *recall)
{
    uint32_t last = recall->count - 1u, best = 0;

    recall->next = 0;
    for (uint32_t i = last; i-- > 1;) {
        uint32_t run = recall->run[i] < RUN_MOST ? recall->run[i] : RUN_MOST;
        uint32_t score = 2 * run + (recall->pitch[i] == recall->pitch[last]);
        if (run && score > best) {
            best = score;
            recall->next = (uint16_t)(i + 1);
        }
    }
}

RP_SHARED
void rp_recall_push(struct rp_recall *recall, int32_t dt, uint8_t pitch,
                    uint8_t duration)
{
    if (recall->count == RP_RECALL_NOTES)
        drop_oldest(recall);
    recall->dt[recall->count] = dt;
    recall->pitch[recall->count] = pitch;
    recall->duration[recall->count] = duration;
    recall->count++;
    extend_runs(recall);
    choose(recall);
}

RP_SHARED
void rp_recall_release(struct rp_recall *recall, uint8_t pitch, int32_t after)
{
    for (uint32_t i = recall->count; i-- > 0;) {
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
    struct rp_recalled said = {.found = recall->next > 0};

    if (!said.found)
        return said;
    uint32_t next = recall->next, last = recall->count - 1u;
    int up = recall->pitch[next] - recall->pitch[next - 1];
    int pitch = recall->pitch[last] + up;
    said.key = recall->pitch[next - 1] == recall->pitch[last];
    said.size = size_of(recall->run[next - 1]);
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
