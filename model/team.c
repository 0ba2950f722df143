#include "model/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "rt/log.h"

enum { THREADS_MAX = 256 };

struct rp_team {
    uint32_t threads, more; /* more: those that were started */
    pthread_t thread[THREADS_MAX];
    pthread_mutex_t lock; /* of all below but next */
    pthread_cond_t begun, done;
    uint64_t round; /* counts the calls of run */
    uint32_t busy;  /* started threads that have not finished this round */
    bool over;
    uint32_t count;
    void (*piece)(void *self, uint32_t i);
    void *self;
    atomic_uint next;
};

static void take(struct rp_team *team)
{
    uint32_t i;

    while ((i = atomic_fetch_add(&team->next, 1)) < team->count)
        team->piece(team->self, i);
}

static void *wait_and_take(void *self)
{
    struct rp_team *team = self;
    uint64_t round = 0;

    pthread_mutex_lock(&team->lock);
    for (;;) {
        while (!team->over && team->round == round)
            pthread_cond_wait(&team->begun, &team->lock);
        if (team->over)
            break;
        round = team->round;
        pthread_mutex_unlock(&team->lock);
        take(team);
        pthread_mutex_lock(&team->lock);
        if (--team->busy == 0)
            pthread_cond_signal(&team->done);
    }
    pthread_mutex_unlock(&team->lock);
    return NULL;
}

/* Signals stay with the thread that made the team. */
static void start(struct rp_team *team)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    while (
        team->more + 1 < team->threads &&
        !pthread_create(&team->thread[team->more], NULL, wait_and_take, team))
        team->more++; /* fewer threads then: the result is the same */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

rp_status rp_team_create(struct rp_team **team, uint32_t threads)
{
    struct rp_team *made = calloc(1, sizeof *made);

    if (!made) {
        rp_log(RP_ERROR, "team", "out of memory");
        return RP_EMEM;
    }
    if (!threads)
        threads = (uint32_t)sysconf(_SC_NPROCESSORS_ONLN);
    made->threads = threads < THREADS_MAX ? threads : THREADS_MAX;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->begun, NULL);
    pthread_cond_init(&made->done, NULL);
    start(made);
    *team = made;
    return RP_OK;
}

void rp_team_destroy(struct rp_team *team)
{
    if (!team)
        return;
    pthread_mutex_lock(&team->lock);
    team->over = true;
    pthread_cond_broadcast(&team->begun);
    pthread_mutex_unlock(&team->lock);
    for (uint32_t i = 0; i < team->more; i++)
        pthread_join(team->thread[i], NULL);
    pthread_mutex_destroy(&team->lock);
    pthread_cond_destroy(&team->begun);
    pthread_cond_destroy(&team->done);
    free(team);
}

uint32_t rp_team_threads(const struct rp_team *team)
{
    return team ? team->more + 1 : 1;
}

void rp_team_run(struct rp_team *team, uint32_t count,
                 void (*piece)(void *self, uint32_t i), void *self)
{
    if (!team || !team->more || count < 2) {
        for (uint32_t i = 0; i < count; i++)
            piece(self, i);
        return;
    }
    pthread_mutex_lock(&team->lock);
    team->piece = piece;
    team->self = self;
    team->count = count;
    atomic_store(&team->next, 0);
    team->busy = team->more;
    team->round++;
    pthread_cond_broadcast(&team->begun);
    pthread_mutex_unlock(&team->lock);
    take(team);
    pthread_mutex_lock(&team->lock);
    while (team->busy)
        pthread_cond_wait(&team->done, &team->lock);
    pthread_mutex_unlock(&team->lock);
}
