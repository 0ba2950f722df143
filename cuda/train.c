/* Training on the device: what a learner is made of, and its table. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/train.h"
#include "rt/log.h"

enum {
    DEADLINE_MS = 60000, /* a step that takes longer never ends */
    WORK = 32 << 20,     /* bytes that cuBLASLt may use */
    BF16_SINCE = 91300   /* cuDNN's GRU has bf16 */
};

/* Learners whose memory the device may still write to. */
static struct rp_cuda *stuck;

static struct rp_cuda_train *of(struct rp_learner *learner)
{
    return (struct rp_cuda_train *)learner;
}

/* What only a capture, or a trial, cannot take ends that, and nothing else. */
static rp_status spoil(struct rp_cuda_train *t, const char *what,
                       const char *says)
{
    snprintf(t->spoiled, sizeof t->spoiled, "%s: %s", what, says);
    return RP_ENONE;
}

rp_status rp_cuda_train_check(struct rp_cuda_train *t, cudaError_t error,
                              const char *what)
{
    if (error && t->capturing)
        return spoil(t, what, cudaGetErrorString(error));
    return rp_cuda_check(&t->cuda, error, what);
}

/* It was asked for something that it has not: of cuDNN 9 a status is thousands
 * and why. Anything else is a fault. */
static bool is_refusal(cudnnStatus_t status)
{
    return status / 1000 == CUDNN_STATUS_NOT_SUPPORTED / 1000 ||
           status / 1000 == CUDNN_STATUS_BAD_PARAM / 1000;
}

rp_status rp_cuda_train_dnn(struct rp_cuda_train *t, cudnnStatus_t status,
                            const char *what)
{
    if (!status)
        return RP_OK;
    if (t->capturing || (t->trying && is_refusal(status)))
        return spoil(t, what, t->libs->cudnnGetErrorString(status));
    rp_log(RP_ERROR, "cuda", "%s: cuDNN says %s", what,
           t->libs->cudnnGetErrorString(status));
    t->cuda.lost = true;
    return RP_ELOST;
}

rp_status rp_cuda_train_blas(struct rp_cuda_train *t, cublasStatus_t status,
                             const char *what)
{
    if (!status)
        return RP_OK;
    if (t->capturing)
        return spoil(t, what, t->libs->cublasLtGetStatusString(status));
    rp_log(RP_ERROR, "cuda", "%s: cuBLASLt says %s", what,
           t->libs->cublasLtGetStatusString(status));
    t->cuda.lost = true;
    return RP_ELOST;
}

rp_status rp_cuda_train_alloc(struct rp_cuda_train *t, void *out, size_t size)
{
    return rp_cuda_alloc(&t->cuda, &t->cuda.memory, out, size);
}

static void destroy(struct rp_learner *learner)
{
    struct rp_cuda_train *t = of(learner);

    if (!t)
        return;
    if (t->cuda.stuck) {
        t->cuda.next_stuck = stuck;
        stuck = &t->cuda;
        return;
    }
    if (t->cuda.stream && !t->cuda.lost)
        (void)rp_cuda_wait(&t->cuda, t->cuda.stream, "closing");
    if (t->copies && !t->cuda.lost)
        (void)rp_cuda_wait(&t->cuda, t->copies, "closing");
    for (int i = 0; i < RP_CUDA_SLOTS; i++) {
        rp_cuda_free(&t->batch[i].memory);
        if (t->batch[i].sent)
            (void)cudaEventDestroy(t->batch[i].sent);
        if (t->batch[i].done)
            (void)cudaEventDestroy(t->batch[i].done);
    }
    rp_cuda_graph_fini(t);
    for (int i = 0; i < 2; i++)
        rp_cuda_rnn_fini(t, &t->net[i]);
    rp_cuda_product_fini(t);
    if (t->preference)
        (void)t->libs->cublasLtMatmulPreferenceDestroy(t->preference);
    if (t->none)
        (void)t->libs->cudnnDestroyDropoutDescriptor(t->none);
    if (t->blas)
        (void)t->libs->cublasLtDestroy(t->blas);
    if (t->dnn)
        (void)t->libs->cudnnDestroy(t->dnn);
    rp_cuda_free(&t->cuda.memory);
    if (t->cuda.stream)
        (void)cudaStreamDestroy(t->cuda.stream);
    if (t->copies)
        (void)cudaStreamDestroy(t->copies);
    free(t);
}

static rp_status open_device(struct rp_cuda_train *t)
{
    cudaError_t error = cudaSetDevice(0);

    if (!error)
        error = cudaStreamCreateWithPriority(&t->cuda.stream,
                                             cudaStreamNonBlocking, 0);
    if (!error)
        error = cudaStreamCreateWithPriority(&t->copies,
                                             cudaStreamNonBlocking, 0);
    for (int i = 0; i < RP_CUDA_SLOTS; i++) {
        if (!error)
            error = cudaEventCreateWithFlags(&t->batch[i].sent,
                                             cudaEventDisableTiming);
        if (!error)
            error = cudaEventCreateWithFlags(&t->batch[i].done,
                                             cudaEventDisableTiming);
    }
    return rp_cuda_train_check(t, error, "opening the device");
}

static rp_status open_libraries(struct rp_cuda_train *t)
{
    char why[300];
    cudnnStatus_t status;

    t->libs = rp_cuda_libs(why, sizeof why);
    if (!t->libs) {
        rp_log(RP_ERROR, "cuda", "training on the GPU: %s", why);
        return RP_ENONE;
    }
    status = t->libs->cudnnCreate(&t->dnn);
    if (!status)
        status = t->libs->cudnnSetStream(t->dnn, t->cuda.stream);
    if (!status)
        status = t->libs->cudnnCreateDropoutDescriptor(&t->none);
    if (!status)
        status = t->libs->cudnnSetDropoutDescriptor(t->none, t->dnn, 0, NULL,
                                                    0, 0);
    if (status)
        return rp_cuda_train_dnn(t, status, "opening cuDNN");
    return rp_cuda_train_blas(t, t->libs->cublasLtCreate(&t->blas),
                              "opening cuBLASLt");
}

/* bf16 where cuDNN's GRU has it, else TF32: the same cores, more bits. It may
 * have been refused already. */
static struct rp_cuda_numbers numbers_of(const struct rp_cuda_train *t,
                                         bool refused)
{
    struct rp_cuda_numbers numbers = {false, false};
    size_t version = t->libs->cudnnGetVersion();

    if (t->options.precision != RP_BF16)
        return numbers;
    numbers.bf16 = version >= BF16_SINCE && !refused;
    numbers.tf32 = !numbers.bf16;
    if (version < BF16_SINCE)
        rp_log(RP_INFO, "cuda",
               "cuDNN %zu.%zu.%zu has no bf16 for a GRU (9.13 has): TF32",
               version / 10000, version / 100 % 100, version % 100);
    return numbers;
}

static void describe(struct rp_cuda_train *t)
{
    const struct rp_cuda_numbers *is = &t->net[1].numbers;
    size_t version = t->libs->cudnnGetVersion();
    struct cudaDeviceProp device;

    if (cudaGetDeviceProperties(&device, 0))
        snprintf(device.name, sizeof device.name, "GPU");
    snprintf(t->device, sizeof t->device, "%.99s", device.name);
    snprintf(t->about, sizeof t->about, "%s, cuDNN %zu.%zu.%zu, %s",
             t->device, version / 10000, version / 100 % 100, version % 100,
             is->bf16   ? "bf16"
             : is->tf32 ? "tf32"
                        : "fp32");
    t->about_plain = strlen(t->about);
    if (t->graphs)
        snprintf(t->about + t->about_plain, sizeof t->about - t->about_plain,
                 ", graphs");
}

static rp_status make_params(struct rp_cuda_train *t)
{
    const uint32_t views = t->layout.count;
    const size_t bytes = t->size * sizeof(float);
    struct rp_cuda_stretch stretch[RP_VIEWS_MAX];
    rp_status status = rp_cuda_train_alloc(t, &t->params, bytes);

    for (uint32_t v = 0; v < views; v++) {
        const struct rp_cuda_view *view = &t->view[v];
        size_t count = (size_t)view->rows * view->ld;
        stretch[v] = (struct rp_cuda_stretch){
            view->at, count, view->columns > 1, t->frozen[v]};
        t->most = count > t->most ? count : t->most;
    }
    if (!status)
        status = rp_cuda_train_alloc(t, &t->gradient, bytes);
    if (!status)
        status = rp_cuda_train_alloc(t, &t->slots,
                                     t->optimizer->slots * bytes);
    if (!status && t->options.average)
        status = rp_cuda_train_alloc(t, &t->average, bytes);
    if (!status)
        status = rp_cuda_train_alloc(t, &t->stretch, views * sizeof *stretch);
    if (!status)
        status = rp_cuda_train_alloc(
            t, &t->partial, views * RP_CUDA_NORM_BLOCKS * sizeof *t->partial);
    if (!status)
        status = rp_cuda_train_alloc(t, &t->norms, sizeof *t->norms);
    if (!status)
        status = rp_cuda_train_alloc(t, &t->pace, sizeof *t->pace);
    if (!status)
        status = rp_cuda_train_check(
            t,
            cudaMemcpyAsync(t->stretch, stretch, views * sizeof *stretch,
                            cudaMemcpyHostToDevice, t->cuda.stream),
            "sending a table");
    return status ? status : rp_cuda_wait(&t->cuda, t->cuda.stream, "opening");
}

/* What lies between the layers: cells as wide as floats, for validation. */
static rp_status make_layers(struct rp_cuda_train *t)
{
    const struct rp_shape *shape = &t->options.shape;
    const size_t rows = (size_t)t->options.T * t->options.B, cell = 4;
    const size_t heard = rows * t->net[1].rnn[0].inputs * cell;
    const size_t state = rows * shape->hidden * cell;
    rp_status status = rp_cuda_train_alloc(t, &t->x, heard);

    if (!status)
        status = rp_cuda_train_alloc(t, &t->dx, heard);
    if (!status)
        status = rp_cuda_train_alloc(
            t, &t->start, shape->layers * t->options.B * shape->hidden * cell);
    if (!status && t->options.stateful)
        status = rp_cuda_train_alloc(
            t, &t->carry, shape->layers * t->options.B * shape->hidden * cell);
    if (!status && t->options.dropout)
        status = rp_cuda_train_alloc(t, &t->keep,
                                     (RP_LAYERS_MAX + RP_FIELDS) *
                                         t->options.B * shape->hidden *
                                         sizeof *t->keep);
    for (uint32_t i = 0; i < t->net[1].rnns && !status; i++) {
        status = rp_cuda_train_alloc(t, &t->y[i], state);
        if (!status && i)
            status = rp_cuda_train_alloc(t, &t->heard[i], state);
    }
    if (!status)
        status = rp_cuda_train_alloc(t, &t->dtop, state);
    for (int i = 0; i < 2 && !status; i++)
        status = rp_cuda_train_alloc(t, &t->dy[i], state);
    return status;
}

static rp_status make_scratch(struct rp_cuda_train *t)
{
    struct rp_cuda_scratch *s = &t->scratch;
    const struct rp_shape *shape = &t->options.shape;
    const size_t rows =
        rp_cuda_round((size_t)t->options.T * t->options.B, RP_CUDA_ROWS);
    const size_t H = shape->hidden, E = shape->head, cell = 4;
    const size_t widest = E > RP_CUDA_LOGITS ? E : RP_CUDA_LOGITS;
    const struct {
        void *to;
        size_t bytes;
    } room[] = {
        {&s->a, rows * H * cell},
        {&s->c, rows * t->conditions * cell},
        {&s->e, rows * E * cell},
        {&s->de, rows * E * cell},
        {&s->d, rows * RP_CUDA_LOGITS * cell},
        {&s->e_sums, rows * E * sizeof(float)},
        {&s->logits, rows * RP_CUDA_LOGITS * sizeof(float)},
        {&s->da, rows * H * sizeof(float)},
        {&s->loss, rows * sizeof(double)},
        {&s->hits, rows * sizeof(uint32_t)},
        {&s->partial, (rows / RP_CUDA_CHUNK + 1) * widest * sizeof(float)},
    };
    rp_status status = RP_OK;

    for (size_t i = 0; i < sizeof room / sizeof *room && !status; i++)
        status = rp_cuda_train_alloc(t, room[i].to, room[i].bytes);
    return status;
}

static rp_status make_work(struct rp_cuda_train *t)
{
    const uint64_t bytes = t->work_size > WORK ? t->work_size : WORK;
    rp_status status = rp_cuda_train_alloc(t, &t->work, bytes);

    t->work_size = bytes;
    if (!status)
        status = rp_cuda_train_blas(
            t, t->libs->cublasLtMatmulPreferenceCreate(&t->preference),
            "opening cuBLASLt");
    if (!status)
        status = rp_cuda_train_blas(
            t,
            t->libs->cublasLtMatmulPreferenceSetAttribute(
                t->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                &bytes, sizeof bytes),
            "opening cuBLASLt");
    return status;
}

/* What the host and a step tell each other. */
static rp_status make_slots(struct rp_cuda_train *t)
{
    rp_status status = RP_OK;
    void *mapped;

    for (int i = 0; i < RP_CUDA_SLOTS && !status; i++) {
        status = rp_cuda_alloc_mapped(
            &t->cuda, &t->cuda.memory, (void **)&t->result[i],
            (void **)&t->result_device[i], sizeof *t->result[i]);
        if (!status)
            status = rp_cuda_alloc_mapped(&t->cuda, &t->cuda.memory,
                                          (void **)&t->told[i], &mapped,
                                          sizeof *t->told[i]);
    }
    return status;
}

static rp_status make(struct rp_cuda_train *t, bool refused)
{
    const struct rp_vocabulary *vocabulary = &t->options.shape.vocabulary;
    rp_status status = open_device(t);

    if (!status)
        status = open_libraries(t);
    if (status)
        return status;
    rp_shape_layout(&t->options.shape, &t->layout);
    rp_cuda_train_layout(t);
    for (int f = 0; f < RP_FIELDS; f++)
        if (rp_vocabulary_classes(vocabulary, (enum rp_field)f) &&
            rp_vocabulary_condition(vocabulary, (enum rp_field)f) &&
            t->view[t->layout.head_cond[f]].ld > t->conditions)
            t->conditions = t->view[t->layout.head_cond[f]].ld;
    t->net[1].numbers = numbers_of(t, refused);
    describe(t);
    status = make_params(t);
    for (int i = 0; i < 2 && !status; i++) {
        if (t->net[i].numbers.bf16)
            status = rp_cuda_train_alloc(t, &t->net[i].cells,
                                         t->size * sizeof(uint16_t));
        t->trying = t->net[i].numbers.bf16;
        if (!status)
            status = rp_cuda_rnn_make(t, &t->net[i], i);
    }
    if (!status)
        status = make_layers(t);
    if (!status)
        status = make_scratch(t);
    if (!status)
        status = make_slots(t);
    if (!status)
        status = make_work(t);
    if (!status && t->trying)
        status = rp_cuda_rnn_try(t, &t->net[1]);
    return status;
}

/* $RIPOSTE_CUDA_TRAIN and $RIPOSTE_CUDA_DEADLINE (ms): for measuring. */
static void read_settings(struct rp_cuda_train *t)
{
    const char *path = getenv("RIPOSTE_CUDA_TRAIN");
    const uint32_t ms = rp_cuda_deadline();

    t->cuda.deadline_ms = ms ? ms : DEADLINE_MS;
    t->graphs = path && !strcmp(path, "graph");
    if (path && *path && !t->graphs && strcmp(path, "plain"))
        rp_log(RP_WARN, "cuda",
               "RIPOSTE_CUDA_TRAIN=%s: no such path (plain, graph); using "
               "plain",
               path);
}

/* refused: in, that bf16 was; out, that it is now, which was said. */
static rp_status open_learner(struct rp_learner **learner,
                              const struct rp_learner_options *options,
                              bool *refused)
{
    struct rp_cuda_train *t = calloc(1, sizeof *t);
    rp_status status;

    if (!t)
        return RP_EMEM;
    t->options = *options;
    t->optimizer = rp_optimizer_find(options->optimizer);
    memcpy(t->frozen, options->frozen, sizeof t->frozen);
    t->options.frozen = t->frozen;
    read_settings(t);
    status = make(t, *refused);
    *refused = status && t->trying && *t->spoiled;
    if (*refused)
        rp_log(RP_WARN, "cuda", "cuDNN has no bf16 for a GRU on %s (%s): TF32",
               t->device, t->spoiled);
    t->trying = false;
    if (status)
        destroy((struct rp_learner *)t);
    else
        *learner = (struct rp_learner *)t;
    return status;
}

static rp_status create(struct rp_learner **learner,
                        const struct rp_learner_options *options)
{
    char text[300];
    bool refused = false;
    rp_status status;

    if (!rp_cuda_probe(text, sizeof text)) {
        rp_log(RP_ERROR, "cuda", "training on the GPU: %s", text);
        return RP_ENONE;
    }
    status = open_learner(learner, options, &refused);
    return refused ? open_learner(learner, options, &refused) : status;
}

static const char *about(const struct rp_learner *learner)
{
    return ((const struct rp_cuda_train *)learner)->about;
}

/* Between the host's flat array and the device's views. */
static rp_status send(struct rp_cuda_train *t, const float *flat, float *to,
                      float *room)
{
    rp_status status;

    rp_cuda_train_spread(t, flat, room);
    status = rp_cuda_train_check(
        t,
        cudaMemcpyAsync(to, room, t->size * sizeof *room,
                        cudaMemcpyHostToDevice, t->cuda.stream),
        "sending weights");
    return status ? status
                  : rp_cuda_wait(&t->cuda, t->cuda.stream, "sending weights");
}

static rp_status fetch(struct rp_cuda_train *t, const float *from, float *flat,
                       float *room)
{
    rp_status status = rp_cuda_train_check(
        t,
        cudaMemcpyAsync(room, from, t->size * sizeof *room,
                        cudaMemcpyDeviceToHost, t->cuda.stream),
        "fetching weights");

    if (!status)
        status = rp_cuda_wait(&t->cuda, t->cuda.stream, "fetching weights");
    if (!status)
        rp_cuda_train_collect(t, room, flat);
    return status;
}

/* On the host, all views as they lie on the device. */
static rp_status make_views(const struct rp_cuda_train *t, float **views)
{
    if (t->cuda.lost)
        return RP_ELOST;
    *views = malloc(t->size * sizeof **views);
    return *views ? RP_OK : RP_EMEM;
}

static rp_status set(struct rp_learner *learner, const float *params,
                     const float *state)
{
    struct rp_cuda_train *t = of(learner);
    const size_t size = t->layout.size;
    const uint32_t slots = t->optimizer->slots;
    float *room = NULL;
    rp_status status = make_views(t, &room);

    if (!status)
        status = send(t, params, t->params, room);
    for (uint32_t i = 0; i < slots && !status; i++)
        status = send(t, state + i * size, t->slots + i * t->size, room);
    if (!status && t->average)
        status = send(t, state + slots * size, t->average, room);
    t->net[0].source = t->net[1].source = NULL;
    free(room);
    return status;
}

static rp_status get(struct rp_learner *learner, float *params, float *state)
{
    struct rp_cuda_train *t = of(learner);
    const size_t size = t->layout.size;
    const uint32_t slots = t->optimizer->slots;
    float *room = NULL;
    rp_status status = make_views(t, &room);

    if (!status)
        status = fetch(t, t->params, params, room);
    for (uint32_t i = 0; i < slots && !status; i++)
        status = fetch(t, t->slots + i * t->size, state + i * size, room);
    if (!status && t->average)
        status = fetch(t, t->average, state + slots * size, room);
    free(room);
    return status;
}

static rp_status gradient(struct rp_learner *learner, float *to)
{
    struct rp_cuda_train *t = of(learner);
    float *room = NULL;
    rp_status status = make_views(t, &room);

    if (!status)
        status = fetch(t, t->gradient, to, room);
    free(room);
    return status;
}

static rp_status put(struct rp_learner *learner,
                     const struct rp_learner_part *part, uint32_t parts,
                     const struct rp_learner_pass *pass)
{
    struct rp_cuda_train *t = of(learner);
    rp_status status;

    if (t->cuda.lost)
        return RP_ELOST;
    if (t->puts - t->results == RP_CUDA_SLOTS ||
        (pass->average && !t->average) || (pass->dropout > 0 && !t->keep) ||
        (pass->recurrent_dropout > 0 && !pass->backward))
        return RP_EARG;
    status = rp_cuda_batch_put(t, &t->batch[t->puts % RP_CUDA_SLOTS], part,
                               parts, pass);
    t->puts += !status;
    return status;
}

const struct rp_train_ops rp_train_cuda = {
    .create = create,
    .destroy = destroy,
    .about = about,
    .set = set,
    .get = get,
    .gradient = gradient,
    .put = put,
    .run = rp_cuda_train_run,
    .result = rp_cuda_train_result,
};
