#include "model/data/gather.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/log.h"

enum {
    BLOCK = 512,      /* files read before the memory is counted */
    THREADS_MAX = 64,
    LINES_MAX = 4,    /* that one file may say */
    INDEXED = 4       /* phrases that one takes the room of while likenesses
                         are searched */
};

/* What reading one file said: kept here, said in order of the files. */
struct line {
    enum rp_level level;
    char tag[16];
    char *text;
};

struct job {
    struct line line[LINES_MAX];
    uint32_t lines;
    rp_status status;
};

struct gather {
    const struct rp_dataset_options *options;
    struct rp_role role;
    struct rp_facts *facts;
    uint32_t first, count;  /* files of the block being read */
    struct rp_entry *block; /* one for each of them */
    struct job *job;
    atomic_uint next;       /* of the block, to be read by whoever is free */
    struct rp_entry *entry; /* what is kept so far */
    uint32_t entries;
    uint64_t room; /* bytes left for more */
    bool full;
};

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    struct job *job = self;
    if (job->lines == LINES_MAX)
        return;
    struct line *line = &job->line[job->lines];
    if (!(line->text = strdup(text)))
        return;
    line->level = level;
    snprintf(line->tag, sizeof line->tag, "%s", tag);
    job->lines++;
}

static void read_file(struct gather *gather, uint32_t i)
{
    struct job *job = &gather->job[i];
    struct rp_entry *entry = &gather->block[i];
    rp_log_divert(keep_line, job);
    job->status = rp_piece_read(gather->options, gather->role,
                                &gather->facts[gather->first + i],
                                &entry->piece);
    /* Drums have no intervals, and all play the same few beats: they are alike
     * only where they are twins. */
    if (!job->status && gather->role.kind != RP_ROLE_DRUMS)
        job->status = rp_print_create(
            entry->piece.note, entry->piece.count,
            gather->options->vocabulary.resolution, &entry->print);
    if (!job->status)
        rp_split_digest(&entry->piece, entry->digest);
    rp_log_divert(NULL, NULL);
}

static void *read_files(void *self)
{
    struct gather *gather = self;
    for (uint32_t i; (i = atomic_fetch_add(&gather->next, 1)) < gather->count;)
        read_file(gather, i);
    return NULL;
}

/* On as many threads as can be had, this one among them. */
static void read_block(struct gather *gather)
{
    pthread_t thread[THREADS_MAX];
    uint32_t wanted = gather->options->threads, started = 0;
    if (!wanted)
        wanted = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted > THREADS_MAX)
        wanted = THREADS_MAX;
    if (wanted > gather->count)
        wanted = gather->count;
    atomic_store(&gather->next, 0);
    while (started + 1 < wanted &&
           !pthread_create(&thread[started], NULL, read_files, gather))
        started++;
    read_files(gather);
    while (started)
        pthread_join(thread[--started], NULL);
}

/* Why a file was broken: what was logged, without the path. */
static char *reason_of(const struct job *job, const char *path)
{
    const char *text = job->lines ? job->line[job->lines - 1].text : "unread";
    size_t size = strlen(path);
    if (!strncmp(text, path, size) && !strncmp(text + size, ": ", 2))
        text += size + 2;
    return strdup(text);
}

/* Says what the files of a block had to say; the first failure that was not a
 * file's own. */
static rp_status settle_block(struct gather *gather)
{
    rp_status status = RP_OK;
    for (uint32_t i = 0; i < gather->count; i++) {
        struct job *job = &gather->job[i];
        struct rp_facts *facts = &gather->facts[gather->first + i];
        if (facts->fate == RP_BROKEN && !facts->reason)
            facts->reason = reason_of(job, facts->path);
        for (uint32_t k = 0; k < job->lines; k++) {
            rp_log(job->line[k].level, job->line[k].tag, "%s",
                   job->line[k].text);
            free(job->line[k].text);
        }
        if (!status && job->status != RP_ENONE)
            status = job->status;
    }
    return status;
}

/* What an entry takes, with its share of the search for likenesses. */
static uint64_t bytes_of(const struct rp_entry *entry)
{
    const struct rp_piece *piece = &entry->piece;
    return sizeof *entry + sizeof(struct rp_facts) +
           2 * strlen(piece->path) + piece->count * sizeof *piece->note +
           piece->metres * sizeof *piece->metre +
           piece->chords * sizeof *piece->chord +
           (uint64_t)entry->print.count * sizeof *entry->print.phrase *
               INDEXED;
}

static uint64_t limit_of(const struct rp_dataset_options *options)
{
    if (options->memory)
        return (uint64_t)options->memory << 20;
    return (uint64_t)sysconf(_SC_PHYS_PAGES) / 2 *
           (uint64_t)sysconf(_SC_PAGESIZE);
}

void rp_entry_fini(struct rp_entry *entry)
{
    rp_piece_fini(&entry->piece);
    rp_print_destroy(&entry->print);
}

/* Keeps the pieces of a block, by path, until there is no room. */
static void keep_block(struct gather *gather)
{
    for (uint32_t i = 0; i < gather->count; i++) {
        struct rp_facts *facts = &gather->facts[gather->first + i];
        struct rp_entry *entry = &gather->block[i];
        if (gather->job[i].status) {
            rp_entry_fini(entry);
            continue;
        }
        uint64_t bytes = bytes_of(entry);
        if (gather->full || bytes > gather->room) {
            gather->full = true;
            facts->fate = RP_BEYOND;
            rp_entry_fini(entry);
            continue;
        }
        gather->room -= bytes;
        entry->file = gather->first + i;
        gather->entry[gather->entries++] = *entry;
    }
}

static rp_status take_block(struct gather *gather)
{
    memset(gather->block, 0, BLOCK * sizeof *gather->block);
    memset(gather->job, 0, BLOCK * sizeof *gather->job);
    read_block(gather);
    rp_status status = settle_block(gather);
    keep_block(gather);
    return status;
}

static void say_limit(const struct gather *gather, uint32_t files)
{
    uint32_t beyond = 0, first = files;
    for (uint32_t i = files; i-- > 0;)
        if (gather->facts[i].fate == RP_BEYOND) {
            beyond++;
            first = i;
        }
    rp_log(RP_WARN, "dataset",
           "%u pieces fill the memory allowed, %llu MB: %u files left out, "
           "the first is %s; --memory MB allows more",
           gather->entries,
           (unsigned long long)(limit_of(gather->options) >> 20), beyond,
           gather->facts[first].path);
}

rp_status rp_gather(const struct rp_dataset_options *options,
                    struct rp_role role, struct rp_facts *facts,
                    uint32_t files, struct rp_entry *entry, uint32_t *count)
{
    struct gather gather = {.options = options, .role = role, .facts = facts,
                            .entry = entry, .room = limit_of(options)};
    rp_status status = RP_OK;
    gather.block = malloc(BLOCK * sizeof *gather.block);
    gather.job = malloc(BLOCK * sizeof *gather.job);
    if (!gather.block || !gather.job) {
        rp_log(RP_ERROR, "dataset", "out of memory");
        status = RP_EMEM;
    }
    while (!status && gather.first < files && !gather.full) {
        uint32_t left = files - gather.first;
        gather.count = left < BLOCK ? left : BLOCK;
        status = take_block(&gather);
        gather.first += gather.count;
    }
    for (uint32_t i = gather.first; i < files; i++)
        facts[i].fate = RP_BEYOND;
    if (!status && gather.full)
        say_limit(&gather, files);
    while (status && gather.entries)
        rp_entry_fini(&entry[--gather.entries]);
    free(gather.block);
    free(gather.job);
    *count = gather.entries;
    return status;
}
