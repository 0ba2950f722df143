/* Folders of small files are written here and read back. */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/dataset.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "test.h"

enum { TUNES = 150 };

static char root[] = "/tmp/riposte-dataset-XXXXXX";
static char last[512];
static struct rp_dataset dataset;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    if (level >= RP_WARN)
        snprintf(last, sizeof last, "%s: %s", tag, text);
}

static const char *in_root(const char *name)
{
    static char path[4][256];
    static int next;
    next = (next + 1) % 4;
    snprintf(path[next], sizeof path[next], "%s/%s", root, name);
    return path[next];
}

static uint32_t state;
static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

/* A tune of `count` notes made from `seed`, `up` semitones higher, after
 * `bars` bars of 3/4 and `rest` beats; metre said or not. A second track of
 * low notes goes along. */
struct tune {
    uint32_t seed, up, count, bars, rest;
    bool silent; /* no metre */
    uint32_t gap; /* beats of rest after the eighth note */
};

static void write_tune(const char *name, struct tune tune)
{
    struct rp_smf_write *smf;
    CHECK_INT(rp_smf_write_create(&smf, 2), RP_OK);
    int64_t tick = 960 * (3 * tune.bars + tune.rest);
    if (!tune.silent)
        CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){3, 4}), RP_OK);
    state = tune.seed;
    for (uint32_t i = 0; i < tune.count; i++) {
        uint8_t pitch = (uint8_t)(60 + tune.up + dice(12));
        int64_t end = tick + 240 * (1 + dice(4));
        struct rp_event on = {3, {RP_NOTE_ON, pitch, 64}};
        struct rp_event off = {3, {RP_NOTE_OFF, pitch, 64}};
        struct rp_event low = {3, {RP_NOTE_ON, 36, 64}};
        struct rp_event low_off = {3, {RP_NOTE_OFF, 36, 64}};
        CHECK_INT(rp_smf_write_event(smf, 1, tick, on), RP_OK);
        CHECK_INT(rp_smf_write_event(smf, 1, end, off), RP_OK);
        CHECK_INT(rp_smf_write_event(smf, 2, tick, low), RP_OK);
        CHECK_INT(rp_smf_write_event(smf, 2, end, low_off), RP_OK);
        tick = end + (i == 7 ? 960 * tune.gap : 0);
    }
    CHECK_INT(rp_smf_write_save(smf, in_root(name)), RP_OK);
    rp_smf_write_destroy(smf);
}

static struct rp_dataset_options options(const char *role)
{
    return (struct rp_dataset_options){
        .vocabulary = {.resolution = 24, .metre = true},
        .role = role, .min_notes = 16, .max_rest_bars = 2};
}

static rp_status read_dir(const char *dir, const char *role)
{
    struct rp_dataset_options o = options(role);
    const char *path = in_root(dir);
    rp_dataset_fini(&dataset);
    *last = 0;
    return rp_dataset_read(&path, 1, &o, &dataset);
}

static void folder(const char *name)
{
    CHECK_INT(mkdir(in_root(name), 0700), 0);
}

static void spell(const char *name, const char *text)
{
    FILE *file = fopen(in_root(name), "w");
    CHECK(file);
    fputs(text, file);
    fclose(file);
}

static void test_files(void)
{
    folder("a");
    folder("a/sub");
    folder("a/sub/deep");
    write_tune("a/z.mid", (struct tune){.seed = 1, .count = 20});
    write_tune("a/sub/deep/b.MIDI", (struct tune){.seed = 2, .count = 20});
    write_tune("a/sub/c.mid", (struct tune){.seed = 1, .count = 20, .up = 3});
    write_tune("a/sub/d.mid", (struct tune){.seed = 1, .count = 21});
    write_tune("a/short.mid", (struct tune){.seed = 3, .count = 15});
    write_tune("a/.hidden.mid", (struct tune){.seed = 4, .count = 20});
    spell("a/notes.txt", "no music");
    spell("a/broken.mid", "no music");
    CHECK_INT(read_dir("a", "melody"), RP_OK);
    CHECK(strstr(last, "broken.mid: "));
    CHECK_INT(dataset.files, 6);
    CHECK_INT(dataset.count, 3);
    CHECK_INT(dataset.broken, 1);
    CHECK_INT(dataset.shorter, 1);
    CHECK_INT(dataset.duplicates, 1); /* z.mid is c.mid in another key */
    CHECK_INT(dataset.dropped, 3);
    static const char *const names[] = {"c.mid", "d.mid", "b.MIDI"};
    for (uint32_t i = 0; i < 3 && i < dataset.count; i++)
        CHECK_TEXT(strrchr(dataset.piece[i].path, '/') + 1, names[i]);
    CHECK_INT(dataset.piece[0].count, 20);
    CHECK(dataset.piece[0].low >= 63);

    /* The same folder twice, and a file named by itself, add nothing. */
    char hash[65];
    snprintf(hash, sizeof hash, "%s", dataset.hash);
    CHECK_INT(strlen(hash), 64);
    const char *dirs[] = {in_root("a/sub/c.mid"), in_root("a"), in_root("a")};
    struct rp_dataset_options o = options("melody");
    rp_dataset_fini(&dataset);
    CHECK_INT(rp_dataset_read(dirs, 3, &o, &dataset), RP_OK);
    CHECK_INT(dataset.count, 3);
    CHECK_TEXT(dataset.hash, hash);

    /* Neither the folder's name nor the order of files is in the hash. */
    folder("b");
    write_tune("b/1.mid", (struct tune){.seed = 2, .count = 20});
    write_tune("b/2.mid", (struct tune){.seed = 1, .count = 21});
    write_tune("b/3.mid", (struct tune){.seed = 1, .count = 20, .up = 3});
    CHECK_INT(read_dir("b", "melody"), RP_OK);
    CHECK_TEXT(dataset.hash, hash);
    write_tune("b/3.mid", (struct tune){.seed = 1, .count = 20, .up = 4});
    CHECK_INT(read_dir("b", "melody"), RP_OK);
    CHECK(strcmp(dataset.hash, hash)); /* another key is another content */
}

static void test_refused(void)
{
    folder("empty");
    spell("empty/x.mid", "");
    CHECK_INT(read_dir("empty", "melody"), RP_ENONE);
    CHECK_TEXT(last, "dataset: no piece in 1 files: 1 broken, 0 shorter than "
                     "16 notes of melody");
    CHECK_INT(dataset.count, 0); /* not written */
    CHECK_INT(read_dir("a", "choirboy"), RP_EARG);
    CHECK_TEXT(last, "role: role 'choirboy': expected melody, lead, drums, "
                     "polyphony (or all), performance, or an instrument of "
                     "General MIDI");
    CHECK_INT(read_dir("nowhere", "all"), RP_EIO);
    CHECK(strstr(last, "nowhere: No such file or directory"));
}

/* 80, 10 and 10 in 100, and the same for a tune in whatever key and however
 * many bars in. */
static void test_split(void)
{
    static enum rp_split split[TUNES];
    uint32_t counts[RP_SPLITS] = {0};
    char name[32];
    folder("s");
    folder("t");
    for (uint32_t i = 0; i < TUNES; i++) {
        snprintf(name, sizeof name, "s/%03u.mid", i);
        write_tune(name, (struct tune){.seed = i, .count = 20});
        snprintf(name, sizeof name, "t/%03u.mid", 999 - i);
        write_tune(name, (struct tune){.seed = i, .count = 20, .up = i % 13,
                                       .bars = i % 5, .silent = i % 7 == 0});
    }
    CHECK_INT(read_dir("s", "melody"), RP_OK);
    CHECK_INT(dataset.count, TUNES);
    for (uint32_t i = 0; i < dataset.count && i < TUNES; i++) {
        split[i] = dataset.piece[i].split;
        counts[split[i]]++;
    }
    CHECK(counts[RP_TRAIN] > 100 && counts[RP_TRAIN] < 140);
    CHECK(counts[RP_VALID] > 4 && counts[RP_VALID] < 28);
    CHECK(counts[RP_TEST] > 4 && counts[RP_TEST] < 28);
    CHECK_INT(read_dir("t", "melody"), RP_OK);
    CHECK_INT(dataset.count, TUNES);
    uint32_t other = 0;
    for (uint32_t i = 0; i < dataset.count && i < TUNES; i++)
        other += dataset.piece[i].split != split[TUNES - 1 - i];
    CHECK_INT(other, 0);
}

static void test_place(void)
{
    /* Four bars and two beats in: the origin is the bar line, the first dt
     * two beats. 20 beats of rest (six bars of 3/4 and more) lose whole bars
     * until at most two are left. */
    folder("p");
    struct tune tune = {.seed = 9, .count = 20, .bars = 4, .rest = 2};
    write_tune("p/1.mid", tune);
    CHECK_INT(read_dir("p", "melody"), RP_OK);
    CHECK_INT(dataset.count, 1);
    struct rp_piece plain = dataset.piece[0];
    struct rp_note note[20];
    memcpy(note, plain.note, sizeof note);
    CHECK_INT(plain.origin, 0);
    CHECK_INT(note[0].onset, 48);
    CHECK_INT(plain.metres, 1);
    CHECK_INT(plain.metre[0].tick, 0);
    CHECK_INT(plain.metre[0].metre.beats, 3);
    CHECK_INT(dataset.rest_bars, 0);
    tune.gap = 20;
    write_tune("p/1.mid", tune);
    CHECK_INT(read_dir("p", "melody"), RP_OK);
    CHECK(dataset.rest_bars >= 4);
    struct rp_piece *piece = &dataset.piece[0];
    int32_t rest = piece->note[8].onset - piece->note[7].onset -
                   piece->note[7].duration;
    CHECK(rest > 72 && rest <= 144);
    for (int i = 0; i < 20; i++) {
        int32_t moved = i < 8 ? 0 : 20 * 24;
        CHECK_INT((piece->note[i].onset - note[i].onset - moved) % 72, 0);
        CHECK_INT(piece->note[i].duration, note[i].duration);
    }
    struct rp_dataset_options o = options("melody");
    const char *path = in_root("p");
    o.max_rest_bars = 0;
    rp_dataset_fini(&dataset);
    CHECK_INT(rp_dataset_read(&path, 1, &o, &dataset), RP_OK);
    CHECK_INT(dataset.rest_bars, 0);
    CHECK_INT(dataset.piece[0].note[8].onset, note[8].onset + 20 * 24);

    /* No metre in the file: none here, and the first beat is the origin. */
    tune.silent = true;
    write_tune("p/1.mid", tune);
    CHECK_INT(read_dir("p", "all"), RP_OK);
    CHECK_INT(dataset.piece[0].metres, 0);
    CHECK_INT(dataset.piece[0].note[0].onset, 0);
    CHECK_INT(dataset.piece[0].count, 40); /* both tracks */
    CHECK_INT(dataset.piece[0].low, 36);
}

static int drop(const char *path, const struct stat *stat, int kind,
                struct FTW *ftw)
{
    return remove(path);
}

int main(void)
{
    if (!mkdtemp(root)) {
        perror(root);
        return 1;
    }
    rp_log_to(keep, NULL);
    test_files();
    test_refused();
    test_split();
    test_place();
    rp_dataset_fini(&dataset);
    CHECK_INT(nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
    return TEST_END();
}
