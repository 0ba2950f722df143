/* Compares a take (.mid) with what jack_caller saw at riposte's ports: the
 * same events in the same order on the tracks "call" and "answer", every
 * time within half a tick of the take's own PPQ.
 *   take_check LOG TAKE
 *   take_check --list TAKE     "TRACK TICK BYTES", for another reader */
#include <stdbool.h>

#include "tests/live/midfile.h"

struct logged {
    bool out;
    int64_t frame; /* since the first onset */
    int data[3];
};

static struct logged *entry;
static int entries;
static int64_t rate, bpm;

static bool read_log(const char *path)
{
    char line[128], kind[8];
    long long frame, r, b;
    int room = 0;
    FILE *in = fopen(path, "r");
    if (!in)
        return false;
    while (fgets(line, sizeof line, in)) {
        struct logged e;
        if (sscanf(line, "rate %lld bpm %lld", &r, &b) == 2) {
            rate = r;
            bpm = b;
        }
        if (sscanf(line, "%7s %lld %d %d %d", kind, &frame, &e.data[0],
                   &e.data[1], &e.data[2]) != 5)
            continue;
        if (entries == room) {
            room = room ? 2 * room : 1024;
            entry = realloc(entry, (size_t)room * sizeof *entry);
        }
        e.out = !strcmp(kind, "out");
        e.frame = frame;
        entry[entries++] = e;
    }
    fclose(in);
    return rate > 0 && bpm > 0 && entries > 0;
}

static void list(const struct mid_file *mid)
{
    for (int i = 0; i < mid->count; i++) {
        const struct mid_event *e = &mid->event[i];
        if (!e->size)
            continue;
        printf("%d %lld", e->track, (long long)e->tick);
        for (int k = 0; k < e->size; k++)
            printf(" %d", e->data[k]);
        putchar('\n');
    }
}

/* Half a tick or nearer, and the one frame that frames are rounded by:
 * ticks = frame bpm division / (60 rate). */
static bool near(int64_t frame, int64_t tick, int64_t division)
{
    int64_t off = frame * bpm * division - tick * 60 * rate;
    return 2 * (off < 0 ? -off : off) <= 60 * rate + 2 * bpm * division;
}

static bool same(const struct logged *a, const struct mid_event *b)
{
    for (int k = 0; k < b->size; k++)
        if (a->data[k] != b->data[k])
            return false;
    return true;
}

static int check_track(const struct mid_file *mid, const char *name, bool out,
                       int64_t origin)
{
    int track = 0, at = 0, wrong = 0, apart = 0, extra = 0, same_count = 0;
    while (track < mid->tracks && strcmp(mid->name[track], name))
        track++;
    if (track == mid->tracks) {
        printf("failed: the take has no track \"%s\"\n", name);
        return 1;
    }
    for (int i = 0; i < mid->count; i++) {
        const struct mid_event *e = &mid->event[i];
        if (e->track != track || !e->size)
            continue;
        while (at < entries && entry[at].out != out)
            at++;
        if (at == entries) {
            /* Stopping releases everything after the listener has gone. */
            extra += e->data[0] >> 4 == 9 && e->data[2];
            continue;
        }
        if (!same(&entry[at], e)) {
            if (!wrong++)
                printf("%s: tick %lld: %d %d %d, expected %d %d %d\n", name,
                       (long long)e->tick, e->data[0], e->data[1], e->data[2],
                       entry[at].data[0], entry[at].data[1],
                       entry[at].data[2]);
        } else if (!near(entry[at].frame, e->tick - origin, mid->division)) {
            if (!apart++)
                printf("%s: frame %lld is at tick %lld\n", name,
                       (long long)entry[at].frame,
                       (long long)(e->tick - origin));
        } else
            same_count++;
        at++;
    }
    int missing = 0;
    for (; at < entries; at++)
        missing += entry[at].out == out;
    printf("%s: %d events as they were, %d other, %d more than half a tick "
           "apart, %d missing, %d note-ons too many\n", name, same_count,
           wrong, apart, missing, extra);
    return wrong || apart || missing || extra || !same_count;
}

/* The tick of the first note-on of the call: where the grid begins. */
static int64_t find_origin(const struct mid_file *mid)
{
    for (int i = 0; i < mid->count; i++) {
        const struct mid_event *e = &mid->event[i];
        if (!strcmp(mid->name[e->track], "call") && e->size &&
            e->data[0] >> 4 == 9 && e->data[2])
            return e->tick;
    }
    return 0;
}

static int check_tempo(const struct mid_file *mid)
{
    int64_t us = 60000000;
    for (int i = 0; i < mid->count; i++) {
        const struct mid_event *e = &mid->event[i];
        int64_t off = (int64_t)e->value * bpm - us;
        if (e->meta == 0x51)
            return (off < 0 ? -off : off) > bpm;
    }
    return 1;
}

int main(int count, char **arg)
{
    if (count != 3)
        return 2;
    static struct mid_file mid; /* lives as long as the program */
    mid = mid_read(arg[2]);
    if (!strcmp(arg[1], "--list")) {
        list(&mid);
        return 0;
    }
    if (!read_log(arg[1])) {
        printf("failed: %s holds no log\n", arg[1]);
        return 1;
    }
    int64_t origin = find_origin(&mid);
    int failed = check_track(&mid, "call", false, origin);
    failed |= check_track(&mid, "answer", true, origin);
    if (check_tempo(&mid)) {
        printf("failed: the take's tempo is not %lld\n", (long long)bpm);
        failed = 1;
    }
    if (origin % mid.division) {
        printf("failed: the first onset is not on a beat of the take\n");
        failed = 1;
    }
    return failed;
}
