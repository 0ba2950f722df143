/* The phrase that is recalled is the one that a slow search over all that was
 * heard finds, and the network is told how it went on: in the key of now, and
 * whether what is drawn already is what came then. */
#include "model/data/note.h"
#include "test.h"

enum { NOTES = 1500 };

static uint32_t seed = 1;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static struct {
    int32_t dt;
    uint8_t pitch;
} heard[NOTES];

static int is_like(int a, int b)
{
    return a > 0 && b > 0 && heard[a].dt == heard[b].dt &&
           heard[a].pitch - heard[a - 1].pitch ==
               heard[b].pitch - heard[b - 1].pitch;
}

/* Index of the note after the phrase most like the last `count`, or 0. */
static int search(int count, int *run)
{
    int best = 0, next = 0;

    for (int i = count - 2; i > 0 && i > count - RP_RECALL_NOTES; i--) {
        int like = 0, score;
        while (is_like(i - like, count - 1 - like))
            like++;
        score = 2 * (like < 31 ? like : 31) +
                (heard[i].pitch == heard[count - 1].pitch);
        if (like && score > best) {
            best = score;
            next = i + 1;
            *run = like;
        }
    }
    return next;
}

static void test_search(void)
{
    static struct rp_recall recall;
    int found = 0, sizes[RP_RECALL_SIZES] = {0};

    rp_recall_init(&recall);
    for (int i = 0; i < NOTES; i++) {
        /* Now and then a stretch is said again, in another key. */
        int from = i > 100 && i / 20 % 3 == 0 ? i - 60 - i / 20 : -1;
        int step = from < 0 ? (int)draw(3) - 1
                            : heard[from].pitch - heard[from - 1].pitch;
        int pitch = i ? heard[i - 1].pitch + step : 60;
        heard[i].pitch = (uint8_t)(pitch < 30 || pitch > 100 ? 60 : pitch);
        heard[i].dt = from < 0 ? 6 + 6 * (int32_t)draw(2) : heard[from].dt;
        rp_recall_push(&recall, heard[i].dt, heard[i].pitch, 12);

        int run = 0, next = search(i + 1, &run);
        struct rp_recalled said = rp_recall_next(&recall);
        CHECK_INT(said.found, next > 0);
        if (!next)
            continue;
        found++;
        sizes[said.size]++;
        CHECK_INT(said.size, run >= 8 ? 3 : run >= 4 ? 2 : run >= 2);
        CHECK_INT(said.key, heard[next - 1].pitch == heard[i].pitch);
        CHECK_INT(said.dt, heard[next].dt);
        CHECK_INT(said.pitch,
                  heard[i].pitch + heard[next].pitch - heard[next - 1].pitch);
        CHECK_INT(said.duration, 12);
    }
    CHECK(found > NOTES / 2);
    for (int i = 0; i < RP_RECALL_SIZES; i++)
        CHECK(sizes[i] > 20);
}

static void test_ends(void)
{
    struct rp_recall recall;

    rp_recall_init(&recall);
    CHECK(!rp_recall_next(&recall).found);
    for (int i = 0; i < 6; i++) /* up and up past the last pitch */
        rp_recall_push(&recall, 12, (uint8_t)(102 + 5 * i), RP_TIME_HELD);
    CHECK_INT(rp_recall_next(&recall).pitch, 127);
    CHECK_INT(rp_recall_next(&recall).duration, RP_TIME_HELD);
    rp_recall_release(&recall, 60, 7); /* never heard: no harm */
    rp_recall_release(&recall, 127, 7);
    CHECK_INT(rp_recall_next(&recall).duration, 7);
    rp_recall_release(&recall, 122, 7); /* began a note before the last */
    CHECK_INT(recall.duration[4], 19);
}

static uint32_t condition_at(const struct rp_vocabulary *vocabulary,
                             enum rp_condition_block block)
{
    uint32_t first = 0;

    for (int i = 0; i < (int)block; i++)
        first += rp_vocabulary_condition_width(vocabulary,
                                               (enum rp_condition_block)i);
    return first;
}

/* The index within a block that a field's condition has set, or -1. */
static int told(const struct rp_reader *reader, const struct rp_draft *draft,
                enum rp_field field, enum rp_condition_block block)
{
    uint32_t first = condition_at(&reader->vocabulary, block);
    uint32_t width = rp_vocabulary_condition_width(&reader->vocabulary, block);
    struct rp_indices in;
    int found = -1;

    rp_reader_condition(reader, draft, field, &in);
    for (uint32_t i = 0; i < in.count; i++)
        if (in.at[i] >= first && in.at[i] < first + width) {
            CHECK_INT(found, -1);
            found = (int)(in.at[i] - first);
        }
    return found;
}

/* c d e f, then d e f#: g is to follow, a quarter later, for half a beat. */
static void test_told(void)
{
    static const uint8_t tune[] = {60, 62, 64, 65, 62, 64, 66};
    struct rp_vocabulary vocabulary = {.resolution = 24, .recall = true};
    struct rp_reader reader;
    struct rp_indices in;
    struct rp_draft draft = {0};

    rp_reader_init(&reader, &vocabulary, NULL, 0, 0);
    for (int i = 0; i < 7; i++) {
        struct rp_note note = {24 * i, i == 3 ? 12 : 24, tune[i], 80};
        rp_reader_push(&reader, &note, &in);
    }
    /* Two notes were like: e and f#, each a step up. */
    CHECK_INT(told(&reader, &draft, RP_DT, RP_ON_RECALL), 2);
    CHECK_INT(told(&reader, &draft, RP_DT, RP_ON_RECALL_DT), 64 + 24);
    uint32_t first = rp_vocabulary_block(&vocabulary, RP_IN_RECALL);
    CHECK_INT(in.at[in.count - 3], first + 2);
    CHECK_INT(in.at[in.count - 2], first + 8 + 64 + 24);
    CHECK_INT(in.at[in.count - 1], first + 8 + 256 + 128 + 67);

    draft.dt.class = 24;
    CHECK_INT(told(&reader, &draft, RP_PITCH, RP_ON_RECALL_PITCH), 128 + 67);
    draft.pitch = 67;
    CHECK_INT(told(&reader, &draft, RP_DURATION, RP_ON_RECALL_DURATION),
              64 + 12);
    draft.pitch = 68;
    CHECK_INT(told(&reader, &draft, RP_DURATION, RP_ON_RECALL_DURATION),
              4 * 64 + 12);
    draft.dt.class = 12;
    CHECK_INT(told(&reader, &draft, RP_PITCH, RP_ON_RECALL_PITCH),
              4 * 128 + 67);
}

/* Without the feature nothing is told, and dt stands under no condition. */
static void test_without(void)
{
    struct rp_vocabulary vocabulary = {.resolution = 24, .metre = true};
    struct rp_reader reader;
    struct rp_indices in;

    CHECK_INT(rp_vocabulary_condition(&vocabulary, RP_DT), 0);
    CHECK_INT(rp_vocabulary_condition(&vocabulary, RP_PITCH),
              64 + 24 + 24 + 17 + 24 + 128);
    rp_reader_init(&reader, &vocabulary, NULL, 0, 0);
    for (int i = 0; i < 8; i++) {
        struct rp_note note = {24 * i, 24, (uint8_t)(60 + i % 4), 80};
        rp_reader_push(&reader, &note, &in);
        CHECK(in.at[in.count - 1] < rp_vocabulary_inputs(&vocabulary));
    }
    CHECK_INT(reader.recall.count, 0);
}

int main(void)
{
    test_search();
    test_ends();
    test_told();
    test_without();
    return TEST_END();
}
