/* Holds what seq_listen wrote against the clock:
 *
 *   seq_grid LOG BPM LATENCY_US LIMIT_US [FRAMES]
 *
 * The first note of the call is beat 0; what riposte sends is heard LATENCY
 * later. So every onset of the answer is due at that time plus whole ticks (24
 * a beat), and thru at that of its event. Prints median and greatest error of
 * both, of when they were sent and of when they were read, and fails above
 * LIMIT. FRAMES: a file for take_check, in frames of 48000 Hz. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1 << 16 };

struct line {
    char port[8];
    long long stamp, read;
    int bytes[3];
};

static struct line line[ROOM];
static int lines, sounding = -1, lost = -1;

static bool read_log(const char *path)
{
    FILE *in = fopen(path, "r");
    char text[200];

    while (in && fgets(text, sizeof(text), in) && lines < ROOM) {
        struct line *one = &line[lines];

        if (sscanf(text, "sounding %d lost %d", &sounding, &lost) == 2) {
            continue;
        }
        lines += sscanf(text, "%7s %lld %lld %d %d %d", one->port, &one->stamp,
                        &one->read, &one->bytes[0], &one->bytes[1],
                        &one->bytes[2]) == 6;
    }
    if (in) {
        fclose(in);
    }
    return sounding >= 0;
}

static bool is_on(const struct line *one)
{
    return one->bytes[0] >> 4 == 9 && one->bytes[2];
}

static int order(const void *a, const void *b)
{
    double x = fabs(*(const double *)a), y = fabs(*(const double *)b);

    return x < y ? -1 : x > y;
}

/* Errors in us; the greatest. */
static double tell(const char *what, double *error, int count)
{
    double sum = 0;

    for (int i = 0; i < count; i++) {
        sum += error[i];
    }
    qsort(error, (size_t)count, sizeof(*error), order);
    if (!count) {
        printf("%-28s none\n", what);
        return INFINITY;
    }
    printf("%-28s %4d: mean %+7.1f, median %6.1f, max %6.1f us\n", what, count,
           sum / count, fabs(error[count / 2]), fabs(error[count - 1]));
    return fabs(error[count - 1]);
}

/* To the nearest tick of the grid. */
static double off_grid(double ns, double bpm)
{
    double tick = 60e9 / (bpm * 24);

    return (ns - tick * round(ns / tick)) * 1e-3;
}

/* The nth event of a port, NULL when there are not so many. */
static const struct line *nth(const char *port, int n)
{
    for (int i = 0; i < lines; i++) {
        if (!strcmp(line[i].port, port) && n-- == 0) {
            return &line[i];
        }
    }
    return NULL;
}

static const struct line *first_on(const char *port)
{
    for (int i = 0; i < lines; i++) {
        if (!strcmp(line[i].port, port) && is_on(&line[i])) {
            return &line[i];
        }
    }
    return NULL;
}

static double check_answer(double bpm, double begin)
{
    static double sent[ROOM], read[ROOM];
    double worst;
    int count = 0;

    for (int i = 0; i < lines; i++) {
        if (!strcmp(line[i].port, "answer") && is_on(&line[i])) {
            sent[count] = off_grid((double)line[i].stamp - begin, bpm);
            read[count++] = off_grid((double)line[i].read - begin, bpm);
        }
    }
    worst = tell("answer onsets, sent", sent, count);
    return fmax(worst, tell("answer onsets, read", read, count));
}

static double check_thru(double latency)
{
    static double sent[ROOM];
    int count = 0, other = 0;

    for (;; count++) {
        const struct line *in = nth("call", count), *out = nth("thru", count);

        if (!in || !out) {
            other += in || out;
            break;
        }
        other += memcmp(in->bytes, out->bytes, sizeof(in->bytes)) != 0;
        sent[count] = ((double)(out->stamp - in->stamp) - latency) * 1e-3;
    }
    if (other) {
        printf("failed: %d events on thru are not those of the call\n", other);
        return INFINITY;
    }
    return tell("thru, sent", sent, count);
}

/* take_check compares within half a tick of the take. */
static void write_frames(const char *path, double bpm, double begin,
                         double latency)
{
    FILE *out = fopen(path, "w");

    if (!out) {
        perror(path);
        exit(1);
    }
    fprintf(out, "rate 48000 bpm %.0f\n", bpm);
    for (int i = 0; i < lines; i++) {
        bool answer = !strcmp(line[i].port, "answer");

        if (answer || !strcmp(line[i].port, "call")) {
            fprintf(out, "%s %.0f %d %d %d\n", answer ? "out" : "in",
                    ((double)line[i].stamp - begin - (answer ? latency : 0)) *
                        48e-6,
                    line[i].bytes[0], line[i].bytes[1], line[i].bytes[2]);
        }
    }
    fclose(out);
}

int main(int count, char **arg)
{
    double bpm, latency, worst;
    const struct line *first;

    if (count < 5 || !read_log(arg[1])) {
        printf("failed: no log\n");
        return 1;
    }
    bpm = atof(arg[2]);
    latency = atof(arg[3]) * 1e3;
    first = first_on("call");
    if (!first) {
        printf("failed: no call\n");
        return 1;
    }
    worst = check_answer(bpm, (double)first->stamp + latency);
    worst = fmax(worst, check_thru(latency));
    if (count > 5) {
        write_frames(arg[5], bpm, (double)first->stamp, latency);
    }
    if (sounding || lost) {
        printf("failed: %d still sounding, %d times lost\n", sounding, lost);
    }
    if (!(worst <= atof(arg[4]))) {
        printf("failed: %.1f us, not under %s\n", worst, arg[4]);
    }
    return sounding || lost || !(worst <= atof(arg[4]));
}
