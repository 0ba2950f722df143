/* A prepared set is the set that was read from the folders; and whatever is
 * done to its bytes, it is refused in one line, or is as good as before. */
#include "model/data/prepared.h"
#include "model/data/facts.h"
#include "model/data/report.h"
#include "rt/log.h"
#include "tests/songs.h"
#include "tests/test.h"

enum { SONGS = 12, HURTS = 800 };

static char folder[] = "/tmp/riposte-prepared-XXXXXX";
static char said[512];
static unsigned lines;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    if (level < RP_WARN)
        return;
    snprintf(said, sizeof said, "%s: %s", tag, text);
    lines++;
}

static const char *in_folder(const char *name)
{
    static char path[4][128];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", folder, name);
    return path[next];
}

static struct rp_dataset_options options(const char *role)
{
    return (struct rp_dataset_options){
        .vocabulary = {.resolution = 24, .metre = true}, .role = role,
        .min_notes = 16, .max_rest_bars = 2};
}

static rp_status read_path(const char *path, struct rp_dataset_options how,
                           struct rp_dataset *dataset)
{
    lines = 0;
    return rp_dataset_read(&path, 1, &how, dataset);
}

static void same_piece(const struct rp_piece *a, const struct rp_piece *b)
{
    CHECK_TEXT(a->path, b->path);
    CHECK_INT(a->split, b->split);
    CHECK_INT(a->count, b->count);
    CHECK_INT(a->metres, b->metres);
    CHECK_INT(a->chords, b->chords);
    CHECK_INT(a->origin, b->origin);
    CHECK_INT(a->low, b->low);
    CHECK_INT(a->high, b->high);
    for (uint32_t i = 0; i < a->count && i < b->count; i++)
        CHECK(a->note[i].onset == b->note[i].onset &&
              a->note[i].duration == b->note[i].duration &&
              a->note[i].pitch == b->note[i].pitch &&
              a->note[i].velocity == b->note[i].velocity &&
              a->note[i].offset == b->note[i].offset);
    for (uint32_t i = 0; i < a->metres && i < b->metres; i++)
        CHECK(a->metre[i].tick == b->metre[i].tick &&
              a->metre[i].metre.beats == b->metre[i].metre.beats &&
              a->metre[i].metre.unit == b->metre[i].metre.unit);
    for (uint32_t i = 0; i < a->chords && i < b->chords; i++)
        CHECK(a->chord[i].tick == b->chord[i].tick &&
              a->chord[i].chord.root == b->chord[i].chord.root &&
              a->chord[i].chord.quality == b->chord[i].chord.quality);
}

static char *report_of(const struct rp_dataset *dataset)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    rp_report_json(dataset, out);
    fclose(out);
    return text;
}

static void test_same(const char *role)
{
    struct rp_dataset read, loaded;
    const char *file = in_folder("set.data");
    struct rp_dataset_options how = options(role);
    CHECK_INT(read_path(in_folder("songs"), how, &read), RP_OK);
    CHECK_INT(rp_prepared_save(&read, file), RP_OK);
    CHECK(rp_prepared_is(file));
    how.role = NULL; /* as prepared */
    CHECK_INT(read_path(file, how, &loaded), RP_OK);
    CHECK_INT(lines, 0);
    CHECK_TEXT(loaded.hash, read.hash);
    CHECK_TEXT(loaded.role, role);
    CHECK_INT(loaded.count, read.count);
    CHECK_INT(loaded.files, read.files);
    CHECK_INT(loaded.drums, read.drums);
    CHECK_INT(loaded.dropped, read.dropped);
    CHECK_INT(loaded.rest_bars, read.rest_bars);
    CHECK(read.count > 5);
    for (uint32_t i = 0; i < read.count && i < loaded.count; i++)
        same_piece(&read.piece[i], &loaded.piece[i]);
    char *a = report_of(&read), *b = report_of(&loaded);
    CHECK_TEXT(a, b);
    free(a);
    free(b);
    struct rp_prepared_about about;
    CHECK_INT(rp_prepared_ask(file, &about), RP_OK);
    CHECK_TEXT(about.role, role);
    CHECK_INT(about.resolution, 24);
    rp_dataset_fini(&read);
    rp_dataset_fini(&loaded);
}

static void refused(const char *path, struct rp_dataset_options how,
                    rp_status want, const char *text)
{
    struct rp_dataset dataset;
    CHECK_INT(read_path(path, how, &dataset), want);
    CHECK_INT(lines, 1);
    if (!strstr(said, text))
        CHECK_TEXT(said, text);
    test_checks++;
}

static void test_wishes(void)
{
    const char *file = in_folder("set.data"); /* a lead at 24 */
    struct rp_dataset_options how = options("drums");
    refused(file, how, RP_EARG,
            "set.data: prepared for lead at 24 ticks per beat, expected drums "
            "at 24");
    how = options("lead");
    how.vocabulary.resolution = 12;
    refused(file, how, RP_EARG, "expected lead at 12");
    how = options("lead");
    how.vocabulary.timing = true;
    refused(file, how, RP_EARG, "prepared for lead, which has no timing");
    const char *dirs[] = {file, in_folder("songs")};
    struct rp_dataset dataset;
    lines = 0;
    how = options("lead");
    CHECK_INT(rp_dataset_read(dirs, 2, &how, &dataset), RP_EARG);
    CHECK_INT(lines, 1);
    CHECK(strstr(said, "set.data is prepared: expected it alone"));
}

static unsigned char *bytes;
static size_t size;

static void write_hurt(size_t count)
{
    FILE *file = fopen(in_folder("hurt.data"), "wb");
    CHECK(file && fwrite(bytes, 1, count, file) == count && !fclose(file));
}

static void put(size_t at, uint64_t number, int width)
{
    for (int i = 0; i < width; i++)
        bytes[at + (size_t)i] = (unsigned char)(number >> 8 * i);
}

/* The check again, so that it is the reader that has to find what is wrong. */
static void put_check(void)
{
    put(32, rp_prepared_check(bytes + RP_PREPARED_HEAD,
                              size - RP_PREPARED_HEAD), 8);
}

static void read_whole(void)
{
    FILE *file = fopen(in_folder("set.data"), "rb");
    CHECK(file && !fseek(file, 0, SEEK_END));
    size = (size_t)ftell(file);
    bytes = malloc(size);
    rewind(file);
    CHECK(fread(bytes, 1, size, file) == size);
    fclose(file);
}

static void test_damage(void)
{
    struct rp_dataset_options how = options(NULL);
    read_whole();
    static const size_t cut[] = {17, 39, 40, 200};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        write_hurt(cut[i]);
        refused(in_folder("hurt.data"), how, RP_EFORMAT, "hurt.data: ");
    }
    write_hurt(size - 1);
    refused(in_folder("hurt.data"), how, RP_EFORMAT, "cut short or added to");
    bytes[size / 2] ^= 4;
    write_hurt(size);
    refused(in_folder("hurt.data"), how, RP_EFORMAT,
            "damaged: its check does not fit");
    bytes[size / 2] ^= 4;
    put(16, 2, 4);
    write_hurt(size);
    refused(in_folder("hurt.data"), how, RP_EFORMAT,
            "version 2, expected 1: prepare it again");
    put(16, 1, 4);
    bytes[0] = 'r';
    write_hurt(size);
    refused(in_folder("hurt.data"), how, RP_EFORMAT,
            "expected a folder, a .mid, or what 'riposte prepare' writes");
    bytes[0] = 'R';
}

/* Bytes changed under a check that fits: one line and nothing read, or a set
 * that keeps every promise. */
static void test_forged(void)
{
    struct rp_dataset_options how = options(NULL);
    struct songs_dice dice = {11};
    unsigned good = 0, bad = 0;
    for (int i = 0; i < HURTS; i++) {
        struct rp_dataset dataset;
        size_t at = RP_PREPARED_HEAD +
                    songs_roll(&dice, (uint32_t)(size - RP_PREPARED_HEAD - 4));
        unsigned char was[4];
        memcpy(was, bytes + at, 4);
        put(at, songs_roll(&dice, 2) ? UINT32_MAX : songs_roll(&dice, 1u << 31),
            1 << songs_roll(&dice, 3));
        put_check();
        write_hurt(size);
        rp_status status = read_path(in_folder("hurt.data"), how, &dataset);
        if (!status) {
            good++;
            for (uint32_t k = 0; k < dataset.count; k++)
                CHECK(dataset.piece[k].count && dataset.piece[k].high < 128);
            free(report_of(&dataset));
            rp_dataset_fini(&dataset);
        } else {
            bad++;
            CHECK_INT(lines, 1);
        }
        memcpy(bytes + at, was, 4);
    }
    CHECK(good > HURTS / 20 && bad > HURTS / 20);
    free(bytes);
}

static void test_unwritable(void)
{
    struct rp_dataset read;
    CHECK_INT(read_path(in_folder("songs"), options("melody"), &read), RP_OK);
    lines = 0;
    CHECK_INT(rp_prepared_save(&read, in_folder("none/set.data")), RP_EIO);
    CHECK(lines == 1 && strstr(said, "none/set.data: cannot write: "));
    rp_dataset_fini(&read);
}

int main(void)
{
    char path[160], songs[128];
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    rp_log_to(keep, NULL);
    snprintf(songs, sizeof songs, "%s", in_folder("songs"));
    CHECK_INT(mkdir(songs, 0700), 0);
    for (uint32_t i = 0; i < SONGS; i++) {
        snprintf(path, sizeof path, "%s/%02u.mid", songs, i);
        /* One is too short, two are alike. */
        CHECK(songs_save(path, i == 7 ? 6 : i, i == 3 ? 5 : 40 + (i == 7)));
    }
    test_same("melody");
    test_same("performance");
    test_same("lead");
    test_wishes();
    test_damage();
    test_forged();
    test_unwritable();
    songs_remove(folder);
    return TEST_END();
}
