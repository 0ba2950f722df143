/* riposte encode as a user meets it: .mid to JSON and words, in folders by
 * instrument, and from the JSON the same music again; each mistake is one
 * clear line. */
#include <stdarg.h>

#include "model/data/part.h"
#include "rt/log.h"
#include "tests/folder.h"
#include "tests/songs.h"
#include "tests/test.h"

static char said[8192];

/* Exit code; `said` is what came on both outputs. */
__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
    char command[1024];
    va_list list;
    int n = snprintf(command, sizeof command, "cd %s && { ", folder);
    va_start(list, format);
    n += vsnprintf(command + n, sizeof command - (size_t)n, format, list);
    va_end(list);
    snprintf(command + n, sizeof command - (size_t)n, "; } 2>&1 </dev/null");
    FILE *pipe = popen(command, "r");
    if (!pipe)
        return -1;
    said[fread(said, 1, sizeof said - 1, pipe)] = 0;
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static uint32_t state = 1;
static uint32_t dice(uint32_t sides)
{
    state = state * 1664525u + 1013904223u;
    return (state >> 8) % sides;
}

static void put(struct rp_smf_write *smf, uint32_t track, int64_t tick,
                uint8_t status, int channel, uint32_t a, uint32_t b)
{
    CHECK_INT(rp_smf_write_event(smf, track, tick,
                                 rp_event_make(status, (uint8_t)channel,
                                               (uint8_t)a, (uint8_t)b)),
              RP_OK);
}

/* Two channels on one track, drums on another, chords, notes doubled,
 * overlapping, of no length and without an end; pedal, bends, texts. */
static void write_song(const char *path)
{
    struct rp_smf_write *smf;
    CHECK_INT(rp_smf_write_create(&smf, 2), RP_OK);
    CHECK_INT(rp_smf_write_division(smf, 384), RP_OK);
    CHECK_INT(rp_smf_write_tempo_us(smf, 0, 612345), RP_OK);
    CHECK_INT(rp_smf_write_tempo_us(smf, 1000, 500001), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){ 3, 4 }), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 1152, (struct rp_metre){ 7, 8 }), RP_OK);
    CHECK_INT(rp_smf_write_name(smf, 0, "A \"song\""), RP_OK);
    CHECK_INT(rp_smf_write_name(smf, 1, "two\tvoices"), RP_OK);
    CHECK_INT(rp_smf_write_text(smf, 1, 384, 1, "Am7"), RP_OK);
    CHECK_INT(rp_smf_write_text(smf, 0, 5, 6, "Coda"), RP_OK);
    for (int channel = 0; channel < 2; channel++) {
        put(smf, 1, 3, RP_PROGRAM, channel, channel ? 40 : 19, 0);
        for (int i = 0; i < 300; i++) {
            int64_t tick = dice(20000);
            uint32_t pitch = 40 + dice(30);
            int64_t ticks = dice(4) ? (dice(3) ? 96 * (1 + dice(8)) : 0)
                                    : dice(3000);
            put(smf, 1, tick, RP_NOTE_ON, channel, pitch, 1 + dice(127));
            put(smf, 1, tick + ticks, RP_NOTE_OFF, channel, pitch, dice(128));
            if (!dice(5))
                put(smf, 1, tick, RP_CONTROL, channel, 2, dice(128));
            if (!dice(9))
                put(smf, 1, tick, RP_BEND, channel, dice(128), dice(128));
        }
    }
    put(smf, 2, 0, RP_NOTE_ON, 9, 36, 100);
    put(smf, 2, 96, RP_NOTE_OFF, 9, 36, 0);
    put(smf, 2, 96, RP_PRESSURE, 9, 12, 0);
    put(smf, 2, 192, RP_NOTE_ON, 9, 38, 90); /* nothing ends it */
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
}

static void same_part(const struct rp_part *a, const struct rp_part *b)
{
    CHECK_TEXT(a->name, b->name);
    CHECK_INT(a->division, b->division);
    CHECK_INT(a->track, b->track);
    CHECK_INT(a->channel, b->channel);
    CHECK_INT(a->program, b->program);
    CHECK_INT(a->notes, b->notes);
    CHECK_INT(a->messages, b->messages);
    CHECK_INT(a->texts, b->texts);
    CHECK_INT(a->tempos, b->tempos);
    CHECK_INT(a->metres, b->metres);
    if (a->notes != b->notes || a->messages != b->messages ||
        a->texts != b->texts)
        return;
    for (uint32_t i = 0; i < a->notes; i++) {
        CHECK_INT(a->note[i].onset, b->note[i].onset);
        CHECK_INT(a->note[i].ticks, b->note[i].ticks);
        CHECK_INT(a->note[i].pitch, b->note[i].pitch);
        CHECK_INT(a->note[i].velocity, b->note[i].velocity);
        CHECK_INT(a->note[i].release, b->note[i].release);
    }
    for (uint32_t i = 0; i < a->messages; i++) {
        CHECK_INT(a->message[i].tick, b->message[i].tick);
        CHECK(!memcmp(a->message[i].event.data, b->message[i].event.data,
                      a->message[i].event.size));
    }
    for (uint32_t i = 0; i < a->texts; i++) {
        CHECK_INT(a->text[i].tick, b->text[i].tick);
        CHECK_TEXT(a->text[i].text, b->text[i].text);
    }
}

static void same_music(const char *one, const char *other, uint32_t parts)
{
    struct rp_smf a, b;
    struct rp_part *x, *y;
    uint32_t n, m;
    CHECK_INT(rp_smf_read(one, &a), RP_OK);
    CHECK_INT(rp_smf_read(other, &b), RP_OK);
    CHECK_INT(rp_parts_of(&a, "", &x, &n), RP_OK);
    CHECK_INT(rp_parts_of(&b, "", &y, &m), RP_OK);
    CHECK_INT(n, parts);
    CHECK_INT(m, parts);
    for (uint32_t i = 0; i < n && i < m; i++)
        same_part(&x[i], &y[i]);
    for (uint32_t i = 0; n && m && i < x[0].tempos && i < y[0].tempos; i++) {
        CHECK_INT(x[0].tempo[i].tick, y[0].tempo[i].tick);
        CHECK_INT(x[0].tempo[i].us_per_beat, y[0].tempo[i].us_per_beat);
        CHECK_INT(x[0].metre[i].tick, y[0].metre[i].tick);
        CHECK_INT(x[0].metre[i].metre.beats, y[0].metre[i].metre.beats);
        CHECK_INT(x[0].metre[i].metre.unit, y[0].metre[i].metre.unit);
    }
    rp_parts_fini(x, n);
    rp_parts_fini(y, m);
    rp_smf_fini(&a);
    rp_smf_fini(&b);
}

static void test_round(void)
{
    CHECK_INT(run("\"$RIPOSTE\" encode songs --out json"), 0);
    CHECK(strstr(said, "json: 2 .mid files, 5 parts, 0 broken"));
    CHECK_INT(run("find json -type f | LC_ALL=C sort | tr '\\n' ' '"), 0);
    CHECK_TEXT(said, "json/church-organ/below/odd.t1c1.json "
                     "json/church-organ/below/odd.t1c1.words "
                     "json/drums/below/odd.t2c10.json "
                     "json/drums/below/odd.t2c10.words "
                     "json/unnamed/below/odd.t0c1.json "
                     "json/unnamed/plain.t1c1.json "
                     "json/unnamed/plain.t1c1.words "
                     "json/violin/below/odd.t1c2.json "
                     "json/violin/below/odd.t1c2.words ");
    CHECK_INT(run("\"$RIPOSTE\" encode --back json --out back"), 0);
    CHECK(strstr(said, "back: 2 .mid files, 5 parts, 0 broken"));
    same_music(in_folder("songs/below/odd.mid"),
               in_folder("back/below/odd.mid"), 4);
    same_music(in_folder("songs/plain.mid"), in_folder("back/plain.mid"), 1);
    CHECK_INT(run("\"$RIPOSTE\" encode back --out again && "
                  "diff -r json again"),
              0);
    /* Another reader of JSON finds the notes, too. */
    if (run("python3 -c 'import json'") == 0) {
        CHECK_INT(run("python3 -c 'import json\n"
                      "part = json.load(open(\"json/church-organ/below/"
                      "odd.t1c1.json\"))\n"
                      "n = sum(len(c[\"notes\"]) for c in part[\"chords\"])\n"
                      "print(n + len(part[\"notes\"]), "
                      "part[\"instrument\"])'"),
                  0);
        CHECK_TEXT(said, "300 Church Organ\n");
    }
}

/* Two folders keep their names; a type 2 file comes back as a file a track. */
static void test_folders(void)
{
    FILE *file = fopen(in_folder("songs/below/odd.mid"), "r+b");
    CHECK(file && !fseek(file, 9, SEEK_SET) && putc(2, file) == 2 &&
          !fclose(file));
    CHECK_INT(run("\"$RIPOSTE\" encode songs/below/ songs --out two"), 0);
    CHECK(strstr(said, "two: 3 .mid files"));
    CHECK_INT(run("find two -name '*c10.json' | LC_ALL=C sort | "
                  "tr '\\n' ' '"),
              0);
    CHECK_TEXT(said, "two/drums/below/odd.t2c10.json "
                     "two/drums/songs/below/odd.t2c10.json ");
    CHECK_INT(run("\"$RIPOSTE\" encode --back two --out three && "
                  "find three -type f | LC_ALL=C sort | tr '\\n' ' '"),
              0);
    CHECK(strstr(said, "three/below/odd.t0.mid three/below/odd.t1.mid "
                       "three/below/odd.t2.mid three/songs/below/odd.t0.mid"));
    /* More ticks a quarter than a .mid can say: broken, and no more. */
    CHECK_INT(run("mkdir wide && sed 's/: 960,/: 40000,/; s/plain/wide/' "
                  "json/unnamed/plain.t1c1.json > wide/a.json && "
                  "cp json/unnamed/plain.t1c1.json wide/b.json && "
                  "\"$RIPOSTE\" encode --back wide --out four"),
              0);
    CHECK(strstr(said, "40000 ticks a quarter note: expected 1 to 32767"));
    CHECK(strstr(said, "four: 2 .mid files, 1 parts, 1 broken"));
}

static void refused(int code, int want, const char *text)
{
    CHECK_INT(code, want);
    const char *end = strchr(said, '\n');
    if (!strstr(said, text) || !end || end[1]) {
        printf("expected one line with '%s', got:\n%s", text, said);
        CHECK(0);
    }
}

/* One thing of a good file is changed; the place is said. */
static void test_broken(void)
{
    static const struct {
        const char *change, *said;
    } list[] = {
        { "s/\"midi\": 65/\"midi\": 66/", "the name of pitch 66" },
        { "s/\"midi\": 65/\"midi\": 128/", "a whole number from 0 to 127" },
        { "s/\"velocity\": 80/\"velocity\": 0/", "from 1 to 127" },
        { "s/\"division\": 960/\"division\": 0/", "\"division\"" },
        { "s/\"unit\": 4/\"unit\": 3/", "a unit of 1, 2, 4" },
        { "s/\"notes\"/\"nothing\"/", "\"notes\": an array" },
        { "s/\"riposte\": \"part\"/\"riposte\": \"p\"/", "\"part\"" },
        { "s/\"version\": 1/\"version\": 2/", "\"version\"" },
        { "s/\"tick\": 0/\"tick\": -1/", "\"tick\"" },
        { "s/\"messages\": \\[/&{\"tick\": 0, \"bytes\": [144, 1, 1]}/",
          "a message of channel 0 that is no note" },
        { "s/\"messages\": \\[/&{\"tick\": 0, \"bytes\": [176, 1]}/",
          "a message of channel 0 that is no note" },
        { "s/,/;/", "expected" },
        { "s|plain.mid|../plain.mid|", "a path below a folder" },
    };
    CHECK_INT(run("mkdir bad"), 0);
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        CHECK_INT(run("sed '%s' json/unnamed/plain.t1c1.json > bad/x.json",
                      list[i].change),
                  0);
        int code = run("! cmp -s bad/x.json json/unnamed/plain.t1c1.json && "
                       "\"$RIPOSTE\" encode --back bad --out none");
        CHECK(code != 0);
        if (!strstr(said, list[i].said))
            printf("%s: got: %s", list[i].change, said);
        CHECK(strstr(said, list[i].said) != NULL);
        if (i + 1 < sizeof list / sizeof *list)
            CHECK(strstr(said, "bad/x.json: byte "));
    }
    CHECK_INT(run("test -e plain.mid"), 1);
    refused(run("\"$RIPOSTE\" encode songs"), 2, "expected --out DIR");
    refused(run("\"$RIPOSTE\" encode songs --out ''"), 2,
            "expected --out DIR");
    refused(run("mkdir empty && \"$RIPOSTE\" encode empty --out none"), 4,
            "no music in the folders (0 broken)");
    /* Their files would lie in one place, over each other. */
    CHECK_INT(run("mkdir -p other/below && cp songs/plain.mid other/below"),
              0);
    refused(run("\"$RIPOSTE\" encode songs/below other/below/ --out none"), 2,
            "songs/below and other/below/: expected folders of different "
            "names");
    CHECK_INT(run("test -e none"), 1);
    /* What is written has its name only when it is whole. */
    CHECK_INT(run("find json -name '*.part' | grep ."), 1);
}

/* A byte of a good file is another, or the rest is gone: no reader falls over
 * it, and what it takes prints again. */
static void test_noise(void)
{
    char *good = NULL, *path = in_folder("noise.json");
    size_t size = 0, got;
    uint32_t taken = 0;
    FILE *file = fopen(in_folder("json/drums/below/odd.t2c10.json"), "r");
    FILE *copy = open_memstream(&good, &size);
    char part[512];
    while (file && (got = fread(part, 1, sizeof part, file)))
        fwrite(part, 1, got, copy);
    CHECK(file && !fclose(file) && !fclose(copy) && size > 500);
    for (int i = 0; i < 400 && size; i++) {
        static const char odd[] = "\"{}[],:0-9e.\\n\xff\0";
        struct rp_part read;
        size_t at = dice((uint32_t)size);
        char was = good[at];
        good[at] = odd[dice(sizeof odd)];
        file = fopen(path, "w");
        fwrite(good, 1, dice(4) ? size : at, file);
        fclose(file);
        good[at] = was;
        if (rp_part_read(path, &read))
            continue;
        file = fopen("/dev/null", "w");
        rp_part_print(&read, file);
        fclose(file);
        rp_part_fini(&read);
        taken++;
    }
    CHECK(taken > 5 && taken < 300);
    free(good);
}

/* Names that differ in their ending alone are files of their own. */
static void test_endings(void)
{
    CHECK_INT(run("mkdir ends && cp songs/plain.mid ends/a.mid && "
                  "cp songs/plain.mid ends/a.kar && "
                  "cp songs/below/odd.mid ends/a.MID && "
                  "\"$RIPOSTE\" encode ends --out apart && "
                  "\"$RIPOSTE\" encode --back apart --out ended && "
                  "ls ended | LC_ALL=C sort | tr '\\n' ' '"),
              0);
    CHECK(strstr(said, "a.MID a.kar a.mid "));
}

static void test_words(void)
{
    CHECK_INT(run("\"$RIPOSTE\" generate --primer-words \"$(cat json/violin/"
                  "below/odd.t1c2.words)\" --bars 2 --out out --json"),
              0);
    CHECK(strstr(said, "out/words-"));
    refused(run("\"$RIPOSTE\" generate --primer-words 'c_4_half h' --out out"),
            2, "character 10: expected a pitch");
    refused(run("\"$RIPOSTE\" generate --primer-words 'c_4_half' "
                "--primer-melody 60 --out out"),
            2, "expected one of them");
}

static void hush(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
}

int main(void)
{
    if (!getenv("RIPOSTE"))
        SKIP("RIPOSTE is not set");
    if (!mkdtemp(folder)) {
        perror(folder);
        return 1;
    }
    CHECK_INT(run("mkdir -p songs/below"), 0);
    write_song(in_folder("songs/below/odd.mid"));
    CHECK(songs_save(in_folder("songs/plain.mid"), 3, 60));
    rp_log_to(hush, NULL); /* of the readers in this process */
    test_round();
    test_broken();
    test_words();
    test_endings();
    test_folders();
    test_noise();
    songs_remove(folder);
    return TEST_END();
}
