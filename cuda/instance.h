/* One instance of the engine, as the files of cuda/ share it. Everything of it
 * belongs to the thread that calls the engine. */
#ifndef RP_CUDA_INSTANCE_H
#define RP_CUDA_INSTANCE_H

#include "cuda/step.h"
#include "model/net/engine.h"

/* How the work reaches the device. */
enum rp_cuda_path {
    RP_CUDA_AUTO,  /* plain or graph, whatever is quicker here */
    RP_CUDA_PLAIN, /* kernel by kernel */
    RP_CUDA_GRAPH, /* as one graph for a call, or a note of a rollout */
    /* As auto, and these by name alone, since their bits are others: */
    RP_CUDA_PERSISTENT, /* rollouts of a few candidates by clusters that keep
                           the weights */
    RP_CUDA_BF16, /* rollouts' products by tensor cores */
    RP_CUDA_PATHS
};
extern const char *const rp_cuda_path_names[RP_CUDA_PATHS];

/* Device memory that goes with the instance. */
enum { RP_CUDA_PIECES = 96 };
struct rp_cuda_memory {
    void *piece[RP_CUDA_PIECES];
    bool host[RP_CUDA_PIECES]; /* pinned and mapped */
    uint32_t pieces;
};

struct rp_cuda_live;    /* live.c */
struct rp_cuda_rollout; /* rollout.c */

struct rp_cuda {
    struct rp_engine base;
    struct rp_shape shape;
    struct rp_layout layout;
    uint32_t slots, inputs;
    enum rp_cuda_path path;
    uint32_t deadline_ms; /* what takes longer is lost; */
    uint32_t live_ms;     /* the same of what notes wait for */
    bool lost, stuck;     /* stuck: it may still be at work, for ever */
    bool sparing;         /* memory that is short is not said: with less of it
                             it is tried again */
    cudaStream_t stream;  /* of live steps: before all else on the device */
    cudaStream_t behind;  /* of rollouts */
    struct rp_cuda_memory memory;
    float *weights; /* on the device, as weights.c packs them */
    uint32_t weights_set; /* how often */
    float *plain;   /* there, as they came; NULL unless persistent */
    uint16_t *cells; /* there, as bf16; NULL unless bf16 */
    struct rp_cuda_layer layer[RP_LAYERS_MAX];
    struct rp_cuda_head head[RP_FIELDS];
    struct rp_cuda_states states;
    uint8_t *side; /* (slots) which side is now */
    float *bounce, *bounce_device;  /* mapped, H: a state on its way in */
    struct rp_cuda_live *live;
    struct rp_cuda_rollout *rollout; /* NULL until one, or memory for it, was
                                        asked for */
    struct rp_cuda *next_stuck;      /* of those that cannot be freed */
};

/* call.c: $RIPOSTE_CUDA_DEADLINE in ms; 0: it is not set, or a warning says why
 * not. */
uint32_t rp_cuda_deadline(void);
/* What the runtime said, as a status; logs what is wrong. */
rp_status rp_cuda_check(struct rp_cuda *cuda, cudaError_t error,
                        const char *what);
/* Until the stream has nothing left to do, or the deadline. */
rp_status rp_cuda_wait(struct rp_cuda *cuda, cudaStream_t stream,
                       const char *what);
/* The same without naps, for who measures. */
rp_status rp_cuda_wait_awake(struct rp_cuda *cuda, cudaStream_t stream,
                             const char *what);
rp_status rp_cuda_wait_event(struct rp_cuda *cuda, cudaEvent_t event,
                             const char *what);
/* The same without naps, by the deadline of what the next note waits for. */
rp_status rp_cuda_wait_live(struct rp_cuda *cuda, cudaStream_t stream,
                            const char *what);
/* The same until `rows` rows of so many logits were said with this number
 * (few.h), which go to logits, RP_CUDA_LOGITS floats from row to row. */
rp_status rp_cuda_wait_said(struct rp_cuda *cuda, const uint64_t *said,
                            uint32_t rows, uint32_t classes, uint32_t number,
                            float *logits, const char *what);
/* Launches what `enqueue` enqueues, as a graph that is made the first time:
 * nothing in it may change, but for what lies in memory. */
rp_status rp_cuda_launch_graph(struct rp_cuda *cuda, cudaStream_t stream,
                               cudaGraphExec_t *exec,
                               rp_status (*enqueue)(struct rp_cuda *,
                                                    uint32_t),
                               uint32_t argument);
rp_status rp_cuda_alloc(struct rp_cuda *cuda, struct rp_cuda_memory *memory,
                        void **out, size_t size);
/* Pinned host memory that the device sees at *device. */
rp_status rp_cuda_alloc_mapped(struct rp_cuda *cuda,
                               struct rp_cuda_memory *memory, void **out,
                               void **device, size_t size);
void rp_cuda_free(struct rp_cuda_memory *memory);
uint64_t rp_cuda_now_us(void);

/* weights.c: packs and sends parameters. */
rp_status rp_cuda_weights_create(struct rp_cuda *cuda);
rp_status rp_cuda_weights_set(struct rp_cuda *cuda, const float *params);

/* live.c: steps and heads, of the table. */
rp_status rp_cuda_live_create(struct rp_cuda *cuda);
void rp_cuda_live_free(struct rp_cuda *cuda);
/* Once there are weights: takes the quicker way, if none was asked for. */
rp_status rp_cuda_live_choose(struct rp_cuda *cuda);
/* Until all that was enqueued is done. */
rp_status rp_cuda_live_wait(struct rp_cuda *cuda, const char *what);
/* A state on the device. */
rp_status rp_cuda_live_state(struct rp_cuda *cuda, const float *at, float *h);
rp_status rp_cuda_step(struct rp_engine *engine, uint32_t count,
                       const uint32_t *slot, const struct rp_indices *input);
rp_status rp_cuda_logits(struct rp_engine *engine, uint32_t slot,
                         enum rp_field field,
                         const struct rp_indices *condition, float *logits);
rp_status rp_cuda_logits_many(struct rp_engine *engine, uint32_t count,
                              const uint32_t *slot, enum rp_field field,
                              const struct rp_indices *condition,
                              float *logits);

/* probe.c */
bool rp_cuda_probe(char *text, size_t size);

/* rollout.c */
struct rp_rollout;
rp_status rp_cuda_rollout(struct rp_engine *engine,
                          struct rp_rollout *rollout);
rp_status rp_cuda_rollout_reserve(struct rp_engine *engine,
                                  uint32_t *candidates);
void rp_cuda_rollout_free(struct rp_cuda *cuda);

/* chain.c: up to so many candidates, each by a cluster. */
enum { RP_CUDA_CHAINS = 16 };
struct rp_cuda_chains;
struct rp_cuda_task;
/* RP_ENONE, said once, where this network or device cannot. */
rp_status rp_cuda_chains_create(struct rp_cuda *cuda,
                                struct rp_cuda_chains **chains);
void rp_cuda_chains_free(struct rp_cuda_chains *chains);
/* task: sent already; note, rolled: where the device writes them. */
rp_status rp_cuda_chains_run(struct rp_cuda *cuda,
                             struct rp_cuda_chains *chains,
                             const struct rp_rollout *rollout,
                             const struct rp_cuda_task *task, void *note,
                             void *rolled);

extern const struct rp_engine_ops rp_engine_cuda;
extern const struct rp_train_ops rp_train_cuda; /* train.c */

#endif
