/* How a controller's numbers become values: text, ranges, curves, encoders,
 * and the hand that has to pass a knob's value before it turns it. */
#include "model/mapping.h"
#include "tests/test.h"

static struct rp_knobs knobs;

static struct rp_mapping read(const char *line)
{
    struct rp_mapping mapping = {0};
    char why[512] = "";

    if (rp_mapping_read_line(line, &mapping, why, sizeof(why)) != RP_OK) {
        printf("'%s': %s\n", line, why);
        CHECK(0);
    }
    return mapping;
}

/* The knob as text after these values of a controller that jumps or not. */
static const char *turn(const char *line, const char *values)
{
    static char text[64];
    struct rp_mapping mapping = read(line);
    struct rp_mapping_hand hand = RP_HAND;

    rp_knobs_init(&knobs);
    for (const char *at = values; *at; at += strcspn(at, " ")) {
        at += strspn(at, " ");
        (void)rp_mapping_turn(&mapping, &hand, (uint8_t)atoi(at), &knobs);
    }
    rp_setting_print(mapping.knob, &knobs, text, sizeof(text));
    return text;
}

static void test_text(void)
{
    static const char *const same[] = {
        "cc21 = temperature",       "cc1/16 = tempo 60..180",
        "cc119 = top-p 1..0.5 exp", "cc7 = metronome toggle",
        "cc9 = preset relative-twos", "cc66 = panic",
        "cc67 = hand-over",         "cc3 = window 8..64 relative-offset",
        "cc4 = tempo 90..120 log jump", "cc5 = metre",
        "note36/10 = panic",        "note0 = temperature 0.8..1.4",
    };
    char controller[16], knob[160], line[180];

    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        struct rp_mapping mapping = read(same[i]);

        rp_mapping_print_controller(&mapping, controller, sizeof(controller));
        rp_mapping_print(&mapping, knob, sizeof(knob));
        snprintf(line, sizeof(line), "%s = %s", controller, knob);
        CHECK_TEXT(line, same[i]);
    }
    CHECK(rp_mapping_is_key("cc1") && !rp_mapping_is_key("cc") &&
          !rp_mapping_is_key("count-in"));
    for (int i = 0; i < RP_KNOBS; i++) { /* every one can be mapped */
        snprintf(line, sizeof(line), "cc21=%s", rp_knob_name(i));
        CHECK_INT(read(line).knob, i);
        CHECK_INT(rp_knob_find(rp_knob_name(i)), i);
    }
    CHECK_INT(rp_knob_find("tempi"), -1);
    CHECK(!rp_knob_name(RP_KNOBS) && !rp_knob_name(-1));
}

static void test_bad_text(void)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"cc0=tempo", "expected another controller"},
        {"cc32=tempo", "expected another controller"},
        {"cc64=tempo", "expected another controller"},
        {"cc120=tempo", "expected another controller"},
        {"cc127=tempo", "expected another controller"},
        {"cc128=tempo", "expected a controller such as"},
        {"cc21/17=tempo", "expected a controller such as"},
        {"cc21/0=tempo", "expected a controller such as"},
        {"cc21x=tempo", "expected a controller such as"},
        {"cc-1=tempo", "expected a controller such as"},
        {"note128=tempo", "expected a controller such as"},
        {"note=tempo", "expected a controller such as"},
        {"note36=tempo relative-twos", "expected a key to be pressed"},
        {"note36=tempo exp", "expected a curve with an absolute"},
        {"cc21", "expected CONTROLLER=KNOB"},
        {"cc21=", "expected tempo, metre,"},
        {"cc21=tempi", "expected tempo, metre,"},
        {"cc21=tempo 19..200", "expected FROM..TO, each a number of BPM"},
        {"cc21=tempo 100..100", "expected FROM..TO"},
        {"cc21=tempo 60..", "expected FROM..TO"},
        {"cc21=tempo 60..90 90..120", "expected one range"},
        {"cc21=metre 3/4..4/4", "expected no range for this knob"},
        {"cc21=panic 0..1", "expected no range for this knob"},
        {"cc21=panic relative-twos", "expected a controller that is pressed"},
        {"cc21=tempo exp toggle", "expected a curve with an absolute"},
        {"cc21=tempo fast", "expected FROM..TO, linear,"},
    };
    char why[512];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct rp_mapping mapping = {.knob = 99};

        CHECK_INT(rp_mapping_read_line(bad[i].line, &mapping, why,
                                       sizeof(why)),
                  RP_EARG);
        CHECK_INT(mapping.knob, 99);
        if (strncmp(why, bad[i].why, strlen(bad[i].why))) {
            CHECK_TEXT(why, bad[i].why);
        }
    }
}

static void test_absolute(void)
{
    CHECK_TEXT(turn("cc1=tempo 60..187 jump", "0"), "60");
    CHECK_TEXT(turn("cc1=tempo 60..187 jump", "127"), "187");
    CHECK_TEXT(turn("cc1=tempo 60..187 jump", "30"), "90");
    CHECK_TEXT(turn("cc1=tempo 187..60 jump", "30"), "157");
    CHECK_TEXT(turn("cc1=temperature 0.5..1.5 jump", "127"), "1.5");
    CHECK_TEXT(turn("cc1=channel jump", "0"), "1");
    CHECK_TEXT(turn("cc1=channel jump", "127"), "16");
    CHECK_TEXT(turn("cc1=instrument jump", "40"), "40");
    CHECK_TEXT(turn("cc1=instrument none..127 jump", "0"), "none");
    CHECK_TEXT(turn("cc1=metronome", "64"), "on");
    CHECK_TEXT(turn("cc1=metronome", "127 63"), "off");
    CHECK_TEXT(turn("cc1=metre", "0"), "2/4");
    CHECK_TEXT(turn("cc1=metre", "127"), "12/8");
    CHECK_TEXT(turn("cc1=seed jump", "99"), "99");
    /* a quarter of the way: a sixteenth by exp, seven by log */
    CHECK_TEXT(turn("cc1=tempo 60..220 exp jump", "32"), "70.16");
    CHECK_TEXT(turn("cc1=tempo 60..220 log jump", "32"), "130.47");
    CHECK_TEXT(turn("cc1=tempo 60..220 log jump", "127"), "220");
}

static void test_toggle(void)
{
    CHECK_TEXT(turn("cc1=metronome toggle", "127"), "on");
    CHECK_TEXT(turn("cc1=metronome toggle", "127 0"), "on");
    CHECK_TEXT(turn("cc1=metronome toggle", "127 0 127"), "off");
    CHECK_TEXT(turn("cc1=metronome toggle", "127 90 127"), "on");
    CHECK_TEXT(turn("cc1=temperature 0.8..1.4 toggle", "127"), "0.8");
    CHECK_TEXT(turn("cc1=temperature 0.8..1.4 toggle", "127 0 127"), "1.4");
    CHECK_TEXT(turn("cc1=end-turn toggle", "127"), "cc66");
}

static void test_relative(void)
{
    CHECK_TEXT(turn("cc1=tempo relative-twos", "1 1 3"), "105");
    CHECK_TEXT(turn("cc1=tempo relative-twos", "127 126"), "97");
    CHECK_TEXT(turn("cc1=tempo relative-offset", "65 66"), "103");
    CHECK_TEXT(turn("cc1=tempo relative-offset", "64 63 60"), "95");
    CHECK_TEXT(turn("cc1=tempo relative-sign", "1 2 0 64"), "103");
    CHECK_TEXT(turn("cc1=tempo relative-sign", "65 70"), "93");
    CHECK_TEXT(turn("cc1=tempo 90..104 relative-twos", "60"), "104");
    CHECK_TEXT(turn("cc1=tempo 90..104 relative-twos", "65"), "90");
    CHECK_TEXT(turn("cc1=tempo 104..90 relative-twos", "3"), "97");
    CHECK_TEXT(turn("cc1=metre relative-twos", "1"), "5/4");
    CHECK_TEXT(turn("cc1=temperature relative-twos", "1"), "1.05");
}

/* The knob is at 100 BPM; the controller joins it where it passes that. */
static void test_pickup(void)
{
    struct rp_mapping mapping = read("cc1=tempo 60..187"); /* 40 is 100 BPM */
    struct rp_mapping_hand hand = RP_HAND;

    rp_knobs_init(&knobs);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 10, &knobs), 1);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 30, &knobs), 1);
    CHECK_INT(knobs.tempo, 100000);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 50, &knobs), 0); /* passed it */
    CHECK_INT(knobs.tempo, 110000);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 127, &knobs), 0);
    CHECK_INT(knobs.tempo, 187000);
    knobs.tempo = 90000; /* turned in the panel: it waits again */
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 120, &knobs), -1);
    CHECK_INT(knobs.tempo, 90000);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 32, &knobs), 0); /* near */
    CHECK_INT(knobs.tempo, 92000);
    knobs.tempo = 300000; /* beyond its range: its end will do */
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 90, &knobs), 1);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 126, &knobs), 0);
    CHECK_INT(knobs.tempo, 186000);
    /* the other way round */
    mapping = read("cc1=tempo 187..60"); /* 87 is 100 BPM */
    hand = (struct rp_mapping_hand)RP_HAND;
    knobs.tempo = 100000;
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 10, &knobs), 1);
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 99, &knobs), 0);
    CHECK_INT(knobs.tempo, 88000);
    hand = (struct rp_mapping_hand)RP_HAND;
    knobs.tempo = 100000;
    CHECK_INT(rp_mapping_turn(&mapping, &hand, 120, &knobs), -1);
}

/* Whatever comes, every knob stays within what it may be. */
static void test_all(void)
{
    static const char *const kinds[] = {"", "exp", "log jump", "jump", "toggle",
                                        "relative-twos", "relative-offset",
                                        "relative-sign"};
    char line[80], text[64];
    uint32_t random = 1;

    for (int knob = 0; knob < RP_SETTINGS; knob++) {
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
            struct rp_mapping_hand hand = RP_HAND;
            struct rp_mapping mapping;
            struct rp_knobs back;
            int refused = 0;

            snprintf(line, sizeof(line), "cc9=%s %s", rp_knob_name(knob),
                     kinds[k]);
            mapping = read(line);
            rp_knobs_init(&knobs);
            for (int i = 0; i < 200; i++) {
                random = random * 1664525u + 1013904223u;
                (void)rp_mapping_turn(&mapping, &hand, random >> 24 & 127,
                                      &knobs);
                rp_setting_print(knob, &knobs, text, sizeof(text));
                rp_knobs_init(&back);
                refused += rp_setting_read(knob, text, &back) != RP_OK;
            }
            CHECK_INT(refused, 0);
        }
    }
}

int main(void)
{
    test_text();
    test_bad_text();
    test_absolute();
    test_toggle();
    test_relative();
    test_pickup();
    test_all();
    return TEST_END();
}
