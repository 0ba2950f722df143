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

#include "rt/journal.h"
#include "rt/log.h"

enum { BATCH = 512, NAP_MS = 100, SYNC_MS = 500, BUILD_MS = 5000 };

struct rp_take {
    char *path, *journal;
    struct rp_ring *ring;
    int fd;
    off_t size;      /* of what is surely in the journal */
    uint32_t filled; /* bytes of buffer that are not yet */
    bool failing;    /* the disk refuses; said once */
    bool unsynced;   /* as does a sync */
    bool played;     /* music is on its way to the journal */
    bool cleared;    /* what lay at `path` before was moved aside */
    bool started;
    pthread_t thread;
    _Atomic bool quit;
    unsigned char buffer[BATCH * RP_JOURNAL_RECORD];
};

/* ---- what a killed run left ---- */

static bool has_suffix(const char *text, const char *suffix)
{
    size_t size = strlen(text), end = strlen(suffix);

    return size > end && !strcmp(text + size - end, suffix);
}

/* Whether no music can be read in it. */
static bool is_idle(const char *journal)
{
    unsigned char bytes[RP_JOURNAL_RECORD];
    struct rp_recorded recorded;
    FILE *file = fopen(journal, "rb");
    bool idle = false;

    if (file) {
        size_t got = fread(bytes, 1, RP_JOURNAL_HEADER, file);

        idle = !memcmp(bytes, rp_journal_header, got);
        while (idle && fread(bytes, RP_JOURNAL_RECORD, 1, file) == 1 &&
               rp_journal_decode(bytes, &recorded)) {
            idle = !rp_journal_plays(&recorded);
        }
        fclose(file);
    }
    return idle;
}

static bool is_filled(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && info.st_size;
}

/* One journal; its .mid has the same name without the suffix. A .mid that is
 * there was built from it, or is an older take if there is no music in the
 * journal (see make_room). */
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
    if (is_filled(path) && is_idle(journal)) {
        unlink(journal);
        close(fd);
        return RP_OK;
    }
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

/* Whether a file found in a folder is a journal of ours at all. */
static bool is_journal(const char *path)
{
    char start[RP_JOURNAL_HEADER];
    FILE *file = has_suffix(path, ".mid.journal") ? fopen(path, "rb") : NULL;
    bool ours = file &&
                fread(start, 1, RP_JOURNAL_HEADER, file) == RP_JOURNAL_HEADER &&
                !memcmp(start, rp_journal_header, RP_JOURNAL_HEADER);

    if (file) {
        fclose(file);
    }
    return ours;
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
        char path[PATH_MAX];
        rp_status status;

        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (is_journal(path)) {
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

/* Never over another file. Some file systems know no links. */
static bool move(const char *from, const char *to)
{
    if (link(from, to) == 0) {
        (void)unlink(from);
        return true;
    }
    if (errno != EPERM && errno != EOPNOTSUPP) {
        return false;
    }
    if (access(to, F_OK) == 0) {
        errno = EEXIST;
        return false;
    }
    return rename(from, to) == 0;
}

/* An earlier take of the same name moves to NAME-1.mid, NAME-2.mid, ... */
static rp_status keep(const char *path)
{
    int stem = (int)strlen(path);
    const char *suffix = "";
    char free_name[PATH_MAX];

    if (has_suffix(path, ".mid")) {
        suffix = ".mid";
        stem -= 4;
    }
    for (int i = 1; i < 10000; i++) {
        snprintf(free_name, sizeof(free_name), "%.*s-%d%s", stem, path, i,
                 suffix);
        if (move(path, free_name)) {
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

static void folder_of(const char *path, char folder[PATH_MAX])
{
    char *slash;

    snprintf(folder, PATH_MAX, "%s", path);
    slash = strrchr(folder, '/');
    if (slash) {
        slash[slash == folder] = '\0';
    } else {
        strcpy(folder, ".");
    }
}

/* The journal's name must outlive a power cut as well. */
static void sync_folder(const char *path)
{
    char folder[PATH_MAX];
    int fd;

    folder_of(path, folder);
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Before the first music goes to the journal: from then on what lies at
 * `path` is this take. A take without music replaces nothing. */
static rp_status make_room(struct rp_take *take)
{
    rp_status status = RP_OK;

    if (!take->cleared && is_filled(take->path)) {
        status = keep(take->path);
        sync_folder(take->path);
    }
    take->cleared = take->cleared || status == RP_OK;
    return status;
}

/* The .mid as it is now. */
static rp_status build(struct rp_take *take)
{
    rp_status status;

    if (!take->played && is_filled(take->path)) {
        return RP_OK;
    }
    status = make_room(take);
    return status ? status : rp_take_build(take->journal, take->path);
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
        pwrite(take->fd, rp_journal_header, RP_JOURNAL_HEADER, 0) !=
            RP_JOURNAL_HEADER ||
        fdatasync(take->fd)) {
        rp_log(RP_ERROR, "take", "%s: %m", take->journal);
        return RP_EIO;
    }
    take->size = RP_JOURNAL_HEADER;
    sync_folder(take->journal);
    return RP_OK;
}

/* Said at once, not when the music is over. */
static rp_status check_name(const char *path)
{
    struct stat info;

    if (!*path || path[strlen(path) - 1] == '/' ||
        (stat(path, &info) == 0 && !S_ISREG(info.st_mode))) {
        rp_log(RP_ERROR, "take", "'%s': expected the name of a .mid file",
               path);
        return RP_EARG;
    }
    return RP_OK;
}

rp_status rp_take_create(struct rp_take **take, const char *path,
                         struct rp_ring *ring)
{
    struct rp_take *made;
    char folder[PATH_MAX];
    int finished;
    rp_status status = check_name(path);

    if (status == RP_OK) {
        status = rp_take_recover(path, &finished);
    }
    if (status == RP_OK && finished) { /* nobody has seen it yet */
        status = keep(path);
    }
    if (status) {
        return status;
    }
    folder_of(path, folder); /* its neighbours; not our business if it fails */
    if (access(folder, R_OK) == 0 && finish_folder(folder, NULL) != RP_OK) {
        rp_log(RP_WARN, "take", "%s: a take there cannot be finished", folder);
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
            if (!take->played && rp_journal_plays(&recorded)) {
                take->played = true;
                (void)!make_room(take); /* logged, and build asks again */
            }
            rp_journal_encode(&recorded, take->buffer + take->filled);
            take->filled += RP_JOURNAL_RECORD;
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

/* False, and said once, while the disk refuses. */
static bool sync_journal(struct rp_take *take)
{
    bool fails = fdatasync(take->fd) != 0;

    if (fails && !take->unsynced) {
        rp_log(RP_WARN, "take", "%s: %m; trying again", take->journal);
    }
    take->unsynced = fails;
    return !fails;
}

static void *recorder(void *self)
{
    struct rp_take *take = self;
    const struct timespec nap = {.tv_nsec = NAP_MS * 1000000L};
    uint64_t synced_at = now_ms(), built_at = synced_at, pause = BUILD_MS;
    off_t synced = 0, built = RP_JOURNAL_HEADER;

    while (!atomic_load(&take->quit)) {
        uint64_t now = now_ms();

        rp_take_drain(take);
        if (take->size != synced && now - synced_at >= SYNC_MS) {
            off_t size = take->size;

            synced_at = now;
            synced = sync_journal(take) ? size : synced;
        }
        if (take->size != built && now - built_at >= pause) {
            off_t size = take->size;

            if (build(take) == RP_OK) {
                built = size;
            } else {
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
    if (take->size > RP_JOURNAL_HEADER && build(take)) {
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
