/* What bench_engine.h found, as tables and as JSON. */
#include <string.h>

#include "model/net/bench_parts.h"
#include "model/net/json.h"

bool rp_bench_engine_within(const struct rp_bench_engine_row *row)
{
    return row->floor_us > 0 &&
           row->us <=
               RP_BENCH_ENGINE_FLOORS * row->floor_us + RP_BENCH_ENGINE_MORE_US;
}

static void print_note(const struct rp_bench_engine_row *row, FILE *out)
{
    fprintf(out, " %4u %5u %10.1f %8.1f %9.1f %9.1f", row->head, row->slots,
            row->us, row->least_us, row->p999_us, row->step_us);
    if (row->floor_us > 0)
        fprintf(out, " %10.1f %6.2f MB", row->floor_us, row->bytes * 1e-6);
    if (row->floor_us > 0 && row->slots == 1)
        fprintf(out, "  %.2f floors%s", row->us / row->floor_us,
                rp_bench_engine_within(row) ? ", within 1.3 + 20 us" : "");
}

static void print_layers(const struct rp_bench_engine_row *row, FILE *out)
{
    fprintf(out, " %5u %10.1f %8.1f %9.1f %8u", row->slots, row->us,
            row->least_us, row->p999_us, row->samples);
}

static void print_live(const struct rp_bench_engine_row *row, FILE *out)
{
    fprintf(out, " %5u x %-3u %8.1f %8.1f %8.1f %8.1f %8u %8u",
            row->candidates, row->most, row->us, row->p99_us, row->p999_us,
            row->most_us, row->samples, row->notes);
}

static void print_rollout(const struct rp_bench_engine_row *row, FILE *out)
{
    fprintf(out, " %5u x %-3u %11.1f %11.1f %10.2f %7u", row->candidates,
            row->most, row->us, row->p999_us,
            row->us * row->candidates / (row->notes ? row->notes : 1),
            row->notes);
}

static const struct {
    const char *title;
    void (*print)(const struct rp_bench_engine_row *row, FILE *out);
} tables[RP_BENCH_WHATS] = {
    {"one note: a step and all heads; microseconds, median; 'step': steps "
     "alone, one after\nanother\nengine kernels      shape     head slots    "
     "us/note    least    99.9 %      step      floor   weights",
     print_note},
    {"layers: steps alone, one after another, without heads; microseconds a "
     "step\nengine path         shape     slots     median    least    99.9 %  "
     "samples",
     print_layers},
    {"live: a note is heard, the next one drawn, field by field; from host to "
     "device and\nback, microseconds; beside: what another instance thinks "
     "through meanwhile\nengine path         shape          beside   median    "
     " 99 %   99.9 %     most    notes rollouts",
     print_live},
    {"rollouts: candidates x notes in one call; microseconds; us/note: a note "
     "of all of them\nengine path         shape      candidates      median"
     "      99.9 %    us/note   notes",
     print_rollout},
};

static void print_table(const struct rp_bench_engine *bench,
                        enum rp_bench_what what, FILE *out)
{
    bool any = false;

    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        if (row->what != what)
            continue;
        if (!any)
            fprintf(out, "%s\n", tables[what].title);
        any = true;
        fprintf(out, "%-6s %-12s %u x %-5u", row->engine, row->kernels,
                row->layers, row->hidden);
        if (row->status)
            fputs(" failed", out);
        else
            tables[what].print(row, out);
        fputs(row->kept ? "  kept\n" : "\n", out);
    }
}

static void print_subject(const struct rp_bench_engine_row *row, FILE *out)
{
    fprintf(out, "%s %u x %u", rp_bench_what_names[row->what], row->layers,
            row->hidden);
    if (row->what == RP_BENCH_NOTE)
        fprintf(out, " in %u slot%s", row->slots, row->slots > 1 ? "s" : "");
    else if (row->candidates)
        fprintf(out, "%s %u x %u",
                row->what == RP_BENCH_LIVE ? " beside" : "", row->candidates,
                row->most);
}

/* The paths for what row i is about, what is kept first. Nothing where they
 * stand in an earlier line, or there is no choice. */
static bool print_choice(const struct rp_bench_engine *bench, uint32_t i,
                         bool any, FILE *out)
{
    const struct rp_bench_engine_row *kept = NULL;

    for (uint32_t k = 0; k < bench->rows; k++) {
        const struct rp_bench_engine_row *other = &bench->row[k];
        if (!rp_bench_engine_same(&bench->row[i], other))
            continue;
        if (k < i)
            return false;
        if (other->kept)
            kept = other;
    }
    if (!kept)
        return false;
    if (!any)
        fputs("kept, by the median of microseconds:\n", out);
    print_subject(kept, out);
    fprintf(out, ": %s %.1f", kept->kernels, kept->us);
    for (uint32_t k = i; k < bench->rows; k++) {
        const struct rp_bench_engine_row *other = &bench->row[k];
        if (other == kept || !rp_bench_engine_same(kept, other))
            continue;
        fprintf(out, ", %s ", other->kernels);
        if (other->status)
            fputs("failed", out);
        else
            fprintf(out, "%.1f", other->us);
    }
    putc('\n', out);
    return true;
}

static void print_kept(const struct rp_bench_engine *bench, FILE *out)
{
    bool any = false;

    for (uint32_t i = 0; i < bench->rows; i++)
        any = print_choice(bench, i, any, out) || any;
}

static void print_text(const struct rp_bench_engine *bench, FILE *out)
{
    fprintf(out, "%s\n", bench->device);
    if (bench->clocks[0])
        fprintf(out, "%s\n", bench->clocks);
    for (int what = 0; what < RP_BENCH_WHATS; what++)
        print_table(bench, (enum rp_bench_what)what, out);
    fprintf(out, "drawing five fields of a note on the CPU: %.1f us\n",
            bench->draw_us);
    print_kept(bench, out);
}

static void print_json(const struct rp_bench_engine *bench, FILE *out)
{
    fputs("{\"device\":", out);
    rp_json_write(out, bench->device);
    fputs(",\"clocks\":", out);
    rp_json_write(out, bench->clocks);
    fprintf(out, ",\"draw_us\":%.2f,\"rows\":[", bench->draw_us);
    for (uint32_t i = 0; i < bench->rows; i++) {
        const struct rp_bench_engine_row *row = &bench->row[i];
        fprintf(out,
                "%s\n{\"what\":\"%s\",\"engine\":\"%s\",\"kernels\":\"%s\","
                "\"layers\":%u,\"hidden\":%u,\"head\":%u,\"slots\":%u,"
                "\"candidates\":%u,\"most\":%u,\"notes\":%u,\"samples\":%u,"
                "\"us\":%.2f,\"least_us\":%.2f,\"p99_us\":%.2f,"
                "\"p999_us\":%.2f,\"most_us\":%.2f,\"step_us\":%.2f,"
                "\"floor_us\":%.2f,\"bytes\":%.0f,\"within\":%s,"
                "\"failed\":%s,\"kept\":%s}",
                i ? "," : "", rp_bench_what_names[row->what], row->engine,
                row->kernels,
                row->layers, row->hidden, row->head, row->slots,
                row->candidates, row->most, row->notes, row->samples, row->us,
                row->least_us, row->p99_us, row->p999_us, row->most_us,
                row->step_us, row->floor_us, row->bytes,
                rp_bench_engine_within(row) ? "true" : "false",
                row->status ? "true" : "false", row->kept ? "true" : "false");
    }
    fputs("]}\n", out);
}

void rp_bench_engine_print(const struct rp_bench_engine *bench, bool json,
                           FILE *out)
{
    if (json)
        print_json(bench, out);
    else
        print_text(bench, out);
}
