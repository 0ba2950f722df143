/* A program of liblo that controls riposte's side of OSC in the same process:
 * sends, and reads what comes while it lets riposte have its turns. */
#ifndef OSC_PROGRAM_H
#define OSC_PROGRAM_H

#include <arpa/inet.h>
#include <lo/lo.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"
#include "tests/test.h"
#include "tui/osc.h"

static struct rp_osc *osc;
static struct rp_rig rig;
static struct rp_panel panel;
static struct sockaddr_in riposte;
static int fd; /* of the program */
static char said[512];

static inline int open_socket(void)
{
    struct sockaddr_in own = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int made = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(made >= 0);
    CHECK_INT(bind(made, (struct sockaddr *)&own, sizeof(own)), 0);
    return made;
}

static inline int port_of(int socket)
{
    struct sockaddr_in own;
    socklen_t size = sizeof(own);

    CHECK_INT(getsockname(socket, (struct sockaddr *)&own, &size), 0);
    return ntohs(own.sin_port);
}

static inline void send_bytes(const void *bytes, size_t size)
{
    CHECK(sendto(fd, bytes, size, 0, (struct sockaddr *)&riposte,
                 sizeof(riposte)) == (ssize_t)size);
}

/* Takes the message over. */
static inline void send_message(const char *path, lo_message message)
{
    char bytes[2048];
    size_t size = sizeof(bytes);

    lo_message_serialise(message, path, bytes, &size);
    send_bytes(bytes, size);
    lo_message_free(message);
}

static inline void send_text(const char *path, const char *text)
{
    lo_message message = lo_message_new();

    if (text) {
        lo_message_add_string(message, text);
    }
    send_message(path, message);
}

static inline void send_number(const char *path, char type, double number)
{
    lo_message message = lo_message_new();

    switch (type) {
    case 'i':
        lo_message_add_int32(message, (int32_t)number);
        break;
    case 'h':
        lo_message_add_int64(message, (int64_t)number);
        break;
    case 'd':
        lo_message_add_double(message, number);
        break;
    case 'T':
        lo_message_add_true(message);
        break;
    case 'F':
        lo_message_add_false(message);
        break;
    default:
        lo_message_add_float(message, (float)number);
    }
    send_message(path, message);
}

static inline void poll_once(void)
{
    rp_knobs_copy(&panel.knobs, &rig.knobs); /* as rp_watch_poll does */
    rp_osc_poll(osc, &rig, &panel);
}

/* At four bytes, where liblo's union may not lie. */
static inline int print_arg(char *text, size_t size, char type, const void *arg)
{
    int32_t i;
    int64_t h;
    float f;

    switch (type) {
    case 's':
        return snprintf(text, size, " %s", (const char *)arg);
    case 'f':
        memcpy(&f, arg, sizeof(f));
        return snprintf(text, size, " %.6g", f);
    case 'h':
        memcpy(&h, arg, sizeof(h));
        return snprintf(text, size, " %lld", (long long)h);
    default:
        memcpy(&i, arg, sizeof(i));
        return snprintf(text, size, " %d", i);
    }
}

/* "/path TYPES values" of what came to `from` within two seconds; "" else. */
static inline const char *receive(int from)
{
    static char text[2048], bytes[4096];
    struct pollfd wait = {.fd = from, .events = POLLIN};
    lo_message message;
    ssize_t size;
    int used;

    for (int i = 0; i < 400 && poll(&wait, 1, 5) == 0; i++) {
        poll_once();
    }
    size = recv(from, bytes, sizeof(bytes), MSG_DONTWAIT);
    *text = '\0';
    message =
        size > 0 ? lo_message_deserialise(bytes, (size_t)size, NULL) : NULL;
    if (!message) {
        return text;
    }
    used = snprintf(text, sizeof(text), "%s %s", bytes,
                    lo_message_get_types(message));
    for (int i = 0; i < lo_message_get_argc(message); i++) {
        used += print_arg(text + used, sizeof(text) - (size_t)used,
                          lo_message_get_types(message)[i],
                          lo_message_get_argv(message)[i]);
    }
    lo_message_free(message);
    return text;
}

static inline void keep(void *self, enum rp_level level, const char *tag,
                        const char *text)
{
    snprintf(said, sizeof(said), "%s: %s", tag, text);
}

/* The counters, when `total` packets have been counted one way or another. */
static inline struct rp_osc_view count_to(uint64_t total)
{
    struct timespec nap = {.tv_nsec = 2000000};
    struct rp_osc_view view;

    for (int i = 0; i < 5000; i++) {
        poll_once();
        rp_osc_look(osc, &view);
        if (view.messages + view.malformed + view.lost >= total) {
            break;
        }
        nanosleep(&nap, NULL);
    }
    return view;
}

static inline void expect(const char *path, const char *want)
{
    send_text(path, NULL);
    CHECK_TEXT(receive(fd), want);
}

static inline void find_port(void)
{
    char *at;

    CHECK_INT(rp_osc_open(&osc, "127.0.0.1", "0"), RP_OK);
    at = strstr(said, "listening on 127.0.0.1 port ");
    CHECK(at != NULL);
    riposte.sin_family = AF_INET;
    riposte.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    riposte.sin_port = htons(at ? (uint16_t)atoi(strrchr(at, ' ')) : 0);
}

/* Riposte on a port of its own. */
static inline void begin(void)
{
    char why[80];

    if (!rp_wire_probe(why, sizeof(why))) {
        SKIP(why);
    }
    rp_log_to(keep, NULL);
    rp_panel_init(&panel);
    rp_knobs_init(&rig.knobs);
    fd = open_socket();
    find_port();
}

static inline void end(void)
{
    rp_osc_close(osc);
    rp_log_to(NULL, NULL);
    close(fd);
}

#endif
