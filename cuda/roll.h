/* Many candidates at once: what stands beside the network is run on the
 * device, too, a warp for each candidate. Kernels in roll.cu; called from
 * C. */
#ifndef RP_CUDA_ROLL_H
#define RP_CUDA_ROLL_H

#include "cuda/step.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { RP_CUDA_FIELDS = 7 }; /* RP_FIELDS */

/* struct rp_rolled, as the device writes it. */
struct rp_cuda_rolled {
    uint16_t notes;
    uint8_t why;
    uint16_t fields;
    float logp;
};

/* Of one rollout; sent before it begins. Pointers are the device's; reader
 * and turn are struct rp_reader and struct rp_turn. */
struct rp_cuda_task {
    const void *reader, *turn;
    const float *state; /* (layers, H) */
    float temperature, top_p;
    uint32_t top_k;
    int32_t from;
    uint32_t candidates, most;
};

/* Everything on the device that candidates are. Lists say who takes part:
 * list f, count f those that draw field f next; the last those that take a
 * step. */
struct rp_cuda_roll {
    const struct rp_cuda_task *task;
    uint32_t room; /* candidates that there is memory for */
    uint32_t wide; /* that launches are for: at most so many */
    void *lane;    /* (room) rp_cuda_lane_size() bytes each */
    uint32_t *list;  /* (RP_CUDA_FIELDS + 1, room) */
    uint32_t *count; /* (RP_CUDA_FIELDS + 1) */
    uint16_t *condition, *input; /* (room, RP_CUDA_INDICES) */
    const float *logits;         /* (room, RP_CUDA_LOGITS) */
    struct rp_cuda_states states;
    void *note; /* (candidates, most) struct rp_note */
    struct rp_cuda_rolled *rolled; /* (candidates) */
    uint32_t *going; /* for the host: how many go on */
    uint32_t field;  /* of roll_draw */
};

/* Bytes of a candidate, of struct rp_reader, struct rp_turn and struct rp_note
 * as the kernels were compiled: the same as the host's, or nothing works. */
void rp_cuda_roll_sizes(size_t *lane, size_t *reader, size_t *turn,
                        size_t *note);
/* All candidates to where the rollout begins. */
cudaError_t rp_cuda_roll_begin(const struct rp_cuda_roll *roll,
                               cudaStream_t stream);
/* Those of list `field` draw it, and appear where they go on. */
cudaError_t rp_cuda_roll_draw(const struct rp_cuda_roll *roll,
                              cudaStream_t stream);
/* Says how many go on. */
cudaError_t rp_cuda_roll_tell(const struct rp_cuda_roll *roll,
                              cudaStream_t stream);

#ifdef __cplusplus
}
#endif
#endif
