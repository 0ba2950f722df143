#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/play/generate.h"
#include "rt/log.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/quote.h"
#include "tui/roll.h"

enum {
    ROLL_WIDTH = 79,
    BARS = 8,               /* unless told */
    CHORD_BARS = 1 << 12,   /* that chords go on where only notes count */
    SETTINGS = 1 << RP_SET_TEMPO | 1 << RP_SET_METRE | 1 << RP_SET_TEMPERATURE |
               1 << RP_SET_TOP_P | 1 << RP_SET_TOP_K | 1 << RP_SET_WINDOW |
               1 << RP_SET_INSTRUMENT | 1 << RP_SET_SEED
};

struct wish {
    const char *preset, *model, *engine, *primer, *melody, *words, *chords,
        *out;
    struct rp_given given;
    uint32_t bars, notes, count;
    bool all, json;
};

#define AT(field) offsetof(struct wish, field)

static const struct rp_option options[] = {
    {"preset", "NAME", "named set-up, or the path of an .ini (melody)",
     RP_OPTION_TEXT, AT(preset)},
    {"model", "FILE", "other weights than the preset's", RP_OPTION_TEXT,
     AT(model)},
    {"engine", "NAME", "one that 'riposte engines' lists (auto)",
     RP_OPTION_TEXT, AT(engine)},
    {"primer", "FILE.mid", "continue its melody", RP_OPTION_TEXT, AT(primer)},
    {"all", NULL, "continue all its tracks but drums, not the melody alone",
     RP_OPTION_FLAG, AT(all)},
    {"primer-melody", "LIST",
     "continue \"[60, -2, 62, -1]\": a number a 16th; -2 goes on, -1 rests",
     RP_OPTION_TEXT, AT(melody)},
    {"primer-words", "WORDS",
     "continue \"c_4_quarter rest_eighth e_4_half\": words as encode writes",
     RP_OPTION_TEXT, AT(words)},
    {"chords", "LINE",
     "over the continuation: \"C G Am F\", a bar each, or \"C G | Am F\"",
     RP_OPTION_TEXT, AT(chords)},
    {NULL, NULL, NULL, RP_OPTION_SETTINGS, AT(given), 0, 0, NULL, SETTINGS},
    {"bars", "N", "so many bars more (8, unless --notes)", RP_OPTION_COUNT,
     AT(bars), 1, 1000},
    {"notes", "N", "so many notes more, at most", RP_OPTION_COUNT, AT(notes), 1,
     RP_GENERATE_MOST},
    {"count", "N", "so many different ones (1)", RP_OPTION_COUNT, AT(count), 1,
     10000},
    {"out", "DIR", "where NAME-SEED-1.mid, ... are written (.)", RP_OPTION_TEXT,
     AT(out)},
    {"json", NULL, "print a JSON array with paths and notes", RP_OPTION_FLAG,
     AT(json)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "generate",
    .about = "Continues a melody, offline, and writes .mid files with the "
             "primer and the\ncontinuation on tracks of their own. Without a "
             "primer it begins from nothing.\nTempo and metre are the "
             "primer's unless given.",
    .options = options,
};

struct job {
    const struct wish *wish;
    struct rp_preset preset;
    struct rp_model model;
    struct rp_primer primer;
    struct rp_knobs knobs;
    struct rp_generator *generator;
};

static rp_status make_folder(const char *path)
{
    if (mkdir(path, 0777) && errno != EEXIST) {
        rp_log(RP_ERROR, "generate", "%s: %s", path, strerror(errno));
        return RP_EIO;
    }
    return RP_OK;
}

static rp_status tell_chords(struct job *job)
{
    const struct wish *wish = job->wish;
    const struct rp_vocabulary *vocabulary = &job->model.shape.vocabulary;

    if (wish->chords && !vocabulary->chord) {
        rp_log(RP_INFO, "generate",
               "the model knows no chords: what falls on a beat is kept to "
               "their tones");
    }
    return rp_primer_chords(&job->primer, wish->chords, vocabulary->resolution,
                            wish->notes && !wish->bars ? CHORD_BARS
                            : wish->bars               ? wish->bars
                                                       : BARS);
}

static rp_status read_primer(struct job *job)
{
    const struct wish *wish = job->wish;
    const struct rp_vocabulary *vocabulary = &job->model.shape.vocabulary;
    struct rp_metre metre = {(uint8_t)(job->knobs.metre >> 8),
                             (uint8_t)(job->knobs.metre & 255)};
    rp_status status;

    if (wish->primer) {
        status =
            rp_primer_read(wish->primer, vocabulary, wish->all, &job->primer);
    } else if (wish->melody) {
        status =
            rp_primer_melody(wish->melody, vocabulary, metre, &job->primer);
    } else if (wish->words) {
        status = rp_primer_words(wish->words, vocabulary, metre, &job->primer);
    } else {
        status = rp_primer_empty(metre, &job->primer);
    }
    if (status == RP_OK) {
        status = tell_chords(job);
    }
    if (status == RP_OK && job->primer.mbpm &&
        !(wish->given.set & 1u << RP_SET_TEMPO)) {
        job->knobs.tempo = job->primer.mbpm;
    }
    return status;
}

static rp_status set_up(struct job *job)
{
    const struct wish *wish = job->wish;
    rp_status status = rp_preset_find(wish->preset, &job->preset);

    if (status != RP_OK) {
        return status;
    }
    rp_knobs_init(&job->knobs);
    rp_preset_apply(&job->preset, &job->knobs);
    for (int i = 0; i < RP_SETTINGS; i++) {
        if (wish->given.set & 1u << i) {
            rp_setting_copy(i, &job->knobs, &wish->given.knobs);
        }
    }
    status = rp_model_load(wish->model ? wish->model : job->preset.model,
                           wish->engine, &job->model);
    if (status == RP_OK) {
        status = read_primer(job);
    }
    return status == RP_OK ? make_folder(wish->out) : status;
}

static rp_status create_generator(struct job *job)
{
    const struct rp_knobs *knobs = &job->knobs;
    struct rp_generate_options asked = {
        .model = &job->model,
        .primer = &job->primer,
        .bars = job->wish->bars,
        .notes = job->wish->notes,
        .window = knobs->window,
        .seed = knobs->seed,
        .taste = {knobs->temperature, knobs->top_p, knobs->top_k}};

    if (!asked.bars && !asked.notes) {
        asked.bars = BARS;
    }
    return rp_generator_create(&job->generator, &asked);
}

/* "song" of "dir/song.mid". */
static void base_name(const struct wish *wish, char *text, size_t size)
{
    const char *slash = wish->primer ? strrchr(wish->primer, '/') : NULL;
    char *dot;

    snprintf(text, size, "%s",
             slash          ? slash + 1
             : wish->primer ? wish->primer
             : wish->melody ? "melody"
             : wish->words  ? "words"
                            : "nothing");
    dot = strrchr(text, '.');
    if (dot && dot > text) {
        *dot = '\0';
    }
}

static void print_json(const struct job *job, const char *path,
                       const struct rp_note *note, uint32_t count, bool first)
{
    printf("%s\n  {\"path\": ", first ? "[" : ",");
    rp_quote_print(stdout, path);
    printf(", \"resolution\": %u, \"notes\": [",
           job->model.shape.vocabulary.resolution);
    for (uint32_t i = 0; i < count; i++) {
        printf("%s[%d, %d, %d, %d]", i ? ", " : "", note[i].onset,
               note[i].duration, note[i].pitch, note[i].velocity);
    }
    printf("]}");
}

static void add_roll(struct rp_roll_note *to, const struct rp_note *note,
                     uint32_t count, uint32_t resolution, enum rp_who who)
{
    for (uint32_t i = 0; i < count; i++) {
        rp_beat onset = (rp_beat)note[i].onset * RP_BEAT / resolution;
        rp_beat length = (rp_beat)note[i].duration * RP_BEAT / resolution;

        to[i] = (struct rp_roll_note){onset, onset + length, note[i].pitch,
                                      note[i].velocity, (uint8_t)who};
    }
}

/* The last bars of the primer, and the continuation. */
static void print_roll(const struct job *job, const char *path,
                       const struct rp_note *note, uint32_t count)
{
    enum { PRIMER_BARS = 4 };
    const struct rp_primer *primer = &job->primer;
    uint32_t resolution = job->model.shape.vocabulary.resolution, from = 0;
    struct rp_clock clock = {.rate = 48000,
                             .mbpm = job->knobs.tempo,
                             .metre = primer->metre[0].metre,
                             .anchored = 1};
    rp_beat bar = rp_metre_bar(clock.metre);
    int32_t ticks = (int32_t)(bar * resolution / RP_BEAT);
    struct rp_roll_note *all = calloc(primer->count + count + 1, sizeof(*all));

    if (!all) {
        return;
    }
    clock.bar = (rp_beat)primer->origin * RP_BEAT / resolution;
    while (from < primer->count &&
           primer->note[from].onset < primer->end - PRIMER_BARS * ticks) {
        from++;
    }
    add_roll(all, primer->note + from, primer->count - from, resolution,
             RP_WHO_CALL);
    add_roll(all + primer->count - from, note, count, resolution,
             RP_WHO_ANSWER);
    printf("%s: %u notes\n", path, count);
    rp_roll_print(all, primer->count - from + count, &clock, ROLL_WIDTH,
                  stdout);
    printf("\n");
    free(all);
}

static rp_status write_one(struct job *job, uint32_t number)
{
    const struct rp_note *note;
    uint32_t count;
    char name[NAME_MAX], path[PATH_MAX];
    rp_status status = rp_generator_draw(job->generator, number, &note, &count);

    if (status != RP_OK) {
        return status;
    }
    base_name(job->wish, name, sizeof(name) - 32);
    snprintf(path, sizeof(path), "%s/%s-%u-%u.mid", job->wish->out, name,
             job->knobs.seed, number + 1);
    status = rp_generate_save(path, &job->primer, note, count,
                              job->model.shape.vocabulary.resolution,
                              job->knobs.tempo, job->knobs.instrument);
    if (status != RP_OK) {
        return status;
    }
    if (job->wish->json) {
        print_json(job, path, note, count, number == 0);
    } else {
        print_roll(job, path, note, count);
    }
    return RP_OK;
}

static rp_status run(struct job *job)
{
    rp_status status = set_up(job);

    if (status == RP_OK) {
        status = create_generator(job);
    }
    for (uint32_t i = 0; i < job->wish->count && status == RP_OK; i++) {
        status = write_one(job, i);
    }
    if (status == RP_OK && job->wish->json) {
        printf("\n]\n");
    }
    return status;
}

int rp_cmd_generate(int argc, char **argv)
{
    struct wish wish = {
        .preset = "melody", .engine = "auto", .count = 1, .out = "."};
    struct job job = {.wish = &wish};
    int exit_code;

    rp_knobs_init(&wish.given.knobs);
    exit_code = rp_cli_parse(&cli, argc, argv, &wish, NULL);
    if (exit_code >= 0) {
        return exit_code;
    }
    if (!!wish.primer + !!wish.melody + !!wish.words > 1) {
        rp_log(RP_ERROR, "generate",
               "--primer, --primer-melody, --primer-words: expected one of "
               "them");
        return RP_EXIT_USAGE;
    }
    exit_code = rp_exit_code(run(&job));
    rp_generator_destroy(job.generator);
    rp_primer_fini(&job.primer);
    rp_model_fini(&job.model);
    rp_preset_fini(&job.preset);
    return exit_code;
}
