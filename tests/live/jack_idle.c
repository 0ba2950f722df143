/* A JACK program that does nothing, to stand beside riposte:
 *   jack_idle --wait S [PORT...]   until the server and these ports are there
 *   jack_idle --until-term         counts xruns until SIGTERM, then prints
 *                                  "idle: N xruns, real-time yes|no" */
#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include "tests/live/jack_common.h"

static _Atomic uint32_t xruns;
static _Atomic int policy = -1;
static volatile sig_atomic_t ended;

static int process(jack_nframes_t frames, void *self)
{
    struct sched_param param;
    int now;
    (void)frames, (void)self;
    if (atomic_load(&policy) < 0 &&
        !pthread_getschedparam(pthread_self(), &now, &param))
        atomic_store(&policy, now & (SCHED_FIFO | SCHED_RR));
    return 0;
}

static int xrun(void *self)
{
    (void)self;
    atomic_fetch_add(&xruns, 1);
    return 0;
}

static void on_term(int signal)
{
    (void)signal;
    ended = 1;
}

static int count_xruns(jack_client_t *jack)
{
    signal(SIGTERM, on_term);
    jack_set_process_callback(jack, process, NULL);
    jack_set_xrun_callback(jack, xrun, NULL);
    if (jack_activate(jack))
        return 1;
    while (!ended)
        usleep(100000);
    printf("idle: %u xruns, real-time %s\n", atomic_load(&xruns),
           atomic_load(&policy) > 0 ? "yes" : "no");
    jack_client_close(jack);
    return 0;
}

int main(int count, char **arg)
{
    jack_set_error_function(quiet);
    jack_set_info_function(quiet);
    if (count == 2 && !strcmp(arg[1], "--until-term")) {
        jack_client_t *jack = jack_join("idle", 5);
        return jack ? count_xruns(jack) : 1;
    }
    if (count < 3 || strcmp(arg[1], "--wait"))
        return 2;
    jack_client_t *jack = jack_join("waits", atof(arg[2]));
    if (!jack) {
        fprintf(stderr, "no JACK server after %s s\n", arg[2]);
        return 1;
    }
    int found = 1;
    for (int i = 3; i < count; i++)
        found &= wait_port(jack, arg[i], atof(arg[2]));
    jack_client_close(jack);
    return !found;
}
