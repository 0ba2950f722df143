/* Stands where a JACK server's socket would be and turns everybody away.
 *   jack_refuse SERVER_NAME     until SIGTERM */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un address = {.sun_family = AF_UNIX};

static void end(int signal)
{
    (void)signal;
    unlink(address.sun_path);
    _exit(0);
}

int main(int count, char **arg)
{
    if (count != 2)
        return 2;
    /* Where jackd2 listens on Linux. */
    snprintf(address.sun_path, sizeof address.sun_path,
             "/dev/shm/jack_%.60s_%u_0", arg[1], (unsigned)getuid());
    signal(SIGTERM, end);
    signal(SIGINT, end);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    unlink(address.sun_path);
    if (fd < 0 ||
        bind(fd, (struct sockaddr *)&address, sizeof address) ||
        listen(fd, 8)) {
        perror(address.sun_path);
        return 1;
    }
    puts("refusing");
    fflush(stdout);
    for (;;) {
        int peer = accept(fd, NULL, NULL);
        if (peer >= 0)
            close(peer);
    }
}
