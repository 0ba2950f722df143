#include "tui/watch.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE = 16 }; /* bars after the last call */

static void show_engine(struct rp_panel *panel)
{
    const struct rp_performer_view *view = &panel->performer;

    snprintf(panel->engine, sizeof(panel->engine),
             view->lost ? "%s (%s is lost)" : "%s", view->engine, view->lost);
}

void rp_watch_init(struct rp_watch *watch, struct rp_rig *rig,
                   struct rp_score *score, struct rp_panel *panel)
{
    memset(watch, 0, sizeof(*watch));
    watch->rig = rig;
    watch->score = score;
    watch->panel = panel;
    watch->planned_end = INT64_MIN;
    rp_performer_look(rig->performer, &panel->performer);
    show_engine(panel);
}

/* The cost stands in the view only once the first note is planned. */
static void count_turn(struct rp_watch *watch)
{
    const struct rp_performer_view *view = &watch->panel->performer;

    if (watch->deciding && watch->decided < RP_WATCH_TURNS) {
        watch->decide_ns[watch->decided++] = view->decide_ns;
    }
    watch->deciding = view->turn != watch->turn;
    watch->turn = view->turn;
}

void rp_watch_poll(struct rp_watch *watch)
{
    struct rp_panel *panel = watch->panel;
    struct rp_rig *rig = watch->rig;
    struct rp_seen seen;
    struct rp_shown shown;

    rp_rig_poll(rig);
    panel->period = rig->period;
    while (rp_session_seen(rig->session, &seen)) {
        const struct rp_roll_note *note = rp_panel_seen(panel, &seen);

        if (watch->seen) {
            watch->seen(watch->seen_self, &seen);
        }
        if (note && watch->ended) {
            watch->ended(watch->self, seen.frame, note);
        }
    }
    while (rp_performer_shown(rig->performer, &shown)) {
        rp_panel_shown(panel, &shown);
        if (shown.onset + shown.duration > watch->planned_end) {
            watch->planned_end = shown.onset + shown.duration;
        }
    }
    rp_performer_look(rig->performer, &panel->performer);
    show_engine(panel);
    rp_session_stats(rig->session, &panel->stats);
    rp_session_now(rig->session, &panel->clock, &panel->now);
    rp_session_describe(rig->session, panel->backend, sizeof(panel->backend));
    rp_knobs_copy(&panel->knobs, &rig->knobs);
    snprintf(panel->preset, sizeof(panel->preset), "%s", rig->preset.name);
    panel->learning = rig->learn.learning;
    for (int row = 0; row < RP_PANEL_ROWS; row++) {
        rp_learn_label(&rig->learn, row, panel->learned[row],
                       sizeof(panel->learned[row]));
    }
    count_turn(watch);
}

static bool sounds(const struct rp_panel *panel)
{
    for (int pitch = 0; pitch < 128; pitch++) {
        if (panel->sounding[RP_WHO_ANSWER][pitch]) {
            return true;
        }
    }
    return false;
}

bool rp_watch_over(struct rp_watch *watch, bool *silent)
{
    const struct rp_panel *panel = watch->panel;
    const struct rp_performer_view *view = &panel->performer;
    rp_beat now = rp_clock_beat(&panel->clock, panel->now);
    rp_beat end = rp_clock_beat(&panel->clock, watch->score->end), bars;

    *silent = false;
    if (!watch->score->events || panel->now <= watch->score->end) {
        return false;
    }
    if (!watch->score_over) {
        /* What is being answered already, is the answer. */
        watch->score_over = true;
        watch->score_turn = view->turn - (view->state == RP_ANSWERING);
    }
    if (view->state == RP_ANSWERING || sounds(panel) ||
        (watch->planned_end != INT64_MIN && now < watch->planned_end)) {
        return false;
    }
    if (view->turn > watch->score_turn || view->state == RP_WAITING) {
        *silent = view->turn == 0;
        return true;
    }
    bars = PATIENCE;
    if (panel->knobs.mode == RP_MODE_TRADE) {
        bars += panel->knobs.trade; /* the player's, however few were used */
    }
    *silent = now > end + bars * rp_metre_bar(panel->clock.metre);
    return *silent;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void report_turns(struct rp_watch *watch, FILE *file)
{
    uint32_t n;

    watch->deciding = watch->deciding && watch->decided < RP_WATCH_TURNS;
    if (watch->deciding) {
        watch->decide_ns[watch->decided++] = watch->panel->performer.decide_ns;
        watch->deciding = false;
    }
    n = watch->decided;
    if (!n) {
        fprintf(file, "decide: 0 turns\n");
        return;
    }
    qsort(watch->decide_ns, n, sizeof(*watch->decide_ns), by_size);
    /* p99: the smallest that at least 99 of 100 do not exceed. */
    fprintf(file, "decide: %u turns, median %u us, p99 %u us\n", n,
            (watch->decide_ns[(n - 1) / 2] + 999) / 1000,
            (watch->decide_ns[(n * 99 + 99) / 100 - 1] + 999) / 1000);
}

void rp_watch_report(struct rp_watch *watch, FILE *file)
{
    const struct rp_stats_view *stats = &watch->panel->stats;
    const struct rp_performer_view *view = &watch->panel->performer;
    unsigned long long cycles = stats->cycles ? stats->cycles : 1;

#define N(field) (unsigned long long)stats->field
    fprintf(file,
            "stats: cycles %llu, heard %llu, sounded %llu, late %llu, "
            "dropped %llu, xruns %llu, stray %llu, echoes %llu, "
            "lost_heard %llu, lost_recorded %llu, lost_seen %llu, "
            "lost_controls %llu, panics %llu, reconnects %llu, "
            "worst_us %llu, mean_us %.1f\n",
            N(cycles), N(heard), N(sounded), N(late), N(dropped), N(xruns),
            N(stray), N(echoes), N(lost_heard), N(lost_recorded), N(lost_seen),
            N(lost_controls), N(panics), N(reconnects),
            (N(worst_ns) + 999) / 1000,
            (double)stats->total_ns / (double)cycles / 1000);
#undef N
    fprintf(file, "notes: %u generated, %.1f us each, by %s\n", view->notes,
            view->notes ? (double)view->total_ns / view->notes / 1000 : 0,
            watch->panel->engine);
    report_turns(watch, file);
    if (watch->panel->osc.open) {
        const struct rp_osc_view *osc = &watch->panel->osc;

        fprintf(file,
                "osc: messages %llu, refused %llu, malformed %llu, lost "
                "%llu\n",
                (unsigned long long)osc->messages,
                (unsigned long long)osc->refused,
                (unsigned long long)osc->malformed,
                (unsigned long long)osc->lost);
    }
}
