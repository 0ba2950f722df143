#include "tui/bench_latency.h"

#include <stdlib.h>
#include <time.h>

#include "rt/log.h"
#include "tui/quote.h"

/* ns. A key that is not heard within GIVE_UP is not measured but said. */
enum { LOOK = 20000, NAP = 1000000 };
static const uint64_t give_up = 1000000000u, patience = 10000000000u;

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void sleep_ns(long ns)
{
    struct timespec time = {ns / 1000000000, ns % 1000000000};

    nanosleep(&time, NULL);
}

/* Until an event of that kind sounds; false when it never did. */
static bool wait_seen(struct rp_rig *rig, enum rp_seen_kind kind, int pitch,
                      uint64_t until)
{
    struct rp_seen seen;

    do {
        while (rp_session_seen(rig->session, &seen)) {
            if (seen.kind == kind && rp_event_is_on(seen.event) &&
                (pitch < 0 || seen.event.data[1] == pitch)) {
                return true;
            }
        }
        sleep_ns(LOOK);
    } while (now_ns() < until);
    return false;
}

static void strike(struct rp_rig *rig, int pitch, bool on)
{
    (void)rp_session_play(
        rig->session,
        rp_event_make(on ? RP_NOTE_ON : RP_NOTE_OFF, 0, (uint8_t)pitch, 80));
}

/* Presses at places in the period that no period repeats. */
static void measure_thru(struct rp_bench_latency *bench, struct rp_rig *rig)
{
    uint32_t wanted = bench->notes;

    bench->notes = 0;
    for (uint32_t i = 0; i < wanted; i++) {
        uint64_t began = now_ns();
        int pitch = 48 + (int)(i % 24);

        strike(rig, pitch, true);
        if (wait_seen(rig, RP_SEEN_CALL, pitch, began + give_up)) {
            bench->thru_ns[bench->notes++] = (uint32_t)(now_ns() - began);
        } else {
            rp_log(RP_WARN, "latency", "a note was never heard");
        }
        strike(rig, pitch, false);
        sleep_ns(10 * NAP + (long)(i * 618034 % NAP));
        rp_rig_poll(rig);
    }
}

static void play_call(struct rp_rig *rig)
{
    static const int call[] = {60, 64, 67, 72, 71, 67};

    for (size_t i = 0; i < sizeof(call) / sizeof(call[0]); i++) {
        strike(rig, call[i], true);
        sleep_ns(140L * NAP);
        strike(rig, call[i], false);
        sleep_ns(10L * NAP);
    }
}

/* One call, until its answer begins; panic then, so that the next can come. */
static void measure_turn(struct rp_bench_latency *bench, struct rp_rig *rig)
{
    struct rp_performer_view view;
    struct rp_seen seen;
    uint32_t before;

    while (rp_session_seen(rig->session, &seen)) {
        /* what the turn before left */
    }
    rp_performer_look(rig->performer, &view);
    before = view.turn;
    play_call(rig);
    if (wait_seen(rig, RP_SEEN_ANSWER, -1, now_ns() + patience)) {
        rp_performer_look(rig->performer, &view);
        if (view.turn != before) {
            bench->decide_ns[bench->turns++] = view.decide_ns;
        }
    } else {
        rp_log(RP_WARN, "latency", "a call was never answered");
    }
    rp_rig_panic(rig);
    sleep_ns(200L * NAP);
    rp_rig_poll(rig);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

rp_status rp_bench_latency_run(struct rp_bench_latency *bench,
                               struct rp_rig *rig)
{
    uint32_t turns = bench->turns;
    rp_status status;

    bench->thru_ns = calloc(bench->notes + 1, sizeof(*bench->thru_ns));
    bench->decide_ns = calloc(turns + 1, sizeof(*bench->decide_ns));
    if (!bench->thru_ns || !bench->decide_ns) {
        return RP_EMEM;
    }
    rig->knobs.tempo = 200000; /* six notes are eighths at this tempo */
    rig->knobs.mode = RP_MODE_ANSWER;
    status = rp_rig_start(rig);
    if (status != RP_OK) {
        return status;
    }
    sleep_ns(200L * NAP);
    measure_thru(bench, rig);
    rp_rig_panic(rig);
    sleep_ns(200L * NAP);
    bench->turns = 0;
    for (uint32_t i = 0; i < turns; i++) {
        measure_turn(bench, rig);
    }
    (void)rp_rig_stop(rig); /* it records nothing */
    qsort(bench->thru_ns, bench->notes, sizeof(uint32_t), by_size);
    qsort(bench->decide_ns, bench->turns, sizeof(uint32_t), by_size);
    return bench->notes && (bench->turns || !turns) ? RP_OK : RP_EIO;
}

/* The smallest that at least `percent` of 100 do not exceed, in us. */
static double rank(const uint32_t *ns, uint32_t count, uint32_t percent)
{
    return count ? ns[(count * percent + 99) / 100 - 1] / 1000.0 : 0;
}

static void print_row(const char *name, const char *key, const uint32_t *ns,
                      uint32_t count, bool json, FILE *file)
{
    if (json) {
        fprintf(file,
                ", \"%s\": {\"count\": %u, \"median_us\": %.1f, "
                "\"p99_us\": %.1f, \"worst_us\": %.1f}",
                key, count, rank(ns, count, 50), rank(ns, count, 99),
                rank(ns, count, 100));
    } else {
        fprintf(file, "%-28s %5u  %8.1f  %8.1f  %8.1f\n", name, count,
                rank(ns, count, 50), rank(ns, count, 99), rank(ns, count, 100));
    }
}

void rp_bench_latency_print(const struct rp_bench_latency *bench,
                            struct rp_rig *rig, bool json, FILE *file)
{
    char text[160];

    rp_session_describe(rig->session, text, sizeof(text));
    if (json) {
        fprintf(file, "{\"session\": ");
        rp_quote_print(file, text);
        fprintf(file, ", \"period_us\": %.1f", 1e6 * rig->period / rig->rate);
    } else {
        fprintf(file, "%s; a period is %.1f us\n", text,
                1e6 * rig->period / rig->rate);
        fprintf(file, "%-28s %5s  %8s  %8s  %8s\n", "us", "count", "median",
                "p99", "worst");
    }
    print_row("key press to thru", "thru", bench->thru_ns, bench->notes, json,
              file);
    print_row("decision to answer's event", "decide", bench->decide_ns,
              bench->turns, json, file);
    if (json) {
        fprintf(file, "}\n");
    }
}

void rp_bench_latency_fini(struct rp_bench_latency *bench)
{
    free(bench->thru_ns);
    free(bench->decide_ns);
    *bench = (struct rp_bench_latency){0};
}
