/* Folders of small files are written here and read back. */
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/data/facts.h"
#include "model/data/dataset.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "test.h"

enum { TUNES = 150 };

static char root[] = "/tmp/riposte-dataset-XXXXXX";
static char last[512];
static char lines[65536]; /* all of them, in order */
static struct rp_dataset dataset;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    size_t used = strlen(lines);
    if (level < RP_WARN)
        return;
    snprintf(last, sizeof last, "%s: %s", tag, text);
    snprintf(lines + used, sizeof lines - used, "%s: %s\n", tag, text);
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
    *last = *lines = 0;
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

/* Links that lead back are not followed: every file is there once, and two
 * of them do not make 2^32 folders. What cannot be read is left out. */
static void test_links(void)
{
    folder("links");
    folder("links/sub");
    folder("links/closed");
    write_tune("links/sub/a.mid", (struct tune){.seed = 1, .count = 20});
    CHECK(!symlink(".", in_root("links/self")));
    CHECK(!symlink("..", in_root("links/sub/up")));
    CHECK(!symlink("../../links", in_root("links/sub/away")));
    CHECK(!symlink("nowhere.mid", in_root("links/b.mid")));
    CHECK(!chmod(in_root("links/closed"), 0));
    CHECK_INT(read_dir("links", "melody"), RP_OK);
    CHECK(!chmod(in_root("links/closed"), 0700));
    CHECK_INT(dataset.files, 1);
    CHECK_INT(dataset.count, 1);
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

static size_t put_varlen(unsigned char *at, uint32_t number)
{
    size_t size = 1;
    for (uint32_t n = number >> 7; n; n >>= 7)
        size++;
    for (size_t i = size; i-- > 0; number >>= 7)
        at[i] = (unsigned char)((number & 127) | (i + 1 < size ? 128 : 0));
    return size;
}

/* The tune of `seed` as another program might write it: type 0, 120 ticks a
 * beat, five semitones lower, at another tempo, and every thirtieth note
 * changed. */
static void write_copy(const char *name, uint32_t seed, uint32_t count)
{
    static unsigned char bytes[65536] = "MThd\0\0\0\6\0\0\0\1\0\x78MTrk";
    size_t at = 22;
    memcpy(bytes + at, "\0\xff\x51\3\x03\x0d\x40", 7);
    at += 7;
    state = seed;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t pitch = (uint8_t)(55 + dice(12) + (i % 30 == 17));
        uint32_t ticks = 30 * (1 + dice(4));
        memcpy(bytes + at, (unsigned char[]){0, 0x93, pitch, 70}, 4);
        at += 4;
        at += put_varlen(bytes + at, ticks);
        memcpy(bytes + at, (unsigned char[]){0x93, pitch, 0}, 3);
        at += 3;
    }
    memcpy(bytes + at, "\0\xff\x2f", 4);
    at += 4;
    for (int i = 0; i < 4; i++)
        bytes[18 + i] = (unsigned char)((at - 22) >> (24 - 8 * i));
    FILE *file = fopen(in_root(name), "wb");
    CHECK(file && fwrite(bytes, 1, at, file) == at && !fclose(file));
}

/* What a reader gives, threads or not: the set, and what it said. */
static void read_by(uint32_t threads, uint32_t memory, char *hash, char *log)
{
    struct rp_dataset_options o = options("melody");
    const char *path = in_root("many");
    o.threads = threads;
    o.memory = memory;
    rp_dataset_fini(&dataset);
    *lines = 0;
    CHECK_INT(rp_dataset_read(&path, 1, &o, &dataset), RP_OK);
    snprintf(hash, 65, "%s", dataset.hash);
    snprintf(log, sizeof lines, "%s", lines);
}

/* Every fifth file is broken in its own way: its line stands where its path
 * does, however many threads read. */
static void test_threads(void)
{
    static char hash[3][65], log[3][sizeof lines];
    char name[32], text[32];
    folder("many");
    for (uint32_t i = 0; i < 1100; i++) {
        snprintf(name, sizeof name, "many/%04u.mid", i);
        snprintf(text, sizeof text, "no music %u", i);
        if (i % 5 == 4)
            spell(name, text);
        else
            write_copy(name, i, 40 + i % 50);
    }
    read_by(1, 0, hash[0], log[0]);
    CHECK_INT(dataset.broken, 220);
    CHECK_INT(dataset.count, 880);
    CHECK_INT(dataset.beyond, 0);
    for (uint32_t i = 0; i + 1 < dataset.count; i++)
        CHECK(strcmp(dataset.piece[i].path, dataset.piece[i + 1].path) < 0);
    const char *at = log[0];
    for (uint32_t i = 4; i < 1100 && at; i += 5) {
        snprintf(name, sizeof name, "many/%04u.mid: byte ", i);
        CHECK((at = strstr(at, name)));
    }
    for (uint32_t threads = 2; threads < 10; threads += 5) {
        read_by(threads, 0, hash[1], log[1]);
        CHECK_TEXT(hash[1], hash[0]);
        CHECK_TEXT(log[1], log[0]);
    }

    /* A megabyte is full after the first block of files: the same pieces
     * stay whoever reads, and one line says so. */
    read_by(1, 1, hash[1], log[1]);
    CHECK(dataset.count > 300 && dataset.count < 880);
    CHECK(dataset.beyond > 0);
    CHECK_INT(dataset.count + dataset.dropped, dataset.files);
    snprintf(text, sizeof text, "%u pieces fill the memory", dataset.count);
    CHECK(strstr(log[1], text) && strstr(log[1], "--memory MB allows more"));
    read_by(7, 1, hash[2], log[2]);
    CHECK_TEXT(hash[2], hash[1]);
    CHECK_TEXT(log[2], log[1]);
}

static enum rp_split split_alone(const char *name)
{
    CHECK_INT(read_dir(name, "melody"), RP_OK);
    CHECK_INT(dataset.count, 1);
    return dataset.piece[0].split;
}

/* Tunes whose copies fall on other sides when they are read alone: together
 * they are found and stand on one side, and all others where they stood. */
static void test_planted(void)
{
    enum { COUNT = 90, PAIRS = 8, OTHERS = 60 };
    char name[32], copy[32];
    uint32_t pairs = 0;
    folder("w");
    folder("w/o");
    for (uint32_t seed = 1000; seed < 1200 && pairs < PAIRS; seed++) {
        snprintf(name, sizeof name, "w/o/tune%u.mid", pairs);
        snprintf(copy, sizeof copy, "w/zz%u.kar", PAIRS - pairs);
        write_tune(name, (struct tune){.seed = seed, .count = COUNT});
        write_copy(copy, seed, COUNT);
        pairs += split_alone(name) != split_alone(copy);
    }
    CHECK_INT(pairs, PAIRS);
    enum rp_split alone[OTHERS];
    for (uint32_t i = 0; i < OTHERS; i++) {
        snprintf(name, sizeof name, "w/x%02u.mid", i);
        write_copy(name, 5000 + i, COUNT);
        alone[i] = split_alone(name);
    }
    CHECK_INT(read_dir("w", "melody"), RP_OK);
    CHECK_INT(dataset.files, 2 * PAIRS + OTHERS);
    CHECK_INT(dataset.count, 2 * PAIRS + OTHERS);
    CHECK_INT(dataset.alike, 2 * PAIRS);
    for (uint32_t i = 0; i < PAIRS; i++) { /* tune i and zz(PAIRS - i) */
        const struct rp_facts *a = &dataset.facts[i];
        uint32_t other = dataset.files - 1 - i;
        const struct rp_facts *b = &dataset.facts[other];
        CHECK_INT(a->twin, other);
        CHECK_INT(b->twin, i);
        CHECK(a->likeness > 0.5f && a->likeness < 1);
        CHECK_INT(a->group, i);
        CHECK_INT(b->group, i);
        CHECK_INT(a->split, b->split);
        CHECK_INT(dataset.piece[i].split, dataset.piece[other].split);
    }
    for (uint32_t i = 0; i < OTHERS; i++) {
        CHECK_INT(dataset.facts[PAIRS + i].twin, -1);
        CHECK_INT(dataset.piece[PAIRS + i].split, alone[i]);
    }
}

static void test_roles(void)
{
    folder("r");
    write_tune("r/1.mid", (struct tune){.seed = 9, .count = 20});
    CHECK_INT(read_dir("r", "violin"), RP_ENONE);
    CHECK_TEXT(last, "dataset: no piece in 1 files: 0 broken, 1 shorter than "
                     "16 notes of Violin");
    CHECK_INT(read_dir("r", "piano"), RP_OK); /* what no program change says */
    CHECK_TEXT(dataset.role, "Acoustic Grand Piano");
    CHECK_INT(dataset.piece[0].count, 40);
    CHECK_INT(dataset.drums, false);
    CHECK_INT(read_dir("r", NULL), RP_OK);
    CHECK_TEXT(dataset.role, "melody");
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
    test_links();
    test_split();
    test_place();
    test_threads();
    test_planted();
    test_roles();
    rp_dataset_fini(&dataset);
    CHECK_INT(nftw(root, drop, 16, FTW_DEPTH | FTW_PHYS), 0);
    return TEST_END();
}
