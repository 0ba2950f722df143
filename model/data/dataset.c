#include "model/data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "model/data/gather.h"
#include "model/data/prepared.h"
#include "model/data/walk.h"
#include "rt/log.h"

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "dataset", "out of memory");
    return RP_EMEM;
}

static int compare_digests(const void *a, const void *b)
{
    const struct rp_entry *x = a, *y = b;
    int by = memcmp(x->digest, y->digest, sizeof x->digest);
    return by ? by : x->file < y->file ? -1 : 1;
}

static int compare_files(const void *a, const void *b)
{
    const struct rp_entry *x = a, *y = b;
    return x->file < y->file ? -1 : 1;
}

/* Of pieces that are the same but for the key, the first by path stays. */
static uint32_t drop_twins(struct rp_entry *entry, uint32_t count,
                           struct rp_facts *facts)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct rp_entry *last = kept ? &entry[kept - 1] : NULL;
        if (last && !memcmp(last->digest, entry[i].digest, RP_DIGEST)) {
            struct rp_facts *lost = &facts[entry[i].file];
            rp_log(RP_DEBUG, "dataset", "%s: duplicate of %s", lost->path,
                   facts[last->file].path);
            lost->fate = RP_DUPLICATE;
            lost->twin = (int32_t)last->file;
            lost->likeness = 1;
            rp_entry_fini(&entry[i]);
            continue;
        }
        entry[kept++] = entry[i];
    }
    return kept;
}

/* All of a group go where the one that speaks for it would go alone. */
static void set_splits(struct rp_entry *entry, uint32_t count,
                       const struct rp_near *near, uint32_t *speaker,
                       double ratio)
{
    for (uint32_t i = 0; i < count; i++)
        speaker[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *at = &speaker[near[i].group];
        if (rp_split_compare(entry[i].digest, entry[*at].digest) < 0)
            *at = i;
    }
    for (uint32_t i = 0; i < count; i++)
        entry[i].piece.split =
            rp_split_of(entry[speaker[near[i].group]].digest, ratio);
}

static void set_facts(const struct rp_entry *entry, uint32_t count,
                      const struct rp_near *near, struct rp_dataset *dataset)
{
    for (uint32_t i = 0; i < count; i++) {
        struct rp_facts *facts = &dataset->facts[entry[i].file];
        facts->split = entry[i].piece.split;
        facts->group = entry[near[i].group].file;
        if (near[i].twin < 0)
            continue;
        facts->twin = (int32_t)entry[near[i].twin].file;
        facts->likeness = near[i].likeness;
    }
}

/* `entry` is in order of files. */
static rp_status split(struct rp_dataset *dataset, struct rp_entry *entry,
                       uint32_t count, double ratio)
{
    struct rp_print *print = malloc((count + 1u) * sizeof *print);
    struct rp_near *near = malloc((count + 1u) * sizeof *near);
    uint32_t *speaker = malloc((count + 1u) * sizeof *speaker);
    rp_status status = RP_OK;
    if (!print || !near || !speaker)
        status = no_memory();
    for (uint32_t i = 0; !status && i < count; i++)
        print[i] = entry[i].print;
    if (!status)
        status = rp_near_find(print, count, near);
    if (!status) {
        set_splits(entry, count, near, speaker, ratio > 0 ? ratio : 0.1);
        set_facts(entry, count, near, dataset);
    }
    free(print);
    free(near);
    free(speaker);
    return status;
}

static rp_status set_hash(struct rp_dataset *dataset,
                          const struct rp_entry *entry)
{
    const struct rp_piece **piece = malloc((dataset->count + 1u) *
                                           sizeof *piece);
    if (!piece)
        return no_memory();
    for (uint32_t i = 0; i < dataset->count; i++)
        piece[i] = &entry[i].piece;
    rp_split_hash(&dataset->vocabulary, piece, dataset->count, dataset->hash);
    free(piece);
    return RP_OK;
}

void rp_dataset_count(struct rp_dataset *dataset)
{
    uint32_t fates[RP_FATES] = {0};
    struct rp_role role;
    dataset->drums = rp_role_parse(dataset->role, &role) &&
                     role.kind == RP_ROLE_DRUMS;
    dataset->alike = dataset->rest_bars = 0;
    for (uint32_t i = 0; i < dataset->files; i++) {
        const struct rp_facts *facts = &dataset->facts[i];
        fates[facts->fate]++;
        if (facts->fate != RP_KEPT)
            continue;
        dataset->rest_bars += facts->rest_bars;
        dataset->alike += facts->twin >= 0;
    }
    dataset->broken = fates[RP_BROKEN];
    dataset->shorter = fates[RP_SHORT];
    dataset->duplicates = fates[RP_DUPLICATE];
    dataset->beyond = fates[RP_BEYOND];
    dataset->dropped = dataset->files - fates[RP_KEPT];
}

static rp_status refuse_empty(const struct rp_dataset *dataset,
                              const struct rp_dataset_options *options)
{
    rp_log(RP_ERROR, "dataset",
           "no piece in %u files: %u broken, %u shorter than %u notes of %s",
           dataset->files, dataset->broken, dataset->shorter,
           options->min_notes, dataset->role);
    return RP_ENONE;
}

/* `entry` is in order of files and loses its pieces to the set. */
static rp_status keep_pieces(struct rp_dataset *dataset,
                             struct rp_entry *entry, uint32_t count)
{
    dataset->piece = malloc((count + 1u) * sizeof *dataset->piece);
    if (!dataset->piece)
        return no_memory();
    for (uint32_t i = 0; i < count; i++) {
        dataset->piece[i] = entry[i].piece;
        entry[i].piece = (struct rp_piece){0};
    }
    dataset->count = count;
    return RP_OK;
}

static rp_status make(struct rp_dataset *dataset,
                      const struct rp_dataset_options *options,
                      struct rp_role role, struct rp_entry *entry)
{
    uint32_t count;
    rp_status status = rp_gather(options, role, dataset->facts, dataset->files,
                                 entry, &count);
    if (status)
        return status;
    uint32_t kept = count;
    if (kept) {
        qsort(entry, count, sizeof *entry, compare_digests);
        kept = drop_twins(entry, count, dataset->facts);
        qsort(entry, kept, sizeof *entry, compare_files);
    }
    status = kept ? split(dataset, entry, kept, options->eval_ratio)
                  : RP_OK;
    rp_dataset_count(dataset);
    if (!kept)
        status = refuse_empty(dataset, options);
    if (!status) {
        qsort(entry, kept, sizeof *entry, compare_digests);
        dataset->count = kept;
        status = set_hash(dataset, entry);
        dataset->count = 0;
        qsort(entry, kept, sizeof *entry, compare_files);
    }
    if (!status)
        status = keep_pieces(dataset, entry, kept);
    for (uint32_t i = 0; i < kept; i++)
        rp_entry_fini(&entry[i]);
    return status;
}

/* Takes the paths over. */
static rp_status name_files(struct rp_dataset *dataset, struct rp_walk *walk)
{
    dataset->facts = calloc(walk->count + 1u, sizeof *dataset->facts);
    if (!dataset->facts)
        return no_memory();
    for (uint32_t i = 0; i < walk->count; i++) {
        dataset->facts[i].path = walk->path[i];
        dataset->facts[i].group = i;
        dataset->facts[i].twin = -1;
    }
    dataset->files = walk->count;
    walk->count = 0;
    return RP_OK;
}

static rp_status read_folders(const char *const *dir, uint32_t dirs,
                              const struct rp_dataset_options *options,
                              struct rp_dataset *dataset)
{
    struct rp_dataset made = {.vocabulary = options->vocabulary};
    struct rp_walk walk = {0};
    struct rp_entry *entry = NULL;
    struct rp_role role;
    rp_status status =
        rp_role_find(options->role ? options->role : "melody", &role);
    if (status)
        return status;
    made.role = rp_role_name(role);
    for (uint32_t i = 0; !status && i < dirs; i++)
        status = rp_walk_add(&walk, dir[i]);
    rp_walk_sort(&walk);
    if (!status)
        status = name_files(&made, &walk);
    if (!status && !(entry = calloc(made.files + 1u, sizeof *entry)))
        status = no_memory();
    if (!status)
        status = make(&made, options, role, entry);
    free(entry);
    rp_walk_fini(&walk);
    if (status)
        rp_dataset_fini(&made);
    else
        *dataset = made;
    return status;
}

rp_status rp_dataset_read(const char *const *dir, uint32_t dirs,
                          const struct rp_dataset_options *options,
                          struct rp_dataset *dataset)
{
    for (uint32_t i = 0; i < dirs; i++) {
        if (!rp_prepared_is(dir[i]))
            continue;
        if (dirs == 1)
            return rp_prepared_load(dir[i], options, dataset);
        rp_log(RP_ERROR, "dataset",
               "%s is prepared: expected it alone, or folders", dir[i]);
        return RP_EARG;
    }
    return read_folders(dir, dirs, options, dataset);
}

void rp_dataset_fini(struct rp_dataset *dataset)
{
    for (uint32_t i = 0; i < dataset->count; i++)
        rp_piece_fini(&dataset->piece[i]);
    for (uint32_t i = 0; i < dataset->files; i++)
        if (dataset->facts)
            rp_facts_fini(&dataset->facts[i]);
    free(dataset->piece);
    free(dataset->facts);
    *dataset = (struct rp_dataset){0};
}
