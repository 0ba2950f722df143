#include "model/eval.h"

#include <inttypes.h>
#include <math.h>

static void print_row(FILE *file, const char *name, double notes,
                      const struct rp_markov_nats *network,
                      const struct rp_markov_nats *markov,
                      const struct rp_markov_nats *repeat, int part)
{
    const struct rp_markov_nats *all[] = {network, markov, repeat};
    fprintf(file, "%-14s", name);
    for (int i = 0; i < 3; i++) {
        double nats =
            (part != 1 ? all[i]->rhythm : 0) + (part != 0 ? all[i]->pitch : 0);
        fprintf(file, " %11.4f", nats / notes);
    }
    fputc('\n', file);
}

void rp_eval_print(const struct rp_eval *eval, FILE *file)
{
    double notes = eval->notes ? (double)eval->notes : 1;
    fprintf(file, "%s split: %" PRIu64 " pieces, %" PRIu64 " notes",
            rp_split_names[eval->split], eval->pieces, eval->notes);
    if (eval->rolls)
        fprintf(file, ", %" PRIu64 " frames", eval->frames);
    fprintf(file, "\n\n");
    fprintf(file, "%-14s %11s %11s %11s %11s\n", "network", "nats/note",
            "draws", "perplexity", "accuracy");
    for (int f = 0; f < RP_FIELDS; f++) {
        const struct rp_eval_field *field = &eval->field[f];
        double draws = (double)field->draws;
        if (field->draws)
            fprintf(file, "%-14s %11.4f %11" PRIu64 " %11.3f %10.1f%%\n",
                    rp_field_names[f], field->nats / notes, field->draws,
                    exp(field->nats / draws),
                    100.0 * (double)field->hits / draws);
    }
    if (eval->rolls)
        fprintf(file, "%-14s %11.4f\n", "tail", eval->tail / notes);
    fprintf(file, "%-14s %11.4f\n\n", "all", rp_eval_nats(eval));
    if (eval->rolls)
        fprintf(file,
                "nats per frame %11.4f\n\n"
                "All fields of all notes, END and the tail (silent frames "
                "after the last note,\ncoded by their count on train), over "
                "all frames, the first included.\n\n",
                rp_eval_frame_nats(eval));
    fprintf(file, "%-14s %11s %11s %11s\n", "nats/note", "network", "markov-2",
            "repeat");
    print_row(file, "rhythm", notes, &eval->network, &eval->markov,
              &eval->repeat, 0);
    print_row(file, "pitch", notes, &eval->network, &eval->markov,
              &eval->repeat, 1);
    print_row(file, "both", notes, &eval->network, &eval->markov, &eval->repeat,
              2);
    fprintf(file,
            "\nrhythm is dt and duration, END included. markov-2 and repeat\n"
            "are counted on train; repeat believes in \"again\" by %.1f %% "
            "(rhythm)\nand %.1f %% (pitch), fitted on valid.\n",
            100 * eval->again_rhythm, 100 * eval->again_pitch);
}

static void print_pair(FILE *file, const char *name, double notes,
                       const struct rp_markov_nats *nats, const char *end)
{
    fprintf(file,
            "  \"%s\": {\"rhythm\": %.6f, \"pitch\": %.6f, \"both\": %.6f}%s\n",
            name, nats->rhythm / notes, nats->pitch / notes,
            (nats->rhythm + nats->pitch) / notes, end);
}

void rp_eval_print_json(const struct rp_eval *eval, FILE *file)
{
    double notes = eval->notes ? (double)eval->notes : 1;
    const char *comma = "";
    fprintf(file,
            "{\n  \"split\": \"%s\", \"pieces\": %" PRIu64
            ", \"notes\": %" PRIu64 ",\n  \"nats_per_note\": %.6f,\n",
            rp_split_names[eval->split], eval->pieces, eval->notes,
            rp_eval_nats(eval));
    if (eval->rolls)
        fprintf(file,
                "  \"frames\": %" PRIu64 ", \"tail_nats\": %.6f, "
                "\"nats_per_frame\": %.6f,\n",
                eval->frames, eval->tail, rp_eval_frame_nats(eval));
    fprintf(file, "  \"fields\": {");
    for (int f = 0; f < RP_FIELDS; f++) {
        const struct rp_eval_field *field = &eval->field[f];
        double draws = (double)field->draws;
        if (!field->draws)
            continue;
        fprintf(file,
                "%s\n    \"%s\": {\"nats_per_note\": %.6f, \"draws\": %" PRIu64
                ", \"perplexity\": %.6f, \"accuracy\": %.6f}",
                comma, rp_field_names[f], field->nats / notes, field->draws,
                exp(field->nats / draws), (double)field->hits / draws);
        comma = ",";
    }
    fprintf(file, "\n  },\n");
    print_pair(file, "network", notes, &eval->network, ",");
    print_pair(file, "markov", notes, &eval->markov, ",");
    print_pair(file, "repeat", notes, &eval->repeat, ",");
    fprintf(file,
            "  \"again\": {\"rhythm\": %.6f, \"pitch\": %.6f},\n"
            "  \"seconds\": %.3f\n}\n",
            eval->again_rhythm, eval->again_pitch, eval->seconds);
}
