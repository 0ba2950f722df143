/* One batch, cut into shards of rows that threads take from a queue. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "model/train_run.h"
#include "rt/log.h"

struct queue {
    struct rp_train *train;
    const struct rp_train_crop *crop;
    uint32_t rows;
    bool backward;
    atomic_uint next;
};

static void run_shard(struct queue *queue, uint32_t s)
{
    struct rp_train *train = queue->train;
    const struct rp_train_options *options = &train->options;
    uint32_t first = s * RP_TRAIN_ROWS, left = queue->rows - first;
    bool learn = queue->backward;
    struct rp_train_batch_options heard = {
        .seed = options->seed,
        .epoch = train->epoch,
        .held = learn ? options->held : 0,
        .input_dropout = learn ? options->input_dropout : 0,
    };
    struct rp_train_pass pass = {
        .backward = learn,
        .dropout = learn ? options->dropout : 0,
        .smoothing = learn ? options->smoothing : 0,
        .seed = options->seed * 1000003 + train->step * 64 + s,
    };

    rp_train_batch_fill(&train->batch[s], &train->dataset, queue->crop + first,
                        left < RP_TRAIN_ROWS ? left : RP_TRAIN_ROWS, &heard);
    rp_train_shard_run(&train->net, &train->shard[s], &train->batch[s].batch,
                       &pass);
}

static void *take_shards(void *self)
{
    struct queue *queue = self;
    uint32_t shards = (queue->rows + RP_TRAIN_ROWS - 1) / RP_TRAIN_ROWS;

    for (;;) {
        uint32_t s = atomic_fetch_add(&queue->next, 1);
        if (s >= shards)
            return NULL;
        run_shard(queue, s);
    }
}

/* In the order of the shards, whoever ran them. */
static void add_up(struct rp_train *train, uint32_t shards, bool backward,
                   struct rp_train_tally *tally)
{
    double weight = 0;

    for (uint32_t s = 0; s < shards; s++) {
        for (int f = 0; f < RP_FIELDS; f++)
            tally->loss[f] += train->shard[s].loss[f];
        tally->notes += train->batch[s].notes;
        weight += train->shard[s].weight;
    }
    if (backward)
        rp_train_net_gradient(&train->net, train->shard, shards,
                              (float)(weight > 0 ? 1 / weight : 0),
                              train->gradient);
}

void rp_train_batch_run(struct rp_train *train,
                        const struct rp_train_plan *plan, uint32_t index,
                        bool backward, struct rp_train_tally *tally)
{
    struct queue queue = { .train = train, .backward = backward };
    uint32_t first = index * plan->batch, shards, more = 0;
    pthread_t thread[64];

    queue.crop = plan->crop + first;
    queue.rows = plan->count - first < plan->batch ? plan->count - first
                                                   : plan->batch;
    shards = (queue.rows + RP_TRAIN_ROWS - 1) / RP_TRAIN_ROWS;
    while (more + 1 < train->threads && more + 1 < shards && more < 64) {
        if (pthread_create(&thread[more], NULL, take_shards, &queue))
            break; /* fewer threads then: the result is the same */
        more++;
    }
    take_shards(&queue);
    for (uint32_t i = 0; i < more; i++)
        pthread_join(thread[i], NULL);
    add_up(train, shards, backward, tally);
}

double rp_train_nats(const struct rp_train_tally *tally)
{
    double sum = 0;
    for (int f = 0; f < RP_FIELDS; f++)
        sum += tally->loss[f];
    return tally->notes ? sum / (double)tally->notes : 0;
}
