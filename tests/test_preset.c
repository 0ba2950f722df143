/* Presets: what is read, what is refused and with which line, where they are
 * looked for; the table of settings. */
#include <sys/stat.h>
#include <unistd.h>

#include "model/instrument.h"
#include "model/preset.h"
#include "rt/log.h"
#include "test.h"

static char logged[4096];
static int lines;
static char folder[] = "/tmp/riposte-preset-XXXXXX";

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    lines++;
    snprintf(logged, sizeof(logged), "%s: %s", tag, text);
}

static const char *write_preset(const char *name, const char *text)
{
    static char path[4200];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    return path;
}

static void test_defaults(void)
{
    struct rp_knobs knobs;
    char text[64];

    memset(&knobs, 0xff, sizeof(knobs));
    rp_knobs_init(&knobs);
    for (int i = 0; i < RP_SETTINGS; i++) {
        CHECK_INT(rp_setting_read(i, rp_settings[i].usual, &knobs), RP_OK);
        rp_setting_print(i, &knobs, text, sizeof(text));
        CHECK_TEXT(text, rp_settings[i].usual);
        CHECK_INT(rp_setting_find(rp_settings[i].key), i);
    }
    CHECK_INT(knobs.tempo, 100000);
    CHECK_INT(knobs.metre, 4 << 8 | 4);
    CHECK_INT(knobs.channel, 0);
    CHECK_INT(knobs.instrument, -1);
    CHECK_INT(rp_setting_find("top_p"), -1);
}

static void test_bad_values(void)
{
    static const struct {
        enum rp_setting_id id;
        const char *text;
    } bad[] = {
        {RP_SET_TEMPO, "19.9"},    {RP_SET_TEMPO, "401"},
        {RP_SET_TEMPO, "fast"},    {RP_SET_TEMPO, "-100"},
        {RP_SET_TEMPO, "nan"},     {RP_SET_TEMPO, "inf"},
        {RP_SET_TEMPO, "0x64"},    {RP_SET_TEMPO, "100 "},
        {RP_SET_TEMPO, ""},        {RP_SET_TEMPO, "1.2.3"},
        {RP_SET_METRE, "4"},       {RP_SET_METRE, "4/3"},
        {RP_SET_METRE, "0/4"},     {RP_SET_METRE, "33/4"},
        {RP_SET_METRE, "4/64"},    {RP_SET_METRE, "4/4x"},
        {RP_SET_MODE, "duet"},     {RP_SET_TRADE, "0"},
        {RP_SET_LENGTH, "65"},     {RP_SET_LENGTH, "1.5"},
        {RP_SET_TEMPERATURE, "0"}, {RP_SET_TOP_P, "0"},
        {RP_SET_TOP_P, "1.01"},    {RP_SET_TOP_K, "129"},
        {RP_SET_WINDOW, "0"},      {RP_SET_INSTRUMENT, "128"},
        {RP_SET_INSTRUMENT, "-1"}, {RP_SET_INSTRUMENT, "kazoo"},
        {RP_SET_INSTRUMENT, ""},   {RP_SET_CHANNEL, "0"},
        {RP_SET_CHANNEL, "17"},    {RP_SET_METRONOME, "maybe"},
        {RP_SET_COUNT_IN, "17"},   {RP_SET_SEED, "4294967296"},
        {RP_SET_SEED, "-1"},       {RP_SET_END_TURN, "cc64"},
        {RP_SET_END_TURN, "cc0"},  {RP_SET_END_TURN, "cc120"},
        {RP_SET_END_TURN, "note128"}, {RP_SET_END_TURN, "66"},
        {RP_SET_END_TURN, "note"}, {RP_SET_PROGRAM_CHANGE, "1"},
    };
    struct rp_knobs knobs, before;

    rp_knobs_init(&knobs);
    rp_knobs_init(&before);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (rp_setting_read(bad[i].id, bad[i].text, &knobs) != RP_EARG) {
            printf("%s = '%s' was taken\n", rp_settings[bad[i].id].key,
                   bad[i].text);
            CHECK(0);
        }
    }
    CHECK(!memcmp(&knobs, &before, sizeof(knobs)));
}

static void test_numbers(void)
{
    static const struct {
        enum rp_setting_id id;
        double number; /* as set, and as read back where it is whole */
        const char *text;
    } good[] = {
        {RP_SET_TEMPO, 97.25, "97.25"},      {RP_SET_MODE, 1, "trade"},
        {RP_SET_TRADE, 3.6, "4"},            {RP_SET_TEMPERATURE, 0.5, "0.5"},
        {RP_SET_INSTRUMENT, -1, "none"},     {RP_SET_INSTRUMENT, 24, "24"},
        {RP_SET_CHANNEL, 1, "1"},            {RP_SET_CHANNEL, 16, "16"},
        {RP_SET_METRONOME, 1, "on"},         {RP_SET_COUNT_IN, 0, "0"},
        {RP_SET_SEED, 4294967295.0, "4294967295"},
    };
    static const struct {
        enum rp_setting_id id;
        double number;
    } bad[] = {
        {RP_SET_TEMPO, 19}, {RP_SET_TEMPO, NAN},   {RP_SET_TEMPO, INFINITY},
        {RP_SET_MODE, 9},   {RP_SET_METRE, 4},     {RP_SET_CHANNEL, 0},
        {RP_SET_SEED, -1},  {RP_SET_CHANNEL, 17},  {RP_SET_INSTRUMENT, -2},
    };
    struct rp_knobs knobs, before;
    char text[64];

    rp_knobs_init(&knobs);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        double back;

        CHECK_INT(rp_setting_put(good[i].id, good[i].number, &knobs), RP_OK);
        rp_setting_print(good[i].id, &knobs, text, sizeof(text));
        CHECK_TEXT(text, good[i].text);
        back = rp_setting_number(good[i].id, &knobs);
        CHECK(rp_setting_form(good[i].id) == RP_FORM_REAL
                  ? fabs(back - good[i].number) < 1e-6
                  : back == round(good[i].number));
    }
    memcpy(&before, &knobs, sizeof(knobs));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_INT(rp_setting_put(bad[i].id, bad[i].number, &knobs), RP_EARG);
    }
    CHECK(!memcmp(&knobs, &before, sizeof(knobs)));
    CHECK_INT(rp_setting_form(RP_SET_METRE), RP_FORM_TEXT);
    CHECK_INT(rp_setting_form(RP_SET_MODE), RP_FORM_WORD);
    CHECK_INT(rp_setting_form(RP_SET_CHANNEL), RP_FORM_WHOLE);
}

static void test_steps(void)
{
    struct rp_knobs knobs;
    char first[64], text[64];

    rp_knobs_init(&knobs);
    rp_setting_step(RP_SET_TEMPO, &knobs, 3);
    CHECK_INT(knobs.tempo, 103000);
    for (int i = 0; i < 20; i++) {
        rp_setting_step(RP_SET_TEMPERATURE, &knobs, -1);
    }
    CHECK_NEAR(knobs.temperature, 0.05, 1e-7);
    rp_setting_step(RP_SET_TEMPERATURE, &knobs, 19);
    CHECK_NEAR(knobs.temperature, 1, 1e-7);
    rp_setting_step(RP_SET_METRE, &knobs, -1);
    CHECK_INT(knobs.metre, 3 << 8 | 4);
    rp_setting_step(RP_SET_MODE, &knobs, 1);
    CHECK_INT(knobs.mode, RP_MODE_TRADE);
    /* Every value that steps reach can be read back, at both ends too. */
    for (int i = 0; i < RP_SETTINGS; i++) {
        struct rp_knobs other;

        for (int way = -1; way <= 1; way += 2) {
            rp_knobs_init(&knobs);
            rp_knobs_init(&other);
            for (int n = 0; n < 500; n++) {
                rp_setting_step(i, &knobs, way);
            }
            rp_setting_print(i, &knobs, first, sizeof(first));
            CHECK_INT(rp_setting_read(i, first, &other), RP_OK);
            rp_setting_print(i, &other, text, sizeof(text));
            CHECK_TEXT(text, first);
        }
    }
}

static void test_instruments(void)
{
    char text[64];
    struct rp_knobs knobs;

    CHECK_INT(rp_instrument_find("flute"), 73);
    CHECK_INT(rp_instrument_find("piano"), 0);
    CHECK_INT(rp_instrument_find("Slap Bass 2"), 37);
    CHECK_INT(rp_instrument_find("1"), 1);
    CHECK_INT(rp_instrument_find("127"), 127);
    CHECK_INT(rp_instrument_find("12 strings"), -1);
    for (int i = 0; i < RP_INSTRUMENTS; i++) {
        CHECK_INT(rp_instrument_find(rp_instrument_names[i]), i);
    }
    rp_knobs_init(&knobs);
    CHECK_INT(rp_setting_read(RP_SET_INSTRUMENT, "oboe", &knobs), RP_OK);
    rp_setting_show(RP_SET_INSTRUMENT, &knobs, text, sizeof(text));
    CHECK_TEXT(text, "68 Oboe");
}

static void test_good_preset(void)
{
    struct rp_preset preset;
    struct rp_knobs knobs;
    char want[4200];

    write_preset("good.ini", "# a comment\n\n"
                             "about = Slow; and low # said twice\n"
                             "  tempo=72.5\r\n"
                             "instrument = Cello ; the bow\n"
                             "window = 32\n"
                             "cc21/2 = tempo 60..120 exp # a knob\n"
                             "cc22 = panic\n");
    CHECK_INT(rp_preset_find("good", &preset), RP_OK);
    CHECK_INT(preset.mappings, 2);
    CHECK_INT(preset.mapping[0].channel, 2);
    CHECK_NEAR(preset.mapping[0].to, 120, 0);
    CHECK_INT(preset.mapping[1].knob, RP_KNOB_PANIC);
    CHECK_TEXT(preset.name, "good");
    CHECK_TEXT(preset.about, "Slow; and low");
    snprintf(want, sizeof(want), "%s/good.safetensors", folder);
    CHECK_TEXT(preset.model, want);
    CHECK_INT(preset.set,
              1 << RP_SET_TEMPO | 1 << RP_SET_INSTRUMENT | 1 << RP_SET_WINDOW);
    rp_knobs_init(&knobs);
    knobs.temperature = 0.5f;
    knobs.window = 8;
    rp_preset_apply(&preset, &knobs);
    CHECK_INT(knobs.tempo, 72500);
    CHECK_INT(knobs.instrument, 42);
    CHECK_INT(knobs.window, 32);
    CHECK_NEAR(knobs.temperature, 0.5, 0);
    rp_preset_fini(&preset);
}

static void test_bad_presets(void)
{
    static const struct {
        const char *text, *want;
    } bad[] = {
        {"tempo = 100\ntempoo = 3\n", ":2: unknown key 'tempoo'; expected one "
                                      "of about, model, tempo, metre, mode,"},
        {"#\n\ntempo = quick\n",
         ":3: tempo = 'quick': expected a number of BPM from 20 to 400"},
        {"tempo\n", ":1: expected key = value"},
        {"= 3\n", ":1: expected key = value"},
        {"[play]\n", ":1: expected key = value"},
        {"tempo =  # nothing\n", ":1: expected a value after '='"},
        {"tempo = 90\ntempo = 91\n", ":2: 'tempo' is set a second time"},
        {"cc21 = tempo 9..99\n", ":1: cc21 = 'tempo 9..99': expected FROM..TO"},
        {"cc64 = tempo\n", ":1: cc64 = 'tempo': expected another controller"},
        {"cc2 = tempo\ncc2 = mode\n", ":2: 'cc2' is set a second time"},
        {"model = a\nmodel = b\n", ":2: 'model' is set a second time"},
    };
    struct rp_preset preset = {0};
    char want[4400];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const char *path = write_preset("bad.ini", bad[i].text);

        lines = 0;
        CHECK_INT(rp_preset_find("bad", &preset), RP_EFORMAT);
        CHECK_INT(lines, 1);
        snprintf(want, sizeof(want), "preset: %s%s", path, bad[i].want);
        if (strncmp(logged, want, strlen(want))) {
            CHECK_TEXT(logged, want);
        }
        CHECK(preset.name == NULL);
    }
    unlink(write_preset("bad.ini", ""));
}

static void test_long_line(void)
{
    struct rp_preset preset;
    char text[5000] = "about = ";

    memset(text + 8, 'x', sizeof(text) - 9);
    write_preset("long.ini", text);
    lines = 0;
    CHECK_INT(rp_preset_find("long", &preset), RP_EFORMAT);
    CHECK_INT(lines, 1);
    unlink(write_preset("long.ini", ""));
}

static char listed[256];

static void list(void *self, const struct rp_preset *preset)
{
    strncat(listed, preset->name, sizeof(listed) - strlen(listed) - 1);
    strncat(listed, " ", sizeof(listed) - strlen(listed) - 1);
}

static void test_places(void)
{
    struct rp_preset preset;
    char path[4200], sub[4200];

    /* A path is taken as it is; a model is looked for beside the preset. */
    snprintf(path, sizeof(path), "%s", write_preset("a.ini", "model = w.st\n"));
    CHECK_INT(rp_preset_find(path, &preset), RP_OK);
    snprintf(sub, sizeof(sub), "%s/w.st", folder);
    CHECK_TEXT(preset.model, sub);
    rp_preset_fini(&preset);

    lines = 0;
    CHECK_INT(rp_preset_find("nowhere", &preset), RP_ENONE);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, "no preset 'nowhere'; there are a, good") != NULL);
    CHECK_INT(rp_preset_find("/nowhere/x.ini", &preset), RP_ENONE);
    CHECK(strstr(logged, "/nowhere/x.ini: No such file") != NULL);

    /* The first folder's preset hides the same name further on. */
    snprintf(sub, sizeof(sub), "%s/riposte", folder);
    mkdir(sub, 0700);
    snprintf(sub, sizeof(sub), "%s/riposte/presets", folder);
    mkdir(sub, 0700);
    setenv("XDG_DATA_HOME", folder, 1);
    write_preset("riposte/presets/good.ini", "tempo = 33\n");
    write_preset("riposte/presets/zz.ini", "tempo = 33\n");
    CHECK_INT(rp_preset_find("good", &preset), RP_OK);
    CHECK_INT(preset.knobs.tempo, 72500);
    rp_preset_fini(&preset);
    CHECK_INT(rp_preset_list(list, NULL), RP_OK);
    CHECK(!strncmp(listed, "a good ", 7));
    CHECK(strstr(listed, " zz ") != NULL);
    CHECK(strstr(listed + 7, "good") == NULL);

    /* A broken one is said and does not hide the others. */
    write_preset("a.ini", "nonsense\n");
    *listed = '\0';
    CHECK_INT(rp_preset_list(list, NULL), RP_EFORMAT);
    CHECK(!strncmp(listed, "good ", 5));
}

/* The shipped presets are whole. */
static void test_shipped(void)
{
    struct rp_preset preset;

    CHECK_INT(rp_preset_find("presets/melody.ini", &preset), RP_OK);
    CHECK_TEXT(preset.model, "presets/melody.safetensors");
    CHECK(*preset.about);
    rp_preset_fini(&preset);
}

int main(void)
{
    char command[256];

    if (!mkdtemp(folder)) {
        return 1;
    }
    setenv("RIPOSTE_PRESETS", folder, 1);
    setenv("XDG_DATA_HOME", "/nonexistent", 1);
    rp_log_to(keep, NULL);
    test_defaults();
    test_bad_values();
    test_numbers();
    test_steps();
    test_instruments();
    test_good_preset();
    test_bad_presets();
    test_long_line();
    unlink(write_preset("long.ini", ""));
    test_places();
    test_shipped();
    rp_log_to(NULL, NULL);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    CHECK_INT(system(command), 0);
    return TEST_END();
}
