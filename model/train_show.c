/* What people see of a run. On a terminal one line in place moves with the
 * steps; each epoch leaves one line, wherever it goes. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "model/data/report.h"
#include "model/train_run.h"

enum { LINE = 400 };

/* h:mm:ss */
static const char *clock_text(double seconds, char text[24])
{
    uint32_t s = seconds < 1e9 ? (uint32_t)seconds : 1000000000;

    snprintf(text, 24, "%u:%02u:%02u", s / 3600, s / 60 % 60, s % 60);
    return text;
}

static void add(char *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(char *line, const char *format, ...)
{
    size_t used = strlen(line);
    va_list list;

    va_start(list, format);
    vsnprintf(line + used, LINE - used, format, list);
    va_end(list);
}

/* Shares that were foreseen; of validation, once there was one. The rest of
 * a long time is drawn too rarely to be of interest. */
static void add_accuracy(const struct rp_train *train, char *line)
{
    const struct rp_train_tally *tally =
        train->valid.notes ? &train->valid : &train->tally;

    for (int f = 0; f < RP_FIELDS; f++)
        if (tally->drawn[f] && !strstr(rp_field_names[f], "_rest"))
            add(line, "  %s %.0f%%", rp_field_names[f],
                100 * rp_train_accuracy(tally, f));
}

/* What matters most first: a terminal may be narrow. */
static void make_line(const struct rp_train *train, uint32_t epoch, char *line)
{
    const struct rp_train_tally *t = &train->tally, *v = &train->valid;
    char left[24];

    line[0] = 0;
    add(line, "epoch %u of %u  %s left  loss %.4f", epoch,
        train->options.epochs, clock_text(rp_train_left(train), left),
        rp_train_nats(t));
    if (v->notes)
        add(line, "  valid %.4f  best %.4f", rp_train_nats(v), train->best);
    add(line, "  perplexity %.5g", exp(rp_train_nats(v->notes ? v : t)));
    add_accuracy(train, line);
    add(line, "  rate %.2g  %.0f notes/s  step %" PRIu64,
        (double)rp_train_rate(train), rp_train_speed(train), train->step);
}

void rp_train_show_step(struct rp_train *train)
{
    char line[LINE];
    double at = rp_train_now();
    struct winsize window;

    if (train->quiet || at - train->shown < 0.2 ||
        ioctl(STDOUT_FILENO, TIOCGWINSZ, &window))
        return;
    train->shown = at;
    make_line(train, train->epoch + 1, line);
    if (window.ws_col > 1 && strlen(line) >= window.ws_col)
        line[window.ws_col - 1] = 0;
    printf("\r%s\033[K", line);
    fflush(stdout);
}

void rp_train_show_epoch(struct rp_train *train)
{
    char line[LINE];

    if (train->quiet)
        return;
    make_line(train, train->epoch, line);
    printf("%s%s\n", isatty(STDOUT_FILENO) ? "\r\033[K" : "", line);
    fflush(stdout);
}

/* Seconds of a step, from one that is not taken: nothing that the run keeps
 * changes. */
static double try_step(struct rp_train *train, struct rp_train_tally *tally)
{
    const uint32_t index = train->plan.batches / 2;
    double began;

    if (!train->learner)
        rp_train_net_set(&train->net, train->net.precision, train->params,
                         train->options.recurrent_dropout, 0);
    for (int i = 0;; i++) {
        began = rp_train_now();
        *tally = (struct rp_train_tally){0};
        if (!train->learner)
            rp_train_batch_run(train, &train->plan, index, true, tally);
        else if (rp_train_learner_run(train, &train->plan, index, true, NULL,
                                      tally))
            return 1; /* which the first step will say again */
        /* The first of a fast network mostly waits for memory. */
        if (i > 0 || rp_train_now() - began > 1)
            return rp_train_now() - began;
    }
}

void rp_train_show_begin(struct rp_train *train)
{
    const struct rp_train_options *options = &train->options;
    struct rp_train_tally tally;
    uint64_t to_go =
        train->planned > train->step ? train->planned - train->step : 0;
    double step, seconds;
    char text[24];

    if (train->quiet)
        return;
    if (!options->frames)
        rp_report_print(&train->dataset, stdout);
    printf("%s: %u pieces, %" PRIu64 " notes a pass, %zu weights, %s, %s\n",
           train->folder, train->dataset.count, train->plan.notes,
           train->net.layout.size, options->precision,
           train->learner ? train->ops->about(train->learner)
                          : rp_cells(train->net.precision)->name);
    step = try_step(train, &tally);
    /* Validation only goes forward, a third of a step's work. */
    seconds = step * (double)to_go + step / 3 * train->valid_plan.batches *
                                         (options->epochs - train->epoch);
    if (options->time_limit > 0 && seconds > 60 * options->time_limit)
        seconds = 60 * options->time_limit;
    printf("%u epochs of %u steps of %u phrases, %s: about %s, at %.0f "
           "notes/s\n",
           options->epochs, train->plan.batches, options->batch,
           options->optimizer, clock_text(seconds, text),
           (double)tally.notes / step);
    fflush(stdout);
}
