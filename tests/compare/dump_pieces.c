/* Prints the pieces of folders of .mid as JSON, exactly as `riposte train
 * --role ROLE` reads them: for programs that are compared with it.
 *
 *   dump_pieces ROLE DIR... > pieces.json
 *
 * {"resolution": 24, "pieces": [{"split": "train", "origin": 0,
 *   "metres": [[tick, beats, unit], ...],
 *   "notes": [[onset, duration, pitch], ...]}, ...]}, one piece per line. */
#include <inttypes.h>
#include <stdio.h>

#include "model/data/dataset.h"

static const char *const splits[RP_SPLITS] = {"train", "valid", "test"};

static void print_piece(const struct rp_piece *piece)
{
    printf("{\"split\": \"%s\", \"origin\": %" PRId32 ", \"metres\": [",
           splits[piece->split], piece->origin);
    for (uint32_t i = 0; i < piece->metres; i++) {
        const struct rp_metre_change *change = &piece->metre[i];
        printf("%s[%" PRId32 ", %u, %u]", i ? ", " : "", change->tick,
               (unsigned)change->metre.beats, (unsigned)change->metre.unit);
    }
    printf("], \"notes\": [");
    for (uint32_t i = 0; i < piece->count; i++) {
        const struct rp_note *note = &piece->note[i];
        printf("%s[%" PRId32 ", %" PRId32 ", %u]", i ? ", " : "", note->onset,
               note->duration, (unsigned)note->pitch);
    }
    printf("]}");
}

int main(int argc, char **argv)
{
    struct rp_dataset_options how = {
        .vocabulary = {.resolution = 24, .metre = true},
        .min_notes = 16,
        .max_rest_bars = 2,
    };
    struct rp_dataset dataset;

    if (argc < 3) {
        fprintf(stderr, "usage: %s ROLE DIR... > pieces.json\n", argv[0]);
        return 2;
    }
    how.role = argv[1];
    if (rp_dataset_read((const char *const *)argv + 2, (uint32_t)argc - 2, &how,
                        &dataset))
        return 1;
    printf("{\"resolution\": %u, \"pieces\": [\n",
           dataset.vocabulary.resolution);
    for (uint32_t i = 0; i < dataset.count; i++) {
        print_piece(&dataset.piece[i]);
        printf("%s\n", i + 1 < dataset.count ? "," : "");
    }
    printf("]}\n");
    rp_dataset_fini(&dataset);
    return ferror(stdout) || fflush(stdout) ? 1 : 0;
}
