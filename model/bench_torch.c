#include "model/bench_torch.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/net/checkpoint.h"
#include "model/net/json.h"
#include "rt/log.h"

#define SCRIPT RP_SOURCE_TESTS "/compare/train_speed.py"

static void put_u32(FILE *file, const char *name, size_t count,
                    const uint32_t *value)
{
    fprintf(file, ",\n\"%s\":[", name);
    for (size_t i = 0; i < count; i++)
        fprintf(file, "%s%" PRIu32, i ? "," : "", value[i]);
    putc(']', file);
}

static void put_sparse(FILE *file, const char *name, size_t rows,
                       const struct rp_sparse *sparse)
{
    fprintf(file, ",\n\"%s\":{\"rows\":%zu", name, rows);
    put_u32(file, "begin", rows + 1, sparse->begin);
    fputs(",\"at\":[", file);
    for (uint32_t i = 0; i < sparse->begin[rows]; i++)
        fprintf(file, "%s%u", i ? "," : "", sparse->at[i]);
    fputs("]}", file);
}

static void put_field(FILE *file, const char *name, size_t rows,
                      const struct rp_batch_field *field)
{
    fprintf(file, "{\"name\":\"%s\",\"class\":[", name);
    for (size_t i = 0; i < rows; i++)
        fprintf(file, "%s%u", i ? "," : "", field->class[i]);
    fputs("],\n\"escapes\":[", file);
    for (size_t i = 0; i < rows; i++)
        fprintf(file, "%s%u", i ? "," : "", field->escapes[i]);
    fputs("],\n\"mask\":[", file);
    for (size_t i = 0; i < rows; i++)
        fprintf(file, "%s[%" PRIu64 ",%" PRIu64 "]", i ? "," : "",
                field->mask[i].bits[0], field->mask[i].bits[1]);
    putc(']', file);
    put_sparse(file, "condition", rows, &field->condition);
    putc('}', file);
}

static void put_batch(FILE *file, const struct rp_bench_torch_work *work)
{
    const struct rp_shape *shape = work->shape;
    const struct rp_batch *batch = work->batch;
    size_t rows = (size_t)batch->T * batch->B;
    bool any = false;

    fprintf(file,
            "{\"layers\":%u,\"hidden\":%u,\"T\":%u,\"B\":%u,"
            "\"threads\":%u,\"device\":\"%s\",\"precisions\":[",
            shape->layers, shape->hidden, batch->T, batch->B, work->threads,
            work->device ? work->device : "cpu");
    for (int p = 0; p < RP_PRECISIONS; p++)
        if (work->precision[p]) {
            fprintf(file, "%s\"%s\"", any ? "," : "", rp_precision_names[p]);
            any = true;
        }
    fputs("],\n\"weight\":[", file);
    for (size_t i = 0; i < rows; i++)
        fprintf(file, "%s%g", i ? "," : "", (double)batch->weight[i]);
    putc(']', file);
    put_sparse(file, "input", rows, &batch->input);
    fputs(",\n\"fields\":[", file);
    any = false;
    for (int f = 0; f < RP_FIELDS; f++) {
        if (!rp_vocabulary_classes(&shape->vocabulary, (enum rp_field)f))
            continue;
        fputs(any ? ",\n" : "", file);
        put_field(file, rp_field_names[f], rows, &batch->field[f]);
        any = true;
    }
    fputs("]}\n", file);
}

static rp_status write_work(const struct rp_bench_torch *torch,
                            const struct rp_bench_torch_work *work)
{
    struct rp_card card = {0};
    char path[100];
    FILE *file;
    bool bad;

    snprintf(path, sizeof path, "%s/batch.json", torch->folder);
    file = fopen(path, "w");
    if (file)
        put_batch(file, work);
    bad = !file || ferror(file);
    bad = (file && fclose(file)) || bad;
    if (bad) {
        rp_log(RP_ERROR, "bench", "%s: cannot write: %s", path,
               strerror(errno));
        return RP_EIO;
    }
    snprintf(path, sizeof path, "%s/weights.safetensors", torch->folder);
    return rp_checkpoint_save(path, work->shape, work->params, &card, NULL, 0);
}

/* A line of the script as JSON; it ends with "ended without a word" where
 * there is none. */
static rp_status hear(struct rp_bench_torch *torch, struct rp_json *json,
                      char *why, size_t size)
{
    struct rp_json_fault fault;
    char line[16384];

    if (!torch->said || !fgets(line, sizeof line, torch->said)) {
        snprintf(why, size, "%s ended without a word", SCRIPT);
        return RP_ENONE;
    }
    if (rp_json_parse(line, strcspn(line, "\n"), json, &fault)) {
        snprintf(why, size, "%s said '%.60s'", SCRIPT, line);
        return RP_ENONE;
    }
    return RP_OK;
}

static double number_of(const struct rp_json *json, uint32_t node,
                        const char *key)
{
    uint32_t at = rp_json_find(json, node, key);
    return at && json->node[at].type == RP_JSON_NUMBER ? json->node[at].number
                                                       : 0;
}

static const char *text_of(const struct rp_json *json, uint32_t node,
                           const char *key)
{
    uint32_t at = rp_json_find(json, node, key);
    return at && json->node[at].type == RP_JSON_STRING ? json->node[at].string
                                                       : NULL;
}

/* What the script found out about itself. */
static rp_status greet(struct rp_bench_torch *torch, char *why, size_t size)
{
    struct rp_json json = {0};
    rp_status status = hear(torch, &json, why, size);

    if (!status && text_of(&json, 0, "skipped")) {
        snprintf(why, size, "%s", text_of(&json, 0, "skipped"));
        status = RP_ENONE;
    }
    for (int p = 0; p < RP_PRECISIONS && !status; p++) {
        uint32_t at = rp_json_find(&json, 0, rp_precision_names[p]);
        if (!at)
            continue;
        snprintf(torch->how[p], sizeof torch->how[p], "%.0f threads, %s",
                 number_of(&json, at, "threads"), text_of(&json, at, "input"));
        if (text_of(&json, at, "kernels"))
            snprintf(torch->kernels[p], sizeof torch->kernels[p], "%s",
                     text_of(&json, at, "kernels"));
    }
    if (!status) {
        torch->loss = number_of(&json, 0, "loss");
        snprintf(torch->version, sizeof torch->version, "%s",
                 text_of(&json, 0, "torch"));
    }
    rp_json_fini(&json);
    return status;
}

/* The script, with both its ends on one socket. */
static bool start(struct rp_bench_torch *torch, const char *python)
{
    int end[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, end))
        return false;
    torch->pid = fork();
    if (torch->pid == 0) {
        dup2(end[1], 0);
        dup2(end[1], 1);
        execlp(python, python, SCRIPT, torch->folder, (char *)NULL);
        dprintf(1, "{\"skipped\":\"it cannot be started: %s\"}\n",
                strerror(errno));
        _exit(127);
    }
    close(end[1]);
    if (torch->pid > 0)
        torch->said = fdopen(end[0], "r");
    if (!torch->said)
        close(end[0]);
    return torch->said != NULL;
}

rp_status rp_bench_torch_open(struct rp_bench_torch *torch,
                              const struct rp_bench_torch_work *work, char *why,
                              size_t size)
{
    rp_status status;

    memset(torch, 0, sizeof *torch);
    if (access(SCRIPT, R_OK)) {
        snprintf(why, size, "%s is not there", SCRIPT);
        return RP_ENONE;
    }
    snprintf(torch->folder, sizeof torch->folder, "/tmp/riposte-bench-XXXXXX");
    if (!mkdtemp(torch->folder)) {
        torch->folder[0] = 0;
        snprintf(why, size, "/tmp: %s", strerror(errno));
        return RP_ENONE;
    }
    status = write_work(torch, work);
    if (!status && !start(torch, work->python)) {
        snprintf(why, size, "%s: %s", work->python, strerror(errno));
        status = RP_ENONE;
    }
    if (!status)
        status = greet(torch, why, size);
    if (status)
        rp_bench_torch_close(torch);
    return status;
}

rp_status rp_bench_torch_run(struct rp_bench_torch *torch,
                             enum rp_precision precision, uint32_t steps,
                             double *seconds, double *core_seconds)
{
    struct rp_json json = {0};
    char line[64], why[200];
    rp_status status;
    int length = snprintf(line, sizeof line, "%s %u\n",
                          rp_precision_names[precision], steps);

    send(fileno(torch->said), line, (size_t)length, MSG_NOSIGNAL);
    status = hear(torch, &json, why, sizeof why);
    if (status) {
        rp_log(RP_ERROR, "bench", "%s", why);
        return RP_EIO;
    }
    *seconds = number_of(&json, 0, "seconds");
    *core_seconds = number_of(&json, 0, "core_seconds");
    rp_json_fini(&json);
    return RP_OK;
}

/* The end of its input ends the script. */
void rp_bench_torch_close(struct rp_bench_torch *torch)
{
    char path[100];

    if (torch->said)
        fclose(torch->said);
    if (torch->pid > 0)
        waitpid(torch->pid, NULL, 0);
    if (torch->folder[0]) {
        snprintf(path, sizeof path, "%s/batch.json", torch->folder);
        unlink(path);
        snprintf(path, sizeof path, "%s/weights.safetensors", torch->folder);
        unlink(path);
        rmdir(torch->folder);
    }
    memset(torch, 0, sizeof *torch);
}
