#include "tests/fake/fake_alsa.h"

#include <alsa/asoundlib.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fake/fake_time.h"
#include "tests/fake/guard.h"

enum { ARRIVED = 4096, BUFFERED = 2340, PORTS = 4, SECOND = 1000000000 };

struct fake_alsa fake_alsa;

struct arrived {
    uint64_t at;
    snd_seq_event_t event;
};

/* A client of ours: what snd_seq_t points to. */
struct fake_client {
    bool open, announces;
    int ports;
    char name[PORTS][40];
    unsigned caps[PORTS];
    uint32_t read, arriveds, buffereds;
    struct arrived arrived[ARRIVED];
    snd_seq_event_t buffered[BUFFERED];
};

static struct fake_client clients[FAKE_CLIENTS];
static struct {
    bool used;
    snd_seq_addr_t sender, dest;
} subs[FAKE_SUBS];

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t started; /* the queue, ns */
static bool sounds[2][16][128];

static int number_of(const snd_seq_t *seq)
{
    return 128 + (int)((const struct fake_client *)seq - clients);
}

/* The client with the ports in, out, thru and clock. */
static struct fake_client *riposte(void)
{
    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (clients[i].open && clients[i].ports == PORTS) {
            return &clients[i];
        }
    }
    return NULL;
}

/* ---- the sequencer, for tests ---- */

void fake_alsa_boot(void)
{
    fake_time_begin();
    pthread_mutex_lock(&lock);
    memset(&fake_alsa, 0, sizeof(fake_alsa));
    memset(clients, 0, sizeof(clients));
    memset(subs, 0, sizeof(subs));
    memset(sounds, 0, sizeof(sounds));
    fake_alsa.there = true;
    fake_alsa.room = 2000;
    fake_alsa.speed = 1;
    pthread_mutex_unlock(&lock);
    fake_alsa_come(14, 0, 0, "Midi Through", "Port-0");
    fake_alsa_come(20, 0, SND_SEQ_PORT_TYPE_HARDWARE, "Keys", "Keys MIDI 1");
    fake_alsa_come(130, 0, 0, "Synth", "in");
}

/* To a client of ours; with the lock held. */
static void post(struct fake_client *client, uint64_t at,
                 const snd_seq_event_t *event)
{
    if (client && client->arriveds < ARRIVED) {
        client->arrived[client->arriveds].at = at;
        client->arrived[client->arriveds++].event = *event;
    }
}

static void announce(int type, uint8_t client, uint8_t port)
{
    snd_seq_event_t event = {.type = type,
                             .data.addr = {.client = client, .port = port}};

    for (int i = 0; i < FAKE_CLIENTS; i++) {
        if (clients[i].announces) {
            post(&clients[i], fake_time_now(), &event);
        }
    }
}

void fake_alsa_event(uint64_t at, const void *event)
{
    snd_seq_event_t copy = *(const snd_seq_event_t *)event;
    uint64_t stamp = (uint64_t)((double)(at - started) * fake_alsa.speed);

    copy.dest.port = 0;
    copy.queue = 7;
    copy.flags |= SND_SEQ_TIME_STAMP_REAL;
    copy.time.time.tv_sec = (unsigned)(stamp / SECOND);
    copy.time.time.tv_nsec = (unsigned)(stamp % SECOND);
    pthread_mutex_lock(&lock);
    post(riposte(), at, &copy);
    pthread_mutex_unlock(&lock);
}

void fake_alsa_arrive(uint64_t at, const uint8_t *bytes, uint32_t size)
{
    snd_midi_event_t *encoder = NULL;
    snd_seq_event_t event = {0};

    if (snd_midi_event_new(16, &encoder) == 0) {
        snd_midi_event_encode(encoder, bytes, size, &event);
        snd_midi_event_free(encoder);
        fake_alsa_event(at, &event);
    }
}

void fake_alsa_come(uint8_t client, uint8_t port, unsigned type,
                    const char *client_name, const char *name)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAKE_PEERS; i++) {
        struct fake_peer *peer = &fake_alsa.peer[i];

        if (!peer->used) {
            *peer = (struct fake_peer){
                .used = true, .client = client, .port = port, .type = type};
            peer->caps = SND_SEQ_PORT_CAP_READ | SND_SEQ_PORT_CAP_SUBS_READ |
                         SND_SEQ_PORT_CAP_WRITE | SND_SEQ_PORT_CAP_SUBS_WRITE;
            snprintf(peer->client_name, sizeof(peer->client_name), "%s",
                     client_name);
            snprintf(peer->name, sizeof(peer->name), "%s", name);
            break;
        }
    }
    announce(SND_SEQ_EVENT_PORT_START, client, port);
    pthread_mutex_unlock(&lock);
}

/* One connection ends; our own port is told, as the kernel does. */
static void end(int at)
{
    snd_seq_event_t event = {.type = SND_SEQ_EVENT_PORT_UNSUBSCRIBED};
    struct fake_client *self = riposte();
    bool from_us = self && subs[at].sender.client == 128 + (self - clients);

    subs[at].used = false;
    event.data.connect.sender = subs[at].sender;
    event.data.connect.dest = subs[at].dest;
    event.dest = from_us ? subs[at].sender : subs[at].dest;
    post(self, fake_time_now(), &event);
}

void fake_alsa_leave(uint8_t client)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAKE_SUBS; i++) {
        if (subs[i].used && (subs[i].sender.client == client ||
                             subs[i].dest.client == client)) {
            end(i);
        }
    }
    for (int i = 0; i < FAKE_PEERS; i++) {
        fake_alsa.peer[i].used &= fake_alsa.peer[i].client != client;
    }
    announce(SND_SEQ_EVENT_CLIENT_EXIT, client, 0);
    pthread_mutex_unlock(&lock);
}

static int find_sub(const snd_seq_addr_t *a, const snd_seq_addr_t *b)
{
    for (int i = 0; i < FAKE_SUBS; i++) {
        if (subs[i].used && !memcmp(&subs[i].sender, a, sizeof(*a)) &&
            !memcmp(&subs[i].dest, b, sizeof(*b))) {
            return i;
        }
    }
    return -1;
}

static int find_ours(int port, uint8_t client, uint8_t other)
{
    struct fake_client *self = riposte();
    snd_seq_addr_t a, b = {client, other};

    if (!self) {
        return -1;
    }
    a = (snd_seq_addr_t){(uint8_t)(128 + (self - clients)), (uint8_t)port};
    return port == 0 ? find_sub(&b, &a) : find_sub(&a, &b);
}

bool fake_alsa_connected(int port, uint8_t client, uint8_t other)
{
    return find_ours(port, client, other) >= 0;
}

void fake_alsa_cut(int port, uint8_t client, uint8_t other)
{
    int at = find_ours(port, client, other);

    pthread_mutex_lock(&lock);
    if (at >= 0) {
        end(at);
        announce(SND_SEQ_EVENT_PORT_UNSUBSCRIBED, client, other);
    }
    pthread_mutex_unlock(&lock);
}

/* ---- the library: clients ---- */

int snd_seq_open(snd_seq_t **seq, const char *name, int streams, int mode)
{
    guard_forbid("snd_seq_open");
    if (mode != SND_SEQ_NONBLOCK) {
        abort();
    }
    for (int i = 0; fake_alsa.there && i < FAKE_CLIENTS; i++) {
        if (!clients[i].open) {
            memset(&clients[i], 0, sizeof(clients[i]));
            clients[i].open = true;
            fake_alsa.open++;
            *seq = (snd_seq_t *)&clients[i];
            return 0;
        }
    }
    return -ENOENT;
}

int snd_seq_close(snd_seq_t *seq)
{
    guard_forbid("snd_seq_close");
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAKE_SUBS; i++) {
        if (subs[i].sender.client == number_of(seq) ||
            subs[i].dest.client == number_of(seq)) {
            subs[i].used = false;
        }
    }
    ((struct fake_client *)seq)->open = false;
    fake_alsa.open--;
    pthread_mutex_unlock(&lock);
    return 0;
}

int snd_seq_client_id(snd_seq_t *seq)
{
    return number_of(seq);
}

#define SETTING(call)                                                          \
    {                                                                          \
        guard_forbid(call);                                                    \
        return 0;                                                              \
    }
int snd_seq_set_client_name(snd_seq_t *seq, const char *name) SETTING(
    "snd_seq_set_client_name") int snd_seq_set_client_pool_output(snd_seq_t
                                                                      *seq,
                                                                  size_t size)
    SETTING("snd_seq_set_client_pool_output") int snd_seq_set_client_pool_input(
        snd_seq_t *seq, size_t size)
        SETTING("snd_seq_set_client_pool_"
                "input") int snd_seq_set_output_buffer_size(snd_seq_t *seq,
                                                            size_t size)
            SETTING("snd_seq_set_output_buffer_"
                    "size") int snd_seq_set_input_buffer_size(snd_seq_t *seq,
                                                              size_t size)
                SETTING("snd_seq_set_input_buffer_size")

                    int snd_seq_create_port(snd_seq_t *seq,
                                            snd_seq_port_info_t *info)
{
    struct fake_client *client = (struct fake_client *)seq;

    guard_forbid("snd_seq_create_port");
    snprintf(client->name[client->ports], sizeof(client->name[0]), "%s",
             snd_seq_port_info_get_name(info));
    client->caps[client->ports] = snd_seq_port_info_get_capability(info);
    snd_seq_port_info_set_port(info, client->ports++);
    return 0;
}

int snd_seq_create_simple_port(snd_seq_t *seq, const char *name, unsigned caps,
                               unsigned type)
{
    guard_forbid("snd_seq_create_simple_port");
    return caps & SND_SEQ_PORT_CAP_NO_EXPORT ? 0 : -EINVAL;
}

int snd_seq_connect_from(snd_seq_t *seq, int port, int client, int other)
{
    guard_forbid("snd_seq_connect_from");
    if (client != SND_SEQ_CLIENT_SYSTEM ||
        other != SND_SEQ_PORT_SYSTEM_ANNOUNCE) {
        return -EINVAL;
    }
    ((struct fake_client *)seq)->announces = true;
    return 0;
}

/* ---- the library: the queue ---- */

int snd_seq_alloc_named_queue(snd_seq_t *seq, const char *name)
{
    guard_forbid("snd_seq_alloc_named_queue");
    return fake_alsa.no_queue ? -EBUSY : 7;
}

int snd_seq_get_queue_timer(snd_seq_t *seq, int queue,
                            snd_seq_queue_timer_t *timer)
    SETTING("snd_seq_get_queue_timer")

        int snd_seq_set_queue_timer(snd_seq_t *seq, int queue,
                                    snd_seq_queue_timer_t *timer)
{
    guard_forbid("snd_seq_set_queue_timer");
    fake_alsa.timer = snd_seq_queue_timer_get_resolution(timer);
    return 0;
}

int snd_seq_control_queue(snd_seq_t *seq, int queue, int type, int value,
                          snd_seq_event_t *event)
{
    guard_forbid("snd_seq_control_queue");
    started = fake_time_now();
    return type == SND_SEQ_EVENT_START && !event ? 0 : -EINVAL;
}

int snd_seq_get_queue_status(snd_seq_t *seq, int queue,
                             snd_seq_queue_status_t *status)
{
    uint64_t time =
        (uint64_t)((double)(fake_time_now() - started) * fake_alsa.speed);
    /* The struct is the library's own; what it says is set where it lies. */
    snd_seq_real_time_t *real =
        (snd_seq_real_time_t *)(uintptr_t)snd_seq_queue_status_get_real_time(
            status);

    fake_time_guard();
    real->tv_sec = (unsigned)(time / SECOND);
    real->tv_nsec = (unsigned)(time % SECOND);
    return fake_alsa.fails ? -ENODEV : 0;
}

/* ---- the library: events ---- */

/* Under the guard nothing is locked: the test sends while the pace sleeps. */
int snd_seq_event_input(snd_seq_t *seq, snd_seq_event_t **event)
{
    struct fake_client *client = (struct fake_client *)seq;

    if (fake_alsa.fails) {
        return -ENODEV;
    }
    if (fake_alsa.overrun) {
        fake_alsa.overrun = false;
        client->read = client->arriveds;
        return -ENOSPC;
    }
    if (client->read == client->arriveds ||
        client->arrived[client->read].at > fake_time_now()) {
        if (client->read == client->arriveds) {
            client->read = client->arriveds = 0;
        }
        return -EAGAIN;
    }
    *event = &client->arrived[client->read++].event;
    return 1;
}

int snd_seq_event_output_buffer(snd_seq_t *seq, snd_seq_event_t *event)
{
    struct fake_client *client = (struct fake_client *)seq;

    if (client->buffereds == BUFFERED) {
        return -EAGAIN;
    }
    client->buffered[client->buffereds++] = *event;
    return 28;
}

static void hear(int way, const uint8_t *bytes)
{
    bool *note = &sounds[way][bytes[0] & 15][bytes[1] & 127];
    bool begins = (bytes[0] & 0xf0) == 0x90 && bytes[2];

    if ((bytes[0] & 0xe0) == 0x80 && *note != begins) {
        *note = begins;
        fake_alsa.sounding += begins ? 1 : -1;
    }
}

static void send(const snd_seq_event_t *event)
{
    int way = event->source.port - 1;
    struct fake_sent *sent = &fake_alsa.sent[way][fake_alsa.sents[way]];
    const snd_seq_ev_note_t *note = &event->data.note;
    int64_t due =
        (int64_t)event->time.time.tv_sec * SECOND + event->time.time.tv_nsec;
    bool on = event->type == SND_SEQ_EVENT_NOTEON;

    if (fake_alsa.sents[way] == FAKE_SENT) {
        return;
    }
    sent->due = (int64_t)((double)due / fake_alsa.speed) + (int64_t)started;
    sent->size = 3;
    sent->bytes[0] = (uint8_t)((on ? 0x90 : 0x80) | note->channel);
    sent->bytes[1] = note->note;
    sent->bytes[2] = note->velocity;
    if (event->type == SND_SEQ_EVENT_CONTROLLER) {
        sent->bytes[0] = 0xb0 | event->data.control.channel;
        sent->bytes[1] = (uint8_t)event->data.control.param;
        sent->bytes[2] = (uint8_t)event->data.control.value;
    }
    if (fake_alsa.sents[way] && sent[-1].due > sent->due) {
        fake_alsa.disorder++;
    }
    fake_alsa.sents[way]++;
    if (way < 2) { /* on the third it is the clock */
        hear(way, sent->bytes);
    }
}

int snd_seq_drain_output(snd_seq_t *seq)
{
    struct fake_client *client = (struct fake_client *)seq;
    uint32_t count =
        client->buffereds < fake_alsa.room ? client->buffereds : fake_alsa.room;

    if (fake_alsa.fails) {
        fake_time_free();
        return -ENODEV;
    }
    for (uint32_t i = 0; i < count; i++) {
        send(&client->buffered[i]);
    }
    client->buffereds -= count;
    memmove(client->buffered, client->buffered + count,
            client->buffereds * sizeof(client->buffered[0]));
    fake_time_free();
    return client->buffereds ? -EAGAIN : 0;
}

/* ---- the library: ports and connections ---- */

static const struct fake_peer *next_peer(int client, int port)
{
    const struct fake_peer *next = NULL;

    for (int i = 0; i < FAKE_PEERS; i++) {
        const struct fake_peer *peer = &fake_alsa.peer[i];
        int at = peer->client << 8 | peer->port;

        if (peer->used && at > (client << 8 | (port & 255)) &&
            (!next || at < (next->client << 8 | next->port))) {
            next = peer;
        }
    }
    return next;
}

int snd_seq_query_next_client(snd_seq_t *seq, snd_seq_client_info_t *info)
{
    int client = snd_seq_client_info_get_client(info);
    const struct fake_peer *peer = next_peer(client < 0 ? 0 : client, 255);

    guard_forbid("snd_seq_query_next_client");
    if (!peer) {
        return -ENOENT;
    }
    snd_seq_client_info_set_client(info, peer->client);
    snd_seq_client_info_set_name(info, peer->client_name);
    return 0;
}

static void tell(const struct fake_peer *peer, snd_seq_port_info_t *info)
{
    snd_seq_port_info_set_client(info, peer->client);
    snd_seq_port_info_set_port(info, peer->port);
    snd_seq_port_info_set_capability(info, peer->caps);
    snd_seq_port_info_set_type(info, peer->type);
    snd_seq_port_info_set_name(info, peer->name);
}

int snd_seq_query_next_port(snd_seq_t *seq, snd_seq_port_info_t *info)
{
    int client = snd_seq_port_info_get_client(info);
    int port = snd_seq_port_info_get_port(info); /* 255: none yet */
    const struct fake_peer *peer =
        port == 255 ? next_peer(client - 1, 255) : next_peer(client, port);

    guard_forbid("snd_seq_query_next_port");
    if (!peer || peer->client != client) {
        return -ENOENT;
    }
    tell(peer, info);
    return 0;
}

int snd_seq_get_any_client_info(snd_seq_t *seq, int client,
                                snd_seq_client_info_t *info)
{
    guard_forbid("snd_seq_get_any_client_info");
    snd_seq_client_info_set_client(info, client - 1);
    return snd_seq_query_next_client(seq, info) ||
                   snd_seq_client_info_get_client(info) != client
               ? -ENOENT
               : 0;
}

int snd_seq_get_any_port_info(snd_seq_t *seq, int client, int port,
                              snd_seq_port_info_t *info)
{
    guard_forbid("snd_seq_get_any_port_info");
    for (int i = 0; i < FAKE_PEERS; i++) {
        const struct fake_peer *peer = &fake_alsa.peer[i];

        if (peer->used && peer->client == client && peer->port == port) {
            tell(peer, info);
            return 0;
        }
    }
    return -ENOENT;
}

int snd_seq_subscribe_port(snd_seq_t *seq, snd_seq_port_subscribe_t *wish)
{
    const snd_seq_addr_t *sender = snd_seq_port_subscribe_get_sender(wish);
    const snd_seq_addr_t *dest = snd_seq_port_subscribe_get_dest(wish);

    guard_forbid("snd_seq_subscribe_port");
    pthread_mutex_lock(&lock);
    for (int i = 0; i < FAKE_SUBS && find_sub(sender, dest) < 0; i++) {
        if (!subs[i].used) {
            subs[i].used = true;
            subs[i].sender = *sender;
            subs[i].dest = *dest;
            break;
        }
    }
    announce(SND_SEQ_EVENT_PORT_SUBSCRIBED, dest->client, dest->port);
    pthread_mutex_unlock(&lock);
    return 0;
}

int snd_seq_query_port_subscribers(snd_seq_t *seq,
                                   snd_seq_query_subscribe_t *query)
{
    const snd_seq_addr_t *root = snd_seq_query_subscribe_get_root(query);
    bool writes =
        snd_seq_query_subscribe_get_type(query) == SND_SEQ_QUERY_SUBS_WRITE;
    int index = snd_seq_query_subscribe_get_index(query);

    guard_forbid("snd_seq_query_port_subscribers");
    for (int i = 0; i < FAKE_SUBS; i++) {
        const snd_seq_addr_t *own = writes ? &subs[i].dest : &subs[i].sender;

        if (subs[i].used && !memcmp(own, root, sizeof(*own)) && !index--) {
            *(snd_seq_addr_t *)(uintptr_t)snd_seq_query_subscribe_get_addr(
                query) = writes ? subs[i].sender : subs[i].dest;
            return 0;
        }
    }
    return -ENOENT;
}
