/* What the tests of takes share: a folder, the log as text, a ring to record
 * from, and a reader of .mid files that knows only what riposte writes. */
#ifndef TAKE_BENCH_H
#define TAKE_BENCH_H

#include <stdbool.h>
#include <unistd.h>

#include "rt/cycle.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "rt/take.h"

#include "tests/test.h"

static char folder[] = "/tmp/riposte-take-XXXXXX";
static char logged[4096]; /* all lines since the last quiet() */

static void listen(void *self, enum rp_level level, const char *tag,
                   const char *text)
{
    size_t used = strlen(logged);

    snprintf(logged + used, sizeof(logged) - used, "%s: %s\n", tag, text);
}

struct name {
    char text[200];
};

static struct name in_folder(const char *file)
{
    struct name name;

    snprintf(name.text, sizeof(name.text), "%s/%s", folder, file);
    return name;
}

struct mid_event {
    int64_t tick;
    uint8_t bytes[8]; /* channel message, or meta: ff type size data */
};
struct mid {
    bool whole;
    int tracks, ppq, counts[4];
    char name[4][20];
    struct mid_event event[4][4000];
};

static uint32_t number(const uint8_t *at, int bytes)
{
    uint32_t value = 0;

    while (bytes--) {
        value = value << 8 | *at++;
    }
    return value;
}

/* One event; returns the bytes it takes, 0 when it is none. */
static size_t read_event(struct mid *mid, int track, int64_t tick,
                         const uint8_t *at, uint8_t *status)
{
    struct mid_event *event = &mid->event[track][mid->counts[track]];
    int size;

    event->tick = tick;
    memset(event->bytes, 0, 8);
    if (at[0] == 0xff) {
        memcpy(event->bytes, at, at[2] < 5 ? 3 + at[2] : 8);
        if (at[1] == 3) {
            memcpy(mid->name[track], at + 3, at[2]);
        } else if (at[1] != 0x2f) {
            mid->counts[track]++;
        }
        return 3 + at[2];
    }
    size = at[0] & 0x80 ? 1 : 0;
    *status = size ? at[0] : *status;
    if (*status < 0x80 || *status >= 0xf0) {
        return 0;
    }
    event->bytes[0] = *status;
    memcpy(event->bytes + 1, at + size, rp_event_data_size(*status));
    mid->counts[track]++;
    return size + rp_event_data_size(*status);
}

static void read_track(struct mid *mid, int track, const uint8_t *at,
                       const uint8_t *end)
{
    int64_t tick = 0;
    uint8_t status = 0;

    while (at < end && mid->counts[track] < 3999) {
        uint32_t delta = 0;
        size_t used;

        do {
            delta = delta << 7 | (*at & 0x7f);
        } while (*at++ & 0x80);
        tick += delta;
        used = read_event(mid, track, tick, at, &status);
        if (!used) {
            return;
        }
        at += used;
    }
    mid->whole = mid->whole && at == end;
}

static struct mid *read_mid(const char *path)
{
    static struct mid mid;
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(bytes, 1, sizeof(bytes), file) : 0, at = 14;

    memset(&mid, 0, sizeof(mid));
    if (file) {
        fclose(file);
    }
    if (size < 14 || memcmp(bytes, "MThd\0\0\0\6\0\1", 10)) {
        return &mid;
    }
    mid.tracks = number(bytes + 10, 2);
    mid.ppq = number(bytes + 12, 2);
    mid.whole = true;
    for (int t = 0; t < mid.tracks && t < 4; t++) {
        uint32_t length = number(bytes + at + 4, 4);

        if (at + 8 + length > size || memcmp(bytes + at, "MTrk", 4)) {
            mid.whole = false;
            break;
        }
        read_track(&mid, t, bytes + at + 8, bytes + at + 8 + length);
        at += 8 + length;
    }
    mid.whole = mid.whole && at == size;
    return &mid;
}

static struct rp_ring ring;

static void push(uint8_t kind, const struct rp_clock *clock, rp_frame frame,
                 struct rp_event event)
{
    struct rp_recorded recorded = {.frame = frame,
                                   .kind = kind,
                                   .beat = rp_clock_beat(clock, frame),
                                   .event = event,
                                   .clock = *clock};

    CHECK(rp_ring_push(&ring, &recorded, NULL));
}

static const struct rp_event none;

static struct rp_clock start_clock(rp_frame frame)
{
    return (struct rp_clock){.rate = 48000,
                             .mbpm = 97000,
                             .frame = frame,
                             .metre = {4, 4},
                             .anchored = 1};
}

static struct rp_take *open_take(const char *path)
{
    struct rp_take *take = NULL;

    CHECK_INT(rp_take_create(&take, path, &ring), RP_OK);
    if (!take) {
        printf("no take, no test\n");
        exit(1);
    }
    return take;
}

static inline void take_begin(void)
{
    rp_log_to(listen, NULL);
    if (!mkdtemp(folder) ||
        rp_ring_init(&ring, 8192, sizeof(struct rp_recorded)) != RP_OK) {
        printf("no folder or no memory\n");
        exit(1);
    }
}

static inline void take_end(void)
{
    char remove[100];

    rp_ring_fini(&ring);
    snprintf(remove, sizeof(remove), "rm -r %s", folder);
    CHECK_INT(system(remove), 0);
}

#endif
