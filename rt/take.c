#include "rt/take.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "rt/cycle.h"
#include "rt/log.h"
#include "rt/smf_write.h"

/* The journal: HEADER bytes of name and version, then records of RECORD bytes,
 * little-endian:
 *   0 kind  1 event size  2..4 event  5 metre beats  6 metre unit  7 anchored
 *   8 frame  16 beat  24 clock's frame  32 its beat  40 its bar (64 bits each)
 *   48 rate  52 mbpm  56 zero  60 CRC-32 of the 60 bytes before
 * Whatever follows the last whole record is what a kill cut off. */
enum { HEADER = 16, RECORD = 64, BATCH = 512 };
static const char header[HEADER + 1] = "riposte take 1\r\n";

enum { NAP_MS = 100, SYNC_MS = 500, BUILD_MS = 5000 };

struct rp_take {
    char *path, *journal;
    struct rp_ring *ring;
    int fd;
    off_t size;      /* of what is surely in the journal */
    uint32_t filled; /* bytes of buffer that are not yet */
    bool failing;    /* the disk refuses; said once */
    bool started;
    pthread_t thread;
    _Atomic bool quit;
    unsigned char buffer[BATCH * RECORD];
};

/* ---- records ---- */

static uint32_t crc32(const unsigned char *data, size_t size)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
        }
    }
    return ~crc;
}

static void put(unsigned char *to, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        to[i] = value >> 8 * i;
    }
}

static uint64_t get(const unsigned char *from, int bytes)
{
    uint64_t value = 0;

    for (int i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << 8 * i;
    }
    return value;
}

static void encode(const struct rp_recorded *recorded, unsigned char *to)
{
    const struct rp_clock *clock = &recorded->clock;

    to[0] = recorded->kind;
    to[1] = recorded->event.size;
    memcpy(to + 2, recorded->event.data, 3);
    to[5] = clock->metre.beats;
    to[6] = clock->metre.unit;
    to[7] = clock->anchored;
    put(to + 8, recorded->frame, 8);
    put(to + 16, recorded->beat, 8);
    put(to + 24, clock->frame, 8);
    put(to + 32, clock->beat, 8);
    put(to + 40, clock->bar, 8);
    put(to + 48, clock->rate, 4);
    put(to + 52, clock->mbpm, 4);
    put(to + 56, 0, 4);
    put(to + 60, crc32(to, 60), 4);
}

/* False when the bytes are no record that encode could have made. */
static bool decode(const unsigned char *from, struct rp_recorded *recorded)
{
    struct rp_clock *clock = &recorded->clock;

    if (get(from + 60, 4) != crc32(from, 60) || from[0] > RP_RECORDED_CLOCK ||
        from[1] > 3) {
        return false;
    }
    recorded->kind = from[0];
    recorded->event.size = from[1];
    memcpy(recorded->event.data, from + 2, 3);
    clock->metre.beats = from[5];
    clock->metre.unit = from[6];
    clock->anchored = from[7];
    recorded->frame = (int64_t)get(from + 8, 8);
    recorded->beat = (int64_t)get(from + 16, 8);
    clock->frame = (int64_t)get(from + 24, 8);
    clock->beat = (int64_t)get(from + 32, 8);
    clock->bar = (int64_t)get(from + 40, 8);
    clock->rate = get(from + 48, 4);
    clock->mbpm = get(from + 52, 4);
    return clock->rate > 0 && clock->mbpm > 0;
}

/* ---- from the journal to the .mid ---- */

enum { CALL_TRACK = 1, ANSWER_TRACK = 2, TRACKS = 2 };

struct build {
    struct rp_smf_write *smf;
    struct rp_clock clock; /* of the last clock record */
    rp_beat shift;         /* the file's beat = the clock's + shift */
    int64_t last;          /* tick */
    uint32_t events;
    uint16_t open[TRACKS + 1][16][128];
};

static int64_t tick_of(const struct build *build, rp_beat beat)
{
    __int128 at = (__int128)beat + build->shift;

    /* What came before the first onset set the beat is set-up: at 0. */
    if (!build->clock.anchored || at <= 0) {
        return 0;
    }
    return (int64_t)((2 * at * RP_SMF_PPQ + RP_BEAT) / (2 * RP_BEAT));
}

/* Tempo and metre of the latest clock, where they differ from `before`. */
static rp_status write_clock(struct build *build, const struct rp_clock *before,
                             int64_t tempo_at, int64_t metre_at)
{
    const struct rp_clock *clock = &build->clock;
    rp_status status = RP_OK;

    if (clock->mbpm != before->mbpm) {
        status = rp_smf_write_tempo(build->smf, tempo_at, clock->mbpm);
    }
    if (status == RP_OK && (clock->metre.beats != before->metre.beats ||
                            clock->metre.unit != before->metre.unit)) {
        status = rp_smf_write_metre(build->smf, metre_at, clock->metre);
    }
    return status;
}

static rp_status add_clock(struct build *build, const struct rp_recorded *r)
{
    static const struct rp_clock none;
    struct rp_clock before = build->clock;
    rp_beat now = rp_clock_beat(&r->clock, r->frame), jump;

    build->clock = r->clock;
    if (!r->clock.anchored) { /* what it says counts from the anchor on */
        return RP_OK;
    }
    if (!before.anchored) {
        build->shift = now < 0 ? -now : -rp_clock_bar_before(&r->clock, now);
        return write_clock(build, &none, 0, 0);
    }
    jump = rp_clock_beat(&before, r->frame) - now;
    if (jump > RP_TICK / 64 || jump < -RP_TICK / 64) {
        build->shift += jump; /* the file goes on where it was */
    }
    return write_clock(build, &before, tick_of(build, now),
                       tick_of(build, r->clock.bar));
}

static rp_status add_event(struct build *build, const struct rp_recorded *r)
{
    uint32_t track = r->kind == RP_RECORDED_CALL ? CALL_TRACK : ANSWER_TRACK;
    int64_t tick = tick_of(build, r->beat);
    uint16_t *open =
        &build->open[track][r->event.data[0] & 15][r->event.data[1] & 127];

    if (rp_event_is_on(r->event)) {
        *open += *open < UINT16_MAX;
    } else if (rp_event_is_off(r->event)) {
        *open -= *open > 0;
    }
    build->last = tick > build->last ? tick : build->last;
    build->events++;
    return rp_smf_write_event(build->smf, track, tick, r->event);
}

/* The file ends while notes sound: they end with it. */
static rp_status end_notes(struct build *build)
{
    static const struct rp_clock none;

    if (build->clock.rate && !build->clock.anchored) { /* no note at all */
        rp_status status = write_clock(build, &none, 0, 0);

        if (status) {
            return status;
        }
    }
    for (int t = CALL_TRACK; t <= TRACKS; t++) {
        for (int c = 0; c < 16; c++) {
            for (int p = 0; p < 128; p++) {
                for (int n = build->open[t][c][p]; n > 0; n--) {
                    rp_status status = rp_smf_write_event(
                        build->smf, t, build->last,
                        rp_event_make(RP_NOTE_OFF, c, p, 64));

                    if (status) {
                        return status;
                    }
                }
            }
        }
    }
    return RP_OK;
}

static rp_status read_records(struct build *build, FILE *file,
                              const char *journal)
{
    unsigned char bytes[RECORD];
    long offset = HEADER;
    rp_status status = RP_OK;
    size_t got;

    while (status == RP_OK && (got = fread(bytes, 1, RECORD, file)) == RECORD) {
        struct rp_recorded recorded = {0};

        if (!decode(bytes, &recorded)) {
            rp_log(RP_WARN, "take",
                   "%s: byte %ld: no whole record; what follows is left out",
                   journal, offset);
            return RP_OK;
        }
        status = recorded.kind == RP_RECORDED_CLOCK
                     ? add_clock(build, &recorded)
                     : add_event(build, &recorded);
        offset += RECORD;
    }
    if (status == RP_OK && ferror(file)) {
        rp_log(RP_ERROR, "take", "%s: %m", journal);
        return RP_EIO;
    }
    return status;
}

static rp_status build_from(struct build *build, FILE *file,
                            const char *journal, const char *path)
{
    char start[HEADER];
    size_t got = fread(start, 1, HEADER, file);
    rp_status status;

    /* A shorter one was killed at its very start and holds nothing. */
    if (memcmp(start, header, got)) {
        rp_log(RP_ERROR, "take", "%s: byte 0: expected \"riposte take 1\"",
               journal);
        return RP_EFORMAT;
    }
    if ((status = rp_smf_write_create(&build->smf, TRACKS))) {
        return status;
    }
    if ((status = rp_smf_write_name(build->smf, CALL_TRACK, "call")) ||
        (status = rp_smf_write_name(build->smf, ANSWER_TRACK, "answer")) ||
        (status = read_records(build, file, journal)) ||
        (status = end_notes(build))) {
        rp_smf_write_destroy(build->smf);
        return status;
    }
    status = rp_smf_write_save(build->smf, path);
    rp_smf_write_destroy(build->smf);
    return status;
}

rp_status rp_take_build(const char *journal, const char *path)
{
    struct build *build = calloc(1, sizeof(*build));
    FILE *file = fopen(journal, "rb");
    rp_status status;

    if (!file || !build) {
        rp_log(RP_ERROR, "take", "%s: %s", journal,
               file ? "out of memory" : strerror(errno));
        status = file ? RP_EMEM : RP_EIO;
    } else {
        status = build_from(build, file, journal, path);
    }
    if (file) {
        fclose(file);
    }
    free(build);
    return status;
}

/* ---- what a killed run left ---- */

static bool has_suffix(const char *text, const char *suffix)
{
    size_t size = strlen(text), end = strlen(suffix);

    return size > end && !strcmp(text + size - end, suffix);
}

/* One journal; its .mid has the same name without the suffix. */
static rp_status finish_orphan(const char *journal, int *finished)
{
    char path[PATH_MAX];
    int fd = open(journal, O_RDWR | O_CLOEXEC);
    rp_status status;

    if (fd < 0) {
        rp_log(RP_ERROR, "take", "%s: %m", journal);
        return RP_EIO;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        rp_log(RP_DEBUG, "take", "%s: being recorded", journal);
        close(fd);
        return RP_OK;
    }
    snprintf(path, sizeof(path), "%s", journal);
    path[strlen(path) - strlen(".journal")] = '\0';
    status = rp_take_build(journal, path);
    if (status == RP_OK) {
        unlink(journal);
        rp_log(RP_INFO, "take", "%s: finished what an earlier run began", path);
        if (finished) {
            ++*finished;
        }
    }
    close(fd);
    return status;
}

static rp_status finish_folder(const char *folder, int *finished)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    rp_status worst = RP_OK;

    if (!dir) {
        rp_log(RP_ERROR, "take", "%s: %m", folder);
        return RP_EIO;
    }
    while ((entry = readdir(dir))) {
        if (has_suffix(entry->d_name, ".journal")) {
            char path[PATH_MAX];
            rp_status status;

            snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
            status = finish_orphan(path, finished);
            worst = status ? status : worst;
        }
    }
    closedir(dir);
    return worst;
}

rp_status rp_take_recover(const char *path, int *finished)
{
    char journal[PATH_MAX];
    struct stat info;

    if (finished) {
        *finished = 0;
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return finish_folder(path, finished);
    }
    snprintf(journal, sizeof(journal), "%s%s", path,
             has_suffix(path, ".journal") ? "" : ".journal");
    if (access(journal, F_OK)) {
        return RP_OK;
    }
    return finish_orphan(journal, finished);
}

/* ---- recording ---- */

/* What lies under the name a new take is about to use was finished only now:
 * it moves to NAME-1.mid, NAME-2.mid, ... */
static rp_status keep_recovered(const char *path)
{
    int finished, stem = (int)strlen(path);
    const char *suffix = "";
    char free_name[PATH_MAX];
    rp_status status = rp_take_recover(path, &finished);

    if (status || !finished) {
        return status;
    }
    if (has_suffix(path, ".mid")) {
        suffix = ".mid";
        stem -= 4;
    }
    for (int i = 1; i < 10000; i++) {
        snprintf(free_name, sizeof(free_name), "%.*s-%d%s", stem, path, i,
                 suffix);
        if (link(path, free_name) == 0) {
            unlink(path);
            rp_log(RP_INFO, "take", "%s: kept as %s", path, free_name);
            return RP_OK;
        }
        if (errno != EEXIST) {
            break;
        }
    }
    rp_log(RP_ERROR, "take", "%s: cannot be kept as %s: %m", path, free_name);
    return RP_EIO;
}

/* The journal's name must outlive a power cut as well. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    char *slash;
    int fd;

    snprintf(folder, sizeof(folder), "%s", path);
    slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder] = '\0';
    }
    fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

static rp_status open_journal(struct rp_take *take)
{
    take->fd = open(take->journal, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (take->fd < 0) {
        rp_log(RP_ERROR, "take", "%s: %m", take->journal);
        return RP_EIO;
    }
    if (flock(take->fd, LOCK_EX | LOCK_NB)) {
        rp_log(RP_ERROR, "take", "%s: another riposte records it", take->path);
        close(take->fd);
        take->fd = -1;
        return RP_EIO;
    }
    if (ftruncate(take->fd, 0) ||
        pwrite(take->fd, header, HEADER, 0) != HEADER || fdatasync(take->fd)) {
        rp_log(RP_ERROR, "take", "%s: %m", take->journal);
        return RP_EIO;
    }
    take->size = HEADER;
    sync_folder(take->journal);
    return RP_OK;
}

rp_status rp_take_create(struct rp_take **take, const char *path,
                         struct rp_ring *ring)
{
    struct rp_take *made;
    rp_status status = keep_recovered(path);

    if (status) {
        return status;
    }
    made = calloc(1, sizeof(*made));
    if (!made || !(made->path = strdup(path)) ||
        asprintf(&made->journal, "%s.journal", path) < 0) {
        rp_log(RP_ERROR, "take", "out of memory");
        if (made) {
            free(made->path);
        }
        free(made);
        return RP_EMEM;
    }
    made->ring = ring;
    status = open_journal(made);
    if (status) {
        if (made->fd >= 0) {
            close(made->fd);
            unlink(made->journal);
        }
        free(made->path);
        free(made->journal);
        free(made);
        return status;
    }
    *take = made;
    return RP_OK;
}

/* Appends the buffer. What a full disk refuses stays in it. */
static bool append(struct rp_take *take)
{
    ssize_t put_bytes =
        pwrite(take->fd, take->buffer, take->filled, take->size);

    if (put_bytes != (ssize_t)take->filled) {
        if (!take->failing) {
            rp_log(RP_ERROR, "take", "%s: %s; trying again", take->journal,
                   put_bytes < 0 ? strerror(errno) : "no space left");
        }
        take->failing = true;
        return false;
    }
    if (take->failing) {
        rp_log(RP_INFO, "take", "%s: recording again", take->journal);
        take->failing = false;
    }
    take->size += put_bytes;
    take->filled = 0;
    return true;
}

void rp_take_drain(struct rp_take *take)
{
    struct rp_recorded recorded;

    for (;;) {
        while (take->filled < sizeof(take->buffer) &&
               rp_ring_pop(take->ring, &recorded)) {
            encode(&recorded, take->buffer + take->filled);
            take->filled += RECORD;
        }
        if (!take->filled || !append(take)) {
            return;
        }
    }
}

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void *recorder(void *self)
{
    struct rp_take *take = self;
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    uint64_t synced_at = now_ms(), built_at = synced_at, pause = BUILD_MS;
    off_t synced = 0, built = HEADER;

    while (!atomic_load(&take->quit)) {
        uint64_t now = now_ms();

        rp_take_drain(take);
        if (take->size != synced && now - synced_at >= SYNC_MS) {
            synced = take->size;
            synced_at = now;
            if (fdatasync(take->fd)) {
                rp_log(RP_WARN, "take", "%s: %m", take->journal);
            }
        }
        if (take->size != built && now - built_at >= pause) {
            built = take->size;
            if (rp_take_build(take->journal, take->path)) {
                rp_log(RP_WARN, "take", "%s: will be tried again", take->path);
            }
            built_at = now_ms();
            /* A long take is rebuilt less often: 5 % of the time at most. */
            pause = (built_at - now) * 20;
            pause = pause < BUILD_MS ? BUILD_MS : pause;
        }
        nanosleep(&nap, NULL);
    }
    return NULL;
}

rp_status rp_take_start(struct rp_take *take)
{
    if ((errno = pthread_create(&take->thread, NULL, recorder, take))) {
        rp_log(RP_ERROR, "take", "no thread: %m");
        return RP_EIO;
    }
    take->started = true;
    return RP_OK;
}

rp_status rp_take_close(struct rp_take *take)
{
    rp_status status = RP_OK;

    if (!take) {
        return RP_OK;
    }
    if (take->started) {
        atomic_store(&take->quit, true);
        pthread_join(take->thread, NULL);
    }
    rp_take_drain(take);
    if (take->filled || fdatasync(take->fd)) {
        rp_log(RP_ERROR, "take", "%s: the end could not be written",
               take->journal);
        status = RP_EIO;
    }
    if (take->size > HEADER && rp_take_build(take->journal, take->path)) {
        status = RP_EIO;
    }
    if (status == RP_OK) {
        unlink(take->journal);
    }
    close(take->fd);
    free(take->path);
    free(take->journal);
    free(take);
    return status;
}
