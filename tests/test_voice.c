/* What a network of one voice is told of two hands: the tune, in a register
 * that it knows; and the shipped one's answers, which sound where the call
 * was. Any other network is told everything. */
#include <unistd.h>

#include "model/play/generate.h"
#include "model/play/key.h"
#include "performer.h"
#include "listening.h"
#include "rt/log.h"

enum { ANSWERS = 6 };

static const char weights[] = "presets/melody.safetensors";

/* ---- what is told ---- */

/* A model that knows nothing but that songs begin between C4 and C5. */
static struct rp_model melodic(const char *role)
{
    struct rp_model got = flat_model();

    for (uint32_t pitch = 60; pitch <= 72; pitch++)
        expect_class(&got, RP_PITCH, pitch, 12.0f);
    CHECK_INT(rp_card_set(&got.card, "role", role), RP_OK);
    return got;
}

static void free_model(struct rp_model *got)
{
    rp_card_fini(&got->card);
    free(got->params);
}

static void close_call(void)
{
    CHECK_INT(rp_listen_close(&listen, &clock_), RP_OK);
}

static void check_pitches(const uint8_t *pitch, uint32_t count)
{
    CHECK_INT(listen.call.notes, count);
    CHECK_INT(memory.notes, count);
    for (uint32_t i = 0; i < count && i < listen.call.notes; i++)
        CHECK_INT(listen.call.note[i].pitch, pitch[i]);
}

/* A tune over a chord, its bass alone while the tune rests, the left hand a
 * little early or late. */
static void play_hands(void)
{
    on(0, 48);
    on(20 * MS, 67);
    on(60 * MS, 55);
    off(23 * TICK, 67);
    on(24 * TICK, 71);
    off(36 * TICK, 71);
    on(48 * TICK - 60 * MS, 50); /* a roll: the tune comes last */
    on(48 * TICK, 69);
    off(71 * TICK, 48);
    off(71 * TICK, 69);
    off(71 * TICK, 55);
    off(71 * TICK, 50);
    on(84 * TICK, 52); /* while the tune rests */
    off(94 * TICK, 52);
    on(96 * TICK, 67);
    on(96 * TICK, 48);
    off(120 * TICK, 67);
    off(144 * TICK, 48);
    close_call();
}

static void test_hands(void)
{
    static const uint8_t tune[] = { 67, 71, 69, 67 };
    struct rp_model line = melodic("lead"), any = melodic("polyphony");

    listen_to(&line);
    play_hands();
    check_pitches(tune, 4);
    CHECK_INT(listen.call.low, 67);
    CHECK_INT(listen.call.note[2].duration, 23); /* not to the bass's onset */
    CHECK_INT(listen.call.end, 144); /* when the last key is let go */
    CHECK_INT(listen.besides, 5); /* not told, but they tell the key */
    CHECK_INT(listen.beside[4].pitch, 48);
    CHECK_INT(listen.beside[4].length, 2 * RP_BEAT);
    rp_memory_fini(&memory);
    listen_to(&any);
    play_hands();
    CHECK_INT(listen.call.notes, 9);
    CHECK_INT(listen.call.low, 48);
    CHECK_INT(listen.besides, 0);
    rp_memory_fini(&memory);
    free_model(&line);
    free_model(&any);
}

/* What one hand plays is all told: legato, wide leaps, the tops of chords. */
static void test_one_hand(void)
{
    static const uint8_t down[] = { 72, 71, 69, 60, 67, 72, 62 };
    static const uint8_t tops[] = { 72, 67, 60 };
    struct rp_model line = melodic("melody");

    listen_to(&line);
    for (uint32_t i = 0; i < 7; i++) {
        on(i * 24 * TICK, down[i]);
        if (i)
            off((i * 24 + 4) * TICK, down[i - 1]);
    }
    off(7 * 24 * TICK, down[6]);
    close_call();
    check_pitches(down, 7);
    rp_memory_fini(&memory);
    listen_to(&line);
    for (uint32_t i = 0; i < 3; i++)
        for (uint8_t k = 0; k < 9; k += 4) {
            on(i * 48 * TICK, tops[i] - k);
            off((i * 48 + 40) * TICK, tops[i] - k);
        }
    close_call();
    check_pitches(tops, 3);
    rp_memory_fini(&memory);
    free_model(&line);
}

/* A note that is held when its successors come has its length in the end; in
 * one voice it ends where they begin, and the call when the last key is let
 * go. */
static void test_held(void)
{
    struct rp_model model_of[2] = { melodic("polyphony"), melodic("melody") };

    for (int one = 0; one < 2; one++) {
        listen_to(&model_of[one]);
        on(0, 60);
        on(6 * TICK, 67);
        off(30 * TICK, 67);
        on(96 * TICK, 64); /* over the drone */
        off(120 * TICK, 64);
        off(193 * TICK, 60);
        close_call();
        CHECK_INT(listen.call.notes, 3);
        CHECK_INT(listen.call.note[0].pitch, 60);
        CHECK_INT(listen.call.note[0].duration, one ? 6 : 193);
        CHECK_INT(listen.call.note[1].duration, 24);
        CHECK_INT(listen.call.end, one ? 192 : 193);
        rp_memory_fini(&memory);
        free_model(&model_of[one]);
    }
}

/* The tune's long note, held over the left hand alone, ends with its next. */
static void test_long(void)
{
    struct rp_model line = melodic("melody");

    listen_to(&line);
    on(0, 67);
    on(36 * TICK, 48);
    off(44 * TICK, 48);
    on(72 * TICK, 72);
    off(96 * TICK, 67);
    off(96 * TICK, 72);
    close_call();
    CHECK_INT(listen.call.notes, 2);
    CHECK_INT(listen.call.note[0].duration, 72);
    CHECK_INT(memory.note[0].duration, 72);
    CHECK_INT(listen.call.note[1].duration, 24);
    CHECK_INT(listen.call.end, 96);
    rp_memory_fini(&memory);
    free_model(&line);
}

static void test_register(void)
{
    static const uint8_t played[] = { 28, 31, 40, 65, 100, 119 };
    static const uint8_t told[] = { 64, 67, 64, 65, 64, 71 };
    struct rp_model line = melodic("melody"), any = melodic("polyphony");

    listen_to(&line);
    CHECK_INT(listen.voice.low, 60);
    CHECK_INT(listen.voice.high, 72);
    for (uint32_t i = 0; i < 6; i++) {
        rp_listen_begin(&listen);
        on(i * 96 * TICK, played[i]);
        off((i * 96 + 24) * TICK, played[i]);
        /* The rest of a call goes with its first note. */
        on((i * 96 + 24) * TICK, played[i] + 7);
        off((i * 96 + 48) * TICK, played[i] + 7);
        close_call();
        CHECK_INT(listen.call.notes, 2);
        CHECK_INT(listen.call.note[0].pitch, told[i]);
        CHECK_INT(listen.call.note[1].pitch, told[i] + 7);
        CHECK_INT(rp_voice_sound(listen.voice.octaves, told[i]), played[i]);
    }
    CHECK_INT(listen.voice.octaves, -4);
    memory.model = &any; /* another preset hears what is played */
    rp_listen_learn(&listen);
    CHECK(!listen.voice.line);
    CHECK_INT(listen.voice.octaves, 0);
    rp_memory_fini(&memory);
    free_model(&any);
    free_model(&line);
}

/* ---- what is answered ---- */

struct tally {
    uint32_t notes, in_key, beside; /* the call's range */
};

/* A tune of four bars in C, so many semitones up or down, over chords or
 * alone. */
static void play_tune(struct rp_stage *stage, int up, bool chords)
{
    static const uint8_t tune[] = { 64, 64, 65, 67, 67, 65, 64, 62,
                                    60, 60, 62, 64, 62, 60, 60, 60 };
    static const uint8_t root[] = { 48, 43, 48, 41 };

    for (uint32_t i = 0; i < 16; i++) {
        CHECK_INT(rp_stage_note(stage, i * BEAT,
                                (i + 1) * BEAT - BEAT / 16,
                                (uint8_t)(tune[i] + up), 80),
                  RP_OK);
        for (uint8_t k = 0; chords && i % 4 == 0 && k < 2; k++)
            CHECK_INT(rp_stage_note(stage, i * BEAT,
                                    (i + 4) * BEAT - BEAT / 16,
                                    root[i / 4] + 7 * k, 70),
                      RP_OK);
    }
}

static struct tally answer(int up, bool chords)
{
    struct tally tally = { 0 };

    for (uint32_t seed = 1; seed <= ANSWERS; seed++) {
        struct rp_stage stage;
        rp_frame until[128] = { 0 };
        begin(&stage, 128);
        atomic_store(&stage.knobs.seed, seed);
        play_tune(&stage, up, chords);
        CHECK_INT(rp_stage_run(&stage, 40 * BEAT), RP_OK);
        CHECK_INT(stage.performer->turns, 1);
        for (uint32_t i = 0; i < stage.planned; i++) {
            struct rp_event event = stage.plan[i].event;
            uint8_t pitch = event.data[1];
            if (rp_event_is_off(event))
                until[pitch] = 0;
            if (!rp_event_is_on(event))
                continue;
            for (uint32_t k = 0; k < 128; k++)
                CHECK(!until[k]); /* one voice */
            until[pitch] = 1;
            tally.notes++;
            tally.in_key += rp_key_has(0, (uint8_t)(pitch + 120 - up));
            tally.beside += pitch >= 53 + up && pitch <= 74 + up;
        }
        rp_stage_fini(&stage);
    }
    printf("%+d semitones%s: %u of %u notes in key, %u beside the call\n", up,
           chords ? ", two hands" : "", tally.in_key, tally.notes,
           tally.beside);
    CHECK(tally.notes >= 5 * ANSWERS);
    return tally;
}

static void test_answers(void)
{
    static const int8_t up[] = { -36, -24, -12, 0, 24, 36 };

    for (uint32_t i = 0; i < 6; i++) {
        struct tally tally = answer(up[i], false);
        CHECK(tally.in_key * 20 >= tally.notes * 19);
        CHECK_INT(tally.beside, tally.notes);
    }
    struct tally tally = answer(0, true);
    CHECK(tally.in_key * 20 >= tally.notes * 19);
    CHECK_INT(tally.beside, tally.notes);
}

/* A tune that may be in C or in F: the left hand tells. */
static void test_key(void)
{
    static const uint8_t tune[] = { 72, 72, 72, 74, 74, 72 };

    for (uint8_t root = 0; root < 10; root += 5) {
        struct rp_question question = { 0 };
        struct rp_stage stage;
        struct rp_performer *p;
        begin(&stage, 128);
        p = stage.performer;
        for (uint32_t i = 0; i < 6; i++) {
            rp_frame off = (i + 1) * BEAT - BEAT / 16;
            CHECK_INT(rp_stage_note(&stage, i * BEAT, off, tune[i], 80),
                      RP_OK);
            CHECK_INT(rp_stage_note(&stage, i * BEAT, off,
                                    48 + root + (i % 2 ? 7 : 0), 70),
                      RP_OK);
        }
        while (!p->turns && stage.frame < 20 * BEAT)
            CHECK_INT(rp_stage_run(&stage, stage.frame + 128), RP_OK);
        CHECK_INT(p->turns, 1);
        question.state = calloc((size_t)RP_LAYERS_MAX * RP_HIDDEN_MAX,
                                sizeof *question.state);
        CHECK_INT(rp_brief_question(p, 1, p->start, p->end, &question), RP_OK);
        CHECK_INT(question.wish.notes, 6);
        CHECK_INT(question.wish.key, root);
        free(question.state);
        rp_stage_fini(&stage);
    }
}

/* Offline, too: two octaves down it goes on as it does up here. */
static uint32_t generate(const char *melody, struct rp_note *note)
{
    struct rp_primer primer;
    struct rp_generate_options options = { .model = &model,
                                           .primer = &primer,
                                           .bars = 4,
                                           .taste = { 1.0f, 0.92f, 0 },
                                           .seed = 5 };
    struct rp_generator *generator;
    const struct rp_note *drawn;
    uint32_t count;

    CHECK_INT(rp_primer_melody(melody, &model.shape.vocabulary,
                               (struct rp_metre){ 4, 4 }, &primer),
              RP_OK);
    CHECK_INT(rp_generator_create(&generator, &options), RP_OK);
    CHECK_INT(rp_generator_draw(generator, 0, &drawn, &count), RP_OK);
    CHECK(count >= 4 && count <= 128);
    for (uint32_t i = 0; i < count && i < 128; i++)
        note[i] = drawn[i];
    rp_generator_destroy(generator);
    rp_primer_fini(&primer);
    return count < 128 ? count : 128;
}

static void test_generate(void)
{
    static struct rp_note here[128], down[128];
    uint32_t count = generate("60 -2 62 -2 64 -2 65 -2 67 -2 -2 -2", here);

    CHECK_INT(generate("36 -2 38 -2 40 -2 41 -2 43 -2 -2 -2", down), count);
    for (uint32_t i = 0; i < count; i++) {
        CHECK_INT(down[i].onset, here[i].onset);
        CHECK_INT(down[i].pitch, here[i].pitch - 24);
    }
}

int main(void)
{
    test_hands();
    test_one_hand();
    test_held();
    test_long();
    test_register();
    if (access(weights, R_OK) && !test_failures)
        SKIP("presets/melody.safetensors is not there");
    rp_log_level(RP_WARN);
    CHECK_INT(rp_model_load(weights, "cpu", &model), RP_OK);
    if (!test_failures)
        test_answers();
    if (!test_failures)
        test_key();
    if (!test_failures)
        test_generate();
    rp_model_fini(&model);
    return TEST_END();
}
