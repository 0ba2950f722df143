/* What bench_train.h found, as text and as JSON. */
#include <string.h>

#include "model/bench_train.h"
#include "model/net/json.h"

static const char *const stage_names[RP_STAGES + 1] = {
    "fill", "input", "recurrent", "heads", "backward", "weights", "update",
};

static void print_row(const struct rp_bench_train_row *row, FILE *out)
{
    if (row->status) {
        fprintf(out, "%-7s %s %s failed\n", row->torch ? "PyTorch" : "riposte",
                rp_precision_names[row->precision], row->how);
        return;
    }
    fprintf(out,
            "%-7s %s %-17s %7.0f notes/s (%.0f, %.0f)  %.0f GFLOP/s; %.0f a "
            "core\n",
            row->torch ? "PyTorch" : "riposte",
            rp_precision_names[row->precision], row->how, row->notes_s,
            row->least_s, row->most_s, row->gflops, row->core_s);
    for (int s = 0; s <= RP_STAGES && row->share[RP_STAGES] > 0; s++)
        fprintf(out, "%s %s %.1f %%", s ? "," : " ", stage_names[s],
                100 * row->share[s]);
    if (row->share[RP_STAGES] > 0)
        putc('\n', out);
}

/* What PyTorch's GRU ran, where it was profiled. */
static void print_kernels(const struct rp_bench_train *bench, FILE *out)
{
    for (int p = 0; p < RP_PRECISIONS; p++) {
        const char *line = bench->torch_kernels[p];
        if (*line)
            fprintf(out, "PyTorch's GRU in %s ran, microseconds of a step:\n",
                    rp_precision_names[p]);
        while (*line) {
            const size_t length = strcspn(line, "\n");
            fputs("  ", out);
            fwrite(line, 1, length, out);
            putc('\n', out);
            line += length + (line[length] == '\n');
        }
    }
}

static void print_text(const struct rp_bench_train *bench, FILE *out)
{
    const struct rp_bench_train_options *options = &bench->options;

    if (options->engine)
        fprintf(out, "%s\n%s\n", bench->device, bench->clocks);
    fprintf(out,
            "training %u x %u, head %u, %zu weights; batch %u, %u notes a "
            "row, %u threads\nnotes/s: GRU steps, median of %u rounds of %u "
            "steps (least, most)\n",
            options->layers, options->hidden, options->head, bench->weights,
            options->batch, options->length, bench->threads, options->rounds,
            options->steps);
    if (bench->torch_version[0])
        fprintf(out,
                "PyTorch %s: the same batch and weights, loss %.5f nats a "
                "note (riposte %.5f)\n",
                bench->torch_version, bench->torch_loss, bench->loss);
    else if (options->torch)
        fprintf(out, "PyTorch is skipped: %s: %s\n", options->torch,
                bench->torch_skipped);
    for (uint32_t i = 0; i < bench->rows; i++)
        print_row(&bench->row[i], out);
    for (uint32_t i = 0; i < bench->rows; i++)
        if (bench->row[i].ratio > 0)
            fprintf(out,
                    "%s, %s: %.2f times PyTorch's notes/s; %.2f times in a "
                    "core's own time\n",
                    rp_precision_names[bench->row[i].precision],
                    bench->row[i].how, bench->row[i].ratio, bench->row[i].core_ratio);
    print_kernels(bench, out);
}

static void print_json(const struct rp_bench_train *bench, FILE *out)
{
    const struct rp_bench_train_options *options = &bench->options;

    fprintf(out,
            "{\"layers\":%u,\"hidden\":%u,\"head\":%u,\"weights\":%zu,"
            "\"batch\":%u,\"length\":%u,\"threads\":%u,\"loss\":%.6f,"
            "\"torch_loss\":%.6f,",
            options->layers, options->hidden, options->head, bench->weights,
            options->batch, options->length, bench->threads, bench->loss,
            bench->torch_loss);
    if (options->engine) {
        fputs("\"device\":", out);
        rp_json_write(out, bench->device);
        fputs(",\"clocks\":", out);
        rp_json_write(out, bench->clocks);
        putc(',', out);
    }
    if (bench->torch_skipped[0]) {
        fputs("\"torch_skipped\":", out);
        rp_json_write(out, bench->torch_skipped);
        putc(',', out);
    }
    fputs("\"rows\":[", out);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_train_row *row = &bench->row[i];
        fprintf(out,
                "%s\n{\"torch\":%s,\"precision\":\"%s\",\"how\":\"%s\","
                "\"notes_s\":%.1f,\"least_s\":%.1f,\"most_s\":%.1f,"
                "\"core_s\":%.1f,\"gflops\":%.2f,\"ratio\":%.3f,"
                "\"core_ratio\":%.3f,\"failed\":%s,\"share\":{",
                i ? "," : "", row->torch ? "true" : "false",
                rp_precision_names[row->precision], row->how, row->notes_s,
                row->least_s, row->most_s, row->core_s, row->gflops, row->ratio,
                row->core_ratio, row->status ? "true" : "false");
        for (int s = 0; s <= RP_STAGES; s++)
            fprintf(out, "%s\"%s\":%.4f", s ? "," : "", stage_names[s],
                    row->share[s]);
        fputs("}}", out);
    }
    fputs("]}\n", out);
}

void rp_bench_train_print(const struct rp_bench_train *bench, bool json,
                          FILE *out)
{
    if (json)
        print_json(bench, out);
    else
        print_text(bench, out);
}
