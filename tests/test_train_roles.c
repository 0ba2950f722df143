/* What a network that is told the chords learns from lead sheets, and one that
 * learns timing from performances: in made-up music whose notes are nothing
 * but tones of the chord, each late or early by its place in the bar. */
#include "model/play/generate.h"
#include "tests/train_runs.h"

enum { SONGS = 48, BARS = 16, BAR = 4 * RP_SMF_PPQ };

/* A chord a bar, major or minor on any root; quarters of its tones. A tick of
 * the model is 40 of the file, so 10 is a quarter of a tick: first and third
 * beats are early, the others late. */
static bool write_song(const char *path, uint32_t seed)
{
    struct songs_dice dice = { seed * 31 + 7 };
    struct rp_smf_write *smf;
    bool whole = rp_smf_write_create(&smf, 2) == RP_OK &&
                 !rp_smf_write_metre(smf, 0, (struct rp_metre){ 4, 4 });

    for (int bar = 0; bar < BARS && whole; bar++) {
        struct rp_chord chord = { (uint8_t)songs_roll(&dice, 12),
                                  songs_roll(&dice, 2) ? RP_MAJOR : RP_MINOR };
        char symbol[RP_CHORD_TEXT];
        rp_chord_print(chord, symbol);
        whole = !rp_smf_write_text(smf, 2, bar * BAR, 1, symbol);
        for (int beat = 0; beat < 4 && whole; beat++) {
            int64_t tick = bar * BAR + beat * RP_SMF_PPQ;
            uint32_t pitch = 60 + songs_roll(&dice, 12);
            while (!(rp_chord_tones(chord) >> pitch % 12 & 1))
                pitch++;
            int64_t on = tick + (beat % 2 ? 10 : tick ? -10 : 0);
            whole = !rp_smf_write_event(
                        smf, 1, on,
                        rp_event_make(RP_NOTE_ON, 0, (uint8_t)pitch,
                                      beat ? 60 : 100)) &&
                    !rp_smf_write_event(
                        smf, 1, tick + RP_SMF_PPQ - 80,
                        rp_event_make(RP_NOTE_OFF, 0, (uint8_t)pitch, 0));
        }
    }
    whole = whole && !rp_smf_write_save(smf, path);
    rp_smf_write_destroy(smf);
    return whole;
}

/* Nats a note of a field on the validation split, of the best checkpoint. */
static double valid_of(const char *out, const char *field)
{
    struct rp_shape shape;
    struct rp_card card = { 0 };
    float *params = NULL;
    char key[40];
    double value;

    snprintf(key, sizeof key, "loss_valid_%s", field);
    CHECK_INT(rp_checkpoint_load(path_of(out, "best.safetensors"), &shape,
                                 &params, &card, NULL, NULL),
              RP_OK);
    value = atof(rp_card_get(&card, key) ? rp_card_get(&card, key) : "nan");
    rp_card_fini(&card);
    free(params);
    return value;
}

static struct rp_train_options set_up(const char *out, const char *role,
                                      bool chord)
{
    struct rp_train_options options = small(out);

    options.layers = 1;
    options.batch = 16;
    options.length = 64;
    options.epochs = 80;
    options.dropout = options.recurrent_dropout = 0;
    options.input_dropout = options.metre_drop = options.chord_drop = 0;
    CHECK_INT(rp_train_set(&options, "", "role", role), RP_OK);
    CHECK_INT(rp_train_set(&options, "", "chord", chord ? "yes" : "no"),
              RP_OK);
    return options;
}

/* Of the notes over a line of chords, the share that is of the chord. */
static double share_of_tones(const char *out, const char *line, bool shuffled)
{
    struct rp_generate_options how = { .bars = 16,
                                       .taste = { 1.0f, 1.0f, 0 },
                                       .seed = 5 };
    const struct rp_note *note;
    struct rp_generator *generator;
    struct rp_primer primer;
    struct rp_model model;
    uint32_t count, fits = 0;

    CHECK_INT(rp_model_load(path_of(out, "best.safetensors"), "cpu", &model),
              RP_OK);
    CHECK(model.shape.vocabulary.chord);
    CHECK_INT(rp_primer_empty((struct rp_metre){ 4, 4 }, &primer), RP_OK);
    CHECK_INT(rp_primer_chords(&primer, line, 24, 16), RP_OK);
    how.model = &model;
    how.primer = &primer;
    CHECK_INT(rp_generator_create(&generator, &how), RP_OK);
    CHECK_INT(rp_generator_draw(generator, 0, &note, &count), RP_OK);
    for (uint32_t i = 0; i < count; i++) {
        const struct rp_chord_change *change =
            rp_chord_find(primer.chord, primer.chords,
                          note[i].onset + (shuffled ? 96 : 0));
        fits += rp_chord_tones(change->chord) >> note[i].pitch % 12 & 1;
    }
    CHECK(count > 20);
    rp_generator_destroy(generator);
    rp_primer_fini(&primer);
    rp_model_fini(&model);
    return count ? (double)fits / count : 0;
}

static void test_lead(void)
{
    char out[2][300];
    struct rp_train_options options;

    for (int chord = 0; chord < 2; chord++) {
        snprintf(out[chord], sizeof out[chord], "%s/lead-%d", folder, chord);
        options = set_up(out[chord], "lead", chord);
        (void)run(&options);
    }
    double without = valid_of(out[0], "pitch"), with = valid_of(out[1],
                                                                "pitch");
    printf("pitch without chords %.3f, with %.3f nats\n", without, with);
    /* 12 to 15 pitches without them, 3 to 5 with. */
    CHECK(without > 2.2 && without < 2.8);
    CHECK(with < 1.5);
    double right = share_of_tones(out[1], "C F#m Eb Bm", false);
    double wrong = share_of_tones(out[1], "C F#m Eb Bm", true);
    printf("tones of the chord %.2f, of the next one %.2f\n", right, wrong);
    CHECK(right > 0.85);
    CHECK(wrong < 0.5);
}

static void test_performance(void)
{
    char out[300];
    struct rp_train_options options;

    snprintf(out, sizeof out, "%s/performance", folder);
    options = set_up(out, "performance", false);
    options.epochs = 20;
    (void)run(&options);
    printf("timing %.3f, velocity %.3f nats\n", valid_of(out, "timing"),
           valid_of(out, "velocity"));
    CHECK(valid_of(out, "timing") < 0.3); /* of 2.77 for any */
    CHECK(valid_of(out, "velocity") < 0.3);
}

int main(void)
{
    bool whole = true;

    rp_log_to(keep_log, NULL);
    snprintf(folder, sizeof folder, "%s/riposte-train-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    CHECK(mkdtemp(folder) != NULL);
    dirs[0] = folder;
    for (uint32_t i = 0; i < SONGS && whole; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/song%02u.mid", folder, i);
        whole = write_song(path, i);
    }
    CHECK(whole);
    test_lead();
    test_performance();
    songs_remove(folder);
    return TEST_END();
}
