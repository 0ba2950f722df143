/* liblo parses and builds messages. The socket is our own: liblo binds to
 * every address of the machine, and keeps packets dated in the future. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <lo/lo.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"
#include "rt/ring.h"
#include "tui/wire.h"

enum {
    PACKET = 65536, /* no datagram is longer */
    MESSAGES = 1024,
    BUFFER = 1 << 20, /* asked of the system, which may give less */
    DEPTH = 8,        /* bundles in bundles */
    OUT = 4096
};

struct rp_wire {
    const char *tag;
    int fd, wake[2]; /* a pipe: closing it ends the thread */
    pthread_t thread;
    bool runs;
    struct rp_ring ring; /* thread -> main; full: the message is lost */
    /* Written by the thread, read by main. */
    _Atomic uint64_t messages, malformed, lost;
    /* The thread's own. */
    struct rp_wire_message message;
    uint32_t overflow; /* as the system counted last; wraps */
    _Alignas(8) unsigned char packet[PACKET];
};

bool rp_wire_probe(char *text, size_t size)
{
    snprintf(text, size, "liblo");
    return true;
}

/* ---- the thread ---- */

/* The size of a string of OSC, with what fills it up to four bytes; 0: it has
 * no end. */
static size_t string_size(const unsigned char *at, size_t size)
{
    const unsigned char *end = memchr(at, 0, size);
    size_t length = end ? ((size_t)(end - at) + 4) & ~(size_t)3 : 0;

    return length <= size ? length : 0;
}

/* What liblo is shown: a message of types that we know. It looks beyond the
 * end of a blob that is cut short, and writes to stderr, over the panel, about
 * types that it does not know. */
static bool well_formed(const unsigned char *at, size_t size)
{
    size_t path = string_size(at, size);
    size_t types = path ? string_size(at + path, size - path) : 0;
    const char *type = (const char *)at + path;

    return *at == '/' && path <= RP_WIRE_PATH && types && *type == ',' &&
           strspn(type + 1, "ifshdSTF") == strlen(type + 1) &&
           strlen(type + 1) <= RP_WIRE_ARGS;
}

/* `from` lies at four bytes, less than a union of liblo's may: it is copied. */
static double read_number(char type, const void *from)
{
    int32_t i = 0;
    int64_t h = 0;
    float f = 0;
    double d = 0;

    switch (type) {
    case 'i':
        memcpy(&i, from, sizeof(i));
        return i;
    case 'h':
        memcpy(&h, from, sizeof(h));
        return (double)h;
    case 'f':
        memcpy(&f, from, sizeof(f));
        return f;
    case 'd':
        memcpy(&d, from, sizeof(d));
        return d;
    }
    return type == 'T';
}

static bool read_arg(struct rp_wire_message *to, uint32_t i, char type,
                     const void *from, size_t *used)
{
    struct rp_wire_arg *arg = &to->arg[i];
    size_t length;

    *arg = (struct rp_wire_arg){.type = RP_WIRE_NUMBER};
    if (type != 's' && type != 'S') {
        arg->number = read_number(type, from);
        return true;
    }
    length = strlen(from) + 1;
    if (length > sizeof(to->text) - *used) {
        return false;
    }
    arg->type = RP_WIRE_TEXTUAL;
    memcpy(to->text + *used, from, length);
    *used += length;
    return true;
}

static bool read_message(struct rp_wire_message *to, unsigned char *at,
                         size_t size)
{
    size_t used = 0;
    bool good = true;
    lo_message from;

    if (!well_formed(at, size) ||
        !(from = lo_message_deserialise(at, size, NULL))) {
        return false;
    }
    snprintf(to->path, sizeof(to->path), "%s", (char *)at);
    to->args = (uint32_t)lo_message_get_argc(from);
    for (uint32_t i = 0; i < to->args && good; i++) {
        good = read_arg(to, i, lo_message_get_types(from)[i],
                        lo_message_get_argv(from)[i], &used);
    }
    lo_message_free(from);
    return good;
}

static void add(_Atomic uint64_t *counter, uint64_t count)
{
    atomic_fetch_add_explicit(counter, count, memory_order_relaxed);
}

static uint32_t read_size(const unsigned char *at)
{
    uint32_t size;

    memcpy(&size, at, sizeof(size));
    return ntohl(size);
}

/* A message, or a bundle of such, of which the time is not waited for. A
 * bundle is read twice: it is obeyed whole, or not at all. */
static bool read_packet(struct rp_wire *wire, unsigned char *at, size_t size,
                        bool hand_over, int depth)
{
    if (size % 4 || size < 8) {
        return false;
    }
    if (memcmp(at, "#bundle", 8) != 0) {
        if (!read_message(&wire->message, at, size)) {
            return false;
        }
        if (hand_over) {
            bool room = rp_ring_push(&wire->ring, &wire->message, NULL);

            add(room ? &wire->messages : &wire->lost, 1);
        }
        return true;
    }
    if (size < 16 || depth == DEPTH) {
        return false;
    }
    for (at += 16, size -= 16; size;) {
        uint32_t length = size >= 4 ? read_size(at) : UINT32_MAX;

        if (length > size - 4 ||
            !read_packet(wire, at + 4, length, hand_over, depth + 1)) {
            return false;
        }
        at += 4 + length;
        size -= 4 + length;
    }
    return true;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The system says how many datagrams it had no room for, so far. */
static void count_overflow(struct rp_wire *wire, struct msghdr *header)
{
#ifdef SO_RXQ_OVFL
    for (struct cmsghdr *one = CMSG_FIRSTHDR(header); one;
         one = CMSG_NXTHDR(header, one)) {
        uint32_t total;

        if (one->cmsg_level == SOL_SOCKET && one->cmsg_type == SO_RXQ_OVFL) {
            memcpy(&total, CMSG_DATA(one), sizeof(total));
            add(&wire->lost, (uint32_t)(total - wire->overflow));
            wire->overflow = total;
        }
    }
#endif
}

static void receive(struct rp_wire *wire)
{
    struct rp_wire_message *message = &wire->message;
    _Alignas(struct cmsghdr) char control[64];
    struct iovec bytes = {wire->packet, sizeof(wire->packet)};
    struct msghdr header = {.msg_name = &message->from.address,
                            .msg_namelen = sizeof(message->from.address),
                            .msg_iov = &bytes,
                            .msg_iovlen = 1,
                            .msg_control = control,
                            .msg_controllen = sizeof(control)};
    ssize_t size = recvmsg(wire->fd, &header, MSG_DONTWAIT);

    if (size < 0) {
        return; /* nothing there after all, or an answer that bounced */
    }
    message->from.size = header.msg_namelen;
    message->ns = now_ns();
    count_overflow(wire, &header);
    if (!read_packet(wire, wire->packet, (size_t)size, false, 0)) {
        add(&wire->malformed, 1);
        return;
    }
    (void)read_packet(wire, wire->packet, (size_t)size, true, 0);
}

static void *wire_thread(void *self)
{
    struct rp_wire *wire = self;
    struct pollfd fds[2] = {{.fd = wire->fd, .events = POLLIN},
                            {.fd = wire->wake[0]}};

    while (!fds[1].revents) {
        if (poll(fds, 2, -1) > 0 && fds[0].revents) {
            receive(wire);
        }
    }
    return NULL;
}

/* ---- main ---- */

static rp_status bind_socket(struct rp_wire *wire, const char *address,
                             const char *port)
{
    struct rp_wire_peer own;
    rp_status status =
        rp_wire_find(wire->tag, address, port ? port : "0", &own);
    int on = 1, room = BUFFER;

    if (status != RP_OK) {
        return status;
    }
    wire->fd = socket(own.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (wire->fd < 0 ||
        bind(wire->fd, (struct sockaddr *)&own.address, own.size)) {
        rp_log(RP_ERROR, wire->tag, "cannot listen on %s port %s: %s", address,
               port ? port : "(any)", strerror(errno));
        return RP_EIO;
    }
    (void)setsockopt(wire->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
#ifdef SO_RXQ_OVFL
    (void)setsockopt(wire->fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on));
#endif
    return RP_OK;
}

static rp_status start_thread(struct rp_wire *wire)
{
    if (pipe2(wire->wake, O_CLOEXEC) ||
        (errno = pthread_create(&wire->thread, NULL, wire_thread, wire))) {
        rp_log(RP_ERROR, wire->tag, "no thread for OSC: %s", strerror(errno));
        return RP_EIO;
    }
    pthread_setname_np(wire->thread, "osc"); /* for top, perf */
    wire->runs = true;
    return RP_OK;
}

rp_status rp_wire_open(struct rp_wire **wire, const char *tag,
                       const char *address, const char *port)
{
    size_t size = (sizeof(struct rp_wire) + 63) / 64 * 64; /* the ring's */
    struct rp_wire *made = aligned_alloc(64, size);
    rp_status status;

    if (!made) {
        rp_log(RP_ERROR, tag, "out of memory");
        return RP_EMEM;
    }
    memset(made, 0, size);
    made->tag = tag;
    made->fd = made->wake[0] = made->wake[1] = -1;
    status =
        rp_ring_init(&made->ring, MESSAGES, sizeof(struct rp_wire_message));
    if (status == RP_OK) {
        status = bind_socket(made, address, port);
    }
    if (status == RP_OK) {
        status = start_thread(made);
    }
    if (status != RP_OK) {
        rp_wire_close(made);
        return status;
    }
    *wire = made;
    return RP_OK;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void rp_wire_close(struct rp_wire *wire)
{
    if (!wire) {
        return;
    }
    close_fd(wire->wake[1]);
    if (wire->runs) {
        pthread_join(wire->thread, NULL);
    }
    close_fd(wire->wake[0]);
    close_fd(wire->fd);
    rp_ring_fini(&wire->ring);
    free(wire);
}

uint16_t rp_wire_port(const struct rp_wire *wire)
{
    struct sockaddr_storage own = {0};
    socklen_t size = sizeof(own);

    if (getsockname(wire->fd, (struct sockaddr *)&own, &size)) {
        return 0;
    }
    return ntohs(own.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)&own)->sin6_port
                     : ((struct sockaddr_in *)&own)->sin_port);
}

bool rp_wire_next(struct rp_wire *wire, struct rp_wire_message *message)
{
    const char *text = message->text;

    if (!rp_ring_pop(&wire->ring, message)) {
        return false;
    }
    /* Texts lie one after the other; pointers do not cross a ring. */
    for (uint32_t i = 0; i < message->args; i++) {
        message->arg[i].text = NULL;
        if (message->arg[i].type == RP_WIRE_TEXTUAL) {
            message->arg[i].text = text;
            text += strlen(text) + 1;
        }
    }
    return true;
}

void rp_wire_look(struct rp_wire *wire, struct rp_wire_view *view)
{
    view->messages = atomic_load(&wire->messages);
    view->malformed = atomic_load(&wire->malformed);
    view->lost = atomic_load(&wire->lost);
}

static bool add_arg(lo_message message, char type, va_list *args)
{
    switch (type) {
    case 'i':
        return !lo_message_add_int32(message, va_arg(*args, int));
    case 'h':
        return !lo_message_add_int64(message, va_arg(*args, int64_t));
    case 'f':
        return !lo_message_add_float(message, (float)va_arg(*args, double));
    case 's':
        return !lo_message_add_string(message, va_arg(*args, const char *));
    }
    return false;
}

bool rp_wire_send(struct rp_wire *wire, const struct rp_wire_peer *to,
                  uint32_t count, const char *path, const char *types, ...)
{
    _Alignas(8) char bytes[OUT];
    lo_message message = lo_message_new();
    size_t size = sizeof(bytes);
    bool good = message != NULL, sent = false;
    va_list args;

    va_start(args, types);
    for (; good && *types; types++) {
        good = add_arg(message, *types, &args);
    }
    va_end(args);
    if (good && lo_message_length(message, path) <= sizeof(bytes)) {
        (void)lo_message_serialise(message, path, bytes, &size);
        for (uint32_t i = 0; i < count; i++) {
            sent |= sendto(wire->fd, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                           (const struct sockaddr *)&to[i].address,
                           to[i].size) >= 0;
        }
    }
    if (message) {
        lo_message_free(message);
    }
    return sent;
}
