/* The report of a folder whose files are known, read back as JSON by the strict
 * reader, and as text. */
#include "model/data/report.h"
#include "model/data/dataset.h"
#include "model/net/json.h"
#include "rt/log.h"
#include "tests/folder.h"
#include "tests/songs.h"
#include "tests/test.h"

static struct rp_json json;

static void quiet(void *self, enum rp_level level, const char *tag,
                  const char *text)
{
}

static void add(struct rp_smf_write *smf, uint8_t channel, int64_t tick,
                uint8_t pitch)
{
    CHECK_INT(rp_smf_write_event(smf, 1, tick,
                                 rp_event_make(RP_NOTE_ON, channel, pitch, 90)),
              RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 1, tick + 480,
                                 rp_event_make(RP_NOTE_OFF, channel, pitch, 0)),
              RP_OK);
}

/* 20 notes of G major on a flute with a drum beside, 3/4, a change of tempo
 * from 120 to 60 after four beats; every other note is 4 of 960 ticks late:
 * a tenth of a tick of 24, at 120 BPM 2.0833 ms, at 60 twice as much. */
static void write_flute(const char *path, uint32_t up)
{
    static const uint8_t tune[] = {67, 71, 74, 79, 78, 76, 74, 72, 71, 69};
    struct rp_smf_write *smf;
    CHECK_INT(rp_smf_write_create(&smf, 1), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){3, 4}), RP_OK);
    CHECK_INT(rp_smf_write_tempo(smf, 0, 120000), RP_OK);
    CHECK_INT(rp_smf_write_tempo(smf, 4 * 960, 60000), RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 1, 0,
                                 (struct rp_event){2, {RP_PROGRAM, 73}}),
              RP_OK);
    for (int i = 0; i < 20; i++)
        add(smf, 0, 960 * i + (i % 2 ? 4 : 0), (uint8_t)(tune[i % 10] + up));
    add(smf, 9, 0, 36);
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
}

static uint32_t find(uint32_t node, const char *key)
{
    uint32_t at = rp_json_find(&json, node, key);
    if (!at)
        printf("no key '%s'\n", key);
    CHECK(at);
    return at;
}

static double number(uint32_t node, const char *key)
{
    uint32_t at = find(node, key);
    CHECK_INT(json.node[at].type, RP_JSON_NUMBER);
    return json.node[at].number;
}

static const char *text(uint32_t node, const char *key)
{
    return json.node[find(node, key)].string;
}

/* The element of "list" whose path ends so. */
static uint32_t file_node(const char *name)
{
    uint32_t list = find(0, "list"), at = list + 1;
    for (uint32_t i = 0; i < json.node[list].count; i++) {
        const char *path = text(at, "path");
        size_t size = strlen(path), end = strlen(name);
        if (size >= end && !strcmp(path + size - end, name))
            return at;
        at = json.node[at].next;
    }
    printf("no file '%s'\n", name);
    CHECK(0);
    return 0;
}

static void test_flute(void)
{
    uint32_t flute = file_node("/a.mid"), grid = find(flute, "quantisation");
    CHECK_TEXT(text(flute, "fate"), "kept");
    CHECK_TEXT(text(flute, "key"), "G major");
    CHECK_TEXT(text(flute, "metre"), "3/4");
    CHECK_TEXT(json.node[find(flute, "instruments") + 1].string, "Flute");
    CHECK_INT(json.node[find(flute, "drums")].type, RP_JSON_TRUE);
    CHECK_INT(number(flute, "notes"), 20);
    CHECK_INT(number(flute, "tempos"), 2);
    /* 4 beats of half a second and 15.5 of one, and the last one's 4 ticks. */
    CHECK_NEAR(number(flute, "seconds"), 2 + 15.5 + 4.0 / 960, 1e-3);
    CHECK_INT(number(grid, "onsets"), 20);
    CHECK_INT(number(grid, "exact"), 10);
    CHECK_NEAR(number(grid, "mean_ticks"), 0.05, 1e-6);
    CHECK_NEAR(number(grid, "max_ticks"), 0.1, 1e-6);
    CHECK_NEAR(number(grid, "max_ms"), 4000.0 / 960, 1e-4);
    CHECK_NEAR(number(grid, "mean_ms"),
               (2 * 2000.0 / 960 + 8 * 4000.0 / 960) / 20, 1e-4);
}

static void test_dropped(void)
{
    uint32_t twin = file_node("/b.mid"), broken = file_node("/broken.mid");
    uint32_t few = file_node("/short.mid");
    CHECK_TEXT(text(twin, "fate"), "duplicate");
    CHECK(strstr(text(twin, "twin"), "/a.mid"));
    CHECK_TEXT(text(broken, "fate"), "broken");
    CHECK(!strncmp(text(broken, "reason"), "byte ", 5));
    CHECK_TEXT(text(few, "fate"), "short");
    CHECK_TEXT(text(few, "reason"), "9 notes of melody, expected at least 16");
    CHECK(!rp_json_find(&json, broken, "notes"));
}

static void test_sums(void)
{
    uint32_t files = find(0, "files"), split = find(0, "split");
    double pieces = 0, notes = 0;
    CHECK_INT(number(files, "kept"), 2);
    CHECK_INT(number(files, "duplicate"), 1);
    CHECK_INT(number(files, "broken"), 1);
    CHECK_INT(number(files, "short"), 1);
    CHECK_INT(number(files, "beyond memory"), 0);
    for (int s = 0; s < RP_SPLITS; s++) {
        uint32_t side = find(split, rp_split_names[s]);
        pieces += number(side, "pieces");
        notes += number(side, "notes");
    }
    CHECK_INT(pieces, 2);
    CHECK_INT(notes, 60);
    CHECK_INT(number(find(0, "metres"), "3/4"), 1);
    CHECK_INT(number(find(0, "metres"), "4/4"), 1);
    CHECK_INT(number(find(0, "instruments"), "Flute"), 1);
    CHECK_INT(number(find(0, "keys"), "G major"), 1);
    CHECK_INT(number(find(0, "files_with"), "drums"), 1);
    CHECK_INT(number(find(0, "files_with"), "tempo_changes"), 1);
    CHECK_INT(strlen(text(0, "hash")), 64);
}

static void read_json(const char *path)
{
    static char bytes[16384];
    struct rp_json_fault fault = {0};
    FILE *file = fopen(path, "r");
    CHECK(file);
    size_t size = fread(bytes, 1, sizeof bytes, file);
    CHECK(size > 0 && size < sizeof bytes);
    fclose(file);
    rp_status status = rp_json_parse(bytes, size, &json, &fault);
    if (status)
        printf("byte %zu: expected %s\n", fault.offset, fault.expected);
    CHECK_INT(status, RP_OK);
}

int main(void)
{
    struct rp_dataset dataset;
    const char *dir = folder;
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    rp_log_to(quiet, NULL);
    write_flute(in_folder("a.mid"), 0);
    write_flute(in_folder("b.mid"), 2);
    CHECK(songs_save(in_folder("song.mid"), 3, 40));
    CHECK(songs_save(in_folder("short.mid"), 4, 9));
    FILE *file = fopen(in_folder("broken.mid"), "w");
    CHECK(file && fputs("no music", file) >= 0 && !fclose(file));
    struct rp_dataset_options how = {.vocabulary = {.resolution = 24},
                                     .role = "melody", .min_notes = 16,
                                     .max_rest_bars = 2};
    CHECK_INT(rp_dataset_read(&dir, 1, &how, &dataset), RP_OK);
    CHECK_INT(rp_report_save(&dataset, in_folder("data.json")), RP_OK);
    read_json(in_folder("data.json"));
    if (json.count) {
        test_flute();
        test_dropped();
        test_sums();
    }
    rp_json_fini(&json);
    CHECK_INT(rp_report_save(&dataset, "/dev/full"), RP_EIO);
    CHECK_INT(rp_report_save(&dataset, in_folder("none/x.json")), RP_EIO);

    char lines[4096] = "";
    FILE *out = fmemopen(lines, sizeof lines, "w");
    rp_report_print(&dataset, out);
    fclose(out);
    CHECK(strstr(lines, "data: 5 files, 2 kept (melody, 24 ticks per beat)"));
    CHECK(strstr(lines, "1 broken, 1 short, 1 duplicate, 0 beyond memory"));
    CHECK(strstr(lines, "  notes       60, "));
    CHECK(strstr(lines, "G major 1"));
    CHECK(!strstr(lines, "alike"));
    rp_dataset_fini(&dataset);
    songs_remove(folder);
    return TEST_END();
}
