/* run.csv: a line an epoch. The same run gives the same bytes, but for the
 * last two columns, which tell the time. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/train_run.h"
#include "rt/log.h"

static void write_names(const struct rp_train *train, FILE *file)
{
    fputs("epoch,step,notes,train,valid,perplexity,rate,gradient", file);
    for (int f = 0; f < RP_FIELDS; f++) {
        const char *name = rp_field_names[f];
        if (!rp_train_draws(train, f))
            continue;
        fprintf(file, ",train_%s,valid_%s,train_accuracy_%s,valid_accuracy_%s",
                name, name, name, name);
    }
    fputs(",seconds,notes_per_second\n", file);
}

static void write_line(const struct rp_train *train, FILE *file)
{
    const struct rp_train_tally *t = &train->tally, *v = &train->valid;
    double seconds = rp_train_now() - train->epoch_began;

    fprintf(file, "%u,%" PRIu64 ",%" PRIu64 ",%.6f,%.6f,%.6f,%.9g,%.6g",
            train->epoch, train->step, t->notes, rp_train_nats(t),
            rp_train_nats(v), exp(rp_train_nats(v->notes ? v : t)),
            (double)rp_train_rate(train), rp_train_mean_norm(t));
    for (int f = 0; f < RP_FIELDS; f++)
        if (rp_train_draws(train, f))
            fprintf(file, ",%.6f,%.6f,%.6f,%.6f", rp_train_field_nats(t, f),
                    rp_train_field_nats(v, f), rp_train_accuracy(t, f),
                    rp_train_accuracy(v, f));
    fprintf(file, ",%.3f,%.1f\n", seconds, rp_train_speed(train));
}

/* Half a line is taken back. */
rp_status rp_train_table_add(struct rp_train *train)
{
    char path[600];
    FILE *file;
    long before;
    bool bad;

    snprintf(path, sizeof path, "%s/run.csv", train->folder);
    file = fopen(path, "a");
    before = file ? ftell(file) : 0;
    if (file && before == 0)
        write_names(train, file);
    if (file)
        write_line(train, file);
    bad = !file || fflush(file) || fsync(fileno(file));
    if (bad)
        rp_log(RP_ERROR, "train", "%s: cannot write: %s", path,
               strerror(errno));
    if (file && fclose(file))
        bad = true;
    if (bad && file && truncate(path, before))
        rp_log(RP_WARN, "train", "%s: ends in half a line", path);
    return bad ? RP_EIO : RP_OK;
}

/* A kill between the line and the checkpoint would double one. */
rp_status rp_train_table_trim(const struct rp_train *train)
{
    char path[600], *line = NULL;
    size_t room = 0;
    off_t keep = 0;
    ssize_t length;
    FILE *file;

    snprintf(path, sizeof path, "%s/run.csv", train->folder);
    file = fopen(path, "r");
    if (!file)
        return RP_OK;
    while ((length = getline(&line, &room, file)) > 0 &&
           line[length - 1] == '\n') {
        char *end = NULL;
        unsigned long epoch = strtoul(line, &end, 10);
        if (end != line && epoch > train->epoch)
            break;
        keep += length;
    }
    free(line);
    fclose(file);
    if (!truncate(path, keep))
        return RP_OK;
    rp_log(RP_ERROR, "train", "%s: cannot write: %s", path, strerror(errno));
    return RP_EIO;
}
