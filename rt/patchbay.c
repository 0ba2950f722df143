#include "rt/patchbay.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rt/log.h"
#include "rt/port_file.h"

enum { IN, OUT, THRU, WISHES = 32, SECOND = 1000000000 };

/* What --in or --out names, until it has been there once. */
struct wish {
    int port;
    bool said; /* that it is waited for */
    const char *want;
};

struct rp_patchbay {
    struct rp_backend *base;
    struct rp_patchbay_system system;
    struct rp_peers peers;
    struct rp_links links; /* by identity */
    int wishes;
    struct wish wish[WISHES];
    bool asked[2]; /* --in, --out were given */
    bool first;    /* nothing is known of our input: any keyboard will do */
    bool settled;  /* once */
    bool away;     /* the system was: that all are there is no news */
    bool killed;   /* the run before did not end: its notes may sound */
    bool full;     /* there are more connections than are kept: said */

    const char *remember;     /* path; NULL: nothing is */
    struct rp_port_file file; /* as it was written or read */
    bool known[RP_LINKS];     /* our ports of which it says something */
    uint64_t settled_at;      /* ns; what is done once a second */
    bool release;             /* found receivers are silenced */
    uint64_t release_at;      /* ns; then */
};

/* ---- from one run to the next ---- */

static void name_process(char *text, size_t size)
{
    snprintf(text, size, "%ld", (long)getpid());
}

/* The run that wrote the line is no more, and did not take it out. */
static bool was_killed(const char *process)
{
    long id = strtol(process, NULL, 10);

    return id > 0 && id != getpid() && kill((pid_t)id, 0) && errno == ESRCH;
}

static void recall_line(struct rp_patchbay *bay,
                        const struct rp_port_line *line)
{
    if (strcmp(line->backend, bay->system.tag)) {
        return;
    }
    if (!strcmp(line->port, "running")) {
        bay->killed = was_killed(line->id);
    }
    for (int p = 0; p < bay->system.count; p++) {
        if (strcmp(line->port, bay->system.ports[p])) {
            continue;
        }
        bay->known[p] = true;
        if (*line->id && !(p <= THRU && bay->asked[p != IN])) {
            rp_links_want(&bay->links, p, line->id, RP_LINK_REMEMBERED);
        }
    }
}

static void recall(struct rp_patchbay *bay, const char *path)
{
    if (!path) {
        return;
    }
    if (rp_port_file_read(path, &bay->file) != RP_OK) {
        rp_log(RP_WARN, bay->system.tag,
               "nothing is remembered of connections, now or later, until the "
               "file is mended or `riposte ports --forget`");
        return;
    }
    bay->remember = path;
    for (int i = 0; i < bay->file.count; i++) {
        recall_line(bay, &bay->file.line[i]);
    }
}

/* What the file should say of us now, beside what it says of others. */
static bool list_lines(struct rp_patchbay *bay, bool running,
                       struct rp_port_file *file)
{
    const struct rp_patchbay_system *system = &bay->system;
    char process[24];
    bool fits = true;

    (void)rp_port_file_drop(file, system->tag, NULL, NULL);
    for (int p = 0; p < system->count; p++) {
        bool any = false;

        for (int i = 0; i < bay->links.count; i++) {
            if (bay->links.link[i].port == p) {
                any = true;
                fits &= rp_port_file_add(file, system->tag, system->ports[p],
                                         bay->links.link[i].other);
            }
        }
        bay->known[p] |= any;
        if (!any && bay->known[p]) {
            fits &= rp_port_file_add(file, system->tag, system->ports[p], "");
        }
    }
    if (running) {
        name_process(process, sizeof(process));
        fits &= rp_port_file_add(file, system->tag, "running", process);
    }
    return fits;
}

static bool same(const struct rp_port_file *a, const struct rp_port_file *b)
{
    return a->count == b->count &&
           !memcmp(a->line, b->line, (size_t)a->count * sizeof(a->line[0]));
}

static void remember(struct rp_patchbay *bay, bool running)
{
    struct rp_port_file *file;

    if (!bay->remember || !(file = calloc(1, sizeof(*file)))) {
        return;
    }
    *file = bay->file;
    if (list_lines(bay, running, file) && !same(file, &bay->file)) {
        /* Another riposte, on another backend, may have written meanwhile. */
        if (rp_port_file_read(bay->remember, file) != RP_OK ||
            !list_lines(bay, running, file) ||
            rp_port_file_write(bay->remember, file) != RP_OK) {
            bay->remember = NULL; /* said; not once a second */
        }
        bay->file = *file;
    }
    free(file);
}

/* ---- what is asked for ---- */

static rp_status wish(struct rp_patchbay *bay, int port, const char *want)
{
    if (bay->wishes == WISHES || !*want) {
        rp_log(RP_ERROR, bay->system.tag,
               *want ? "expected at most %d ports after --in and --out"
                     : "expected a port after --in and --out",
               WISHES / 2);
        return RP_EARG;
    }
    bay->wish[bay->wishes++] = (struct wish){.port = port, .want = want};
    return RP_OK;
}

/* "none": nothing at all. */
static rp_status wish_one(struct rp_patchbay *bay, const char *want, bool in)
{
    rp_status status;

    bay->asked[!in] = true;
    if (!strcmp(want, "none")) {
        return RP_OK;
    }
    status = wish(bay, in ? IN : OUT, want);
    return status || in ? status : wish(bay, THRU, want);
}

static rp_status wish_all(struct rp_patchbay *bay, const char *one,
                          const char *const *list, bool in)
{
    rp_status status = one ? wish_one(bay, one, in) : RP_OK;

    for (; list && *list && status == RP_OK; list++) {
        status = wish_one(bay, *list, in);
    }
    return status;
}

rp_status rp_patchbay_create(struct rp_patchbay **patchbay,
                             struct rp_backend *base,
                             const struct rp_patchbay_system *system,
                             const struct rp_backend_options *options)
{
    struct rp_patchbay *bay = calloc(1, sizeof(*bay));
    rp_status status;

    if (!bay) {
        rp_log(RP_ERROR, system->tag, "out of memory");
        return RP_EMEM;
    }
    bay->base = base;
    bay->system = *system;
    if ((status = wish_all(bay, options->in, options->ins, true)) ||
        (status = wish_all(bay, options->out, options->outs, false))) {
        free(bay);
        return status;
    }
    recall(bay, options->remember);
    bay->first = !bay->asked[0] && !bay->known[IN];
    *patchbay = bay;
    return RP_OK;
}

void rp_patchbay_destroy(struct rp_patchbay *bay)
{
    if (bay && bay->settled) {
        remember(bay, false);
    }
    free(bay);
}

/* The wish is a connection from now on. */
static bool meet(struct rp_patchbay *bay, struct wish *wish)
{
    const struct rp_peer *peer =
        rp_peers_match(&bay->peers, wish->port == IN, wish->want);

    if (!peer) {
        return false;
    }
    rp_links_want(&bay->links, wish->port, peer->id, RP_LINK_ASKED);
    return true;
}

static void say_waits(struct rp_patchbay *bay, struct wish *wish)
{
    if (!wish->said && wish->port != THRU) {
        rp_log(RP_WARN, bay->system.tag,
               "no MIDI %s is called '%s' yet: it is waited for (`riposte "
               "ports` lists those that are there)",
               wish->port == IN ? "source" : "destination", wish->want);
    }
    wish->said = true;
}

static void meet_all(struct rp_patchbay *bay)
{
    int kept = 0;

    for (int i = 0; i < bay->wishes; i++) {
        if (!meet(bay, &bay->wish[i])) {
            say_waits(bay, &bay->wish[i]);
            bay->wish[kept++] = bay->wish[i];
        }
    }
    bay->wishes = kept;
}

rp_status rp_patchbay_check(struct rp_patchbay *bay)
{
    for (int i = 0; i < bay->wishes; i++) {
        const struct wish *wish = &bay->wish[i];
        bool in = wish->port == IN;

        if (rp_port_is_number(wish->want) &&
            !rp_peers_match(&bay->peers, in, wish->want)) {
            rp_log(RP_ERROR, bay->system.tag,
                   "no MIDI %s has the number %s (`riposte ports` lists them)",
                   in ? "source" : "destination", wish->want);
            return RP_ENONE;
        }
    }
    return RP_OK;
}

/* ---- who is there ---- */

static void tell(struct rp_patchbay *bay, const struct rp_peer *peer,
                 bool there)
{
    struct rp_backend *base = bay->base;

    for (int input = 0; input <= 1; input++) {
        struct rp_port port = {
            .backend = bay->system.tag, .name = peer->name, .input = input};

        if (base->on_port && (input ? peer->source : peer->destination)) {
            base->on_port(base->on_port_self, &port, there);
        }
    }
}

void rp_patchbay_begin(struct rp_patchbay *bay)
{
    rp_peers_begin(&bay->peers);
}

/* A program may name itself after its ports are there. */
static void rename_links(struct rp_patchbay *bay, const char *was,
                         const char *id)
{
    for (int i = 0; i < bay->links.count; i++) {
        struct rp_link *link = &bay->links.link[i];

        if (!link->restore && !strcmp(link->other, was)) {
            snprintf(link->other, sizeof(link->other), "%s", id);
        }
    }
}

void rp_patchbay_peer(struct rp_patchbay *bay, const struct rp_peer *peer,
                      const char *alias)
{
    const struct rp_peer *made, *renamed;
    char was[RP_PORT_NAME];

    if ((renamed = rp_peers_rename(&bay->peers, peer, was))) {
        rename_links(bay, was, renamed->id);
    }
    made = rp_peers_see(&bay->peers, peer, alias);
    if (made && bay->settled) {
        rp_log(bay->away ? RP_DEBUG : RP_INFO, bay->system.tag, "%s is there",
               made->name);
        tell(bay, made, true);
    }
}

/* What was connected to it is to be connected again when it is back. */
static void leave(struct rp_patchbay *bay, const struct rp_peer *peer)
{
    bool connected = false;

    for (int i = 0; i < bay->links.count; i++) {
        struct rp_link *link = &bay->links.link[i];

        if (!strcmp(link->other, peer->id) &&
            (link->port == IN ? peer->source : peer->destination)) {
            connected |= !link->restore;
            link->restore = true;
        }
    }
    rp_log(connected ? RP_WARN : RP_INFO, bay->system.tag, "%s is gone%s",
           peer->name,
           connected ? "; it is connected again when it comes back" : "");
    tell(bay, peer, false);
}

void rp_patchbay_end(struct rp_patchbay *bay)
{
    const struct rp_peer *peer;

    while ((peer = rp_peers_gone(&bay->peers))) {
        leave(bay, peer);
    }
    bay->away = false;
}

void rp_patchbay_gone(struct rp_patchbay *bay, uint32_t number,
                      const char *name)
{
    const struct rp_peer *peer;

    while ((peer = rp_peers_drop(&bay->peers, number, name))) {
        leave(bay, peer);
    }
}

void rp_patchbay_lose(struct rp_patchbay *bay)
{
    for (int i = 0; i < bay->peers.count; i++) {
        tell(bay, &bay->peers.peer[i], false);
    }
    bay->peers.count = 0;
    rp_links_lose(&bay->links);
    bay->away = true;
}

/* ---- connections ---- */

void rp_patchbay_look(struct rp_patchbay *bay, uint64_t now)
{
    rp_links_begin(&bay->links, now);
}

void rp_patchbay_link(struct rp_patchbay *bay, int port, uint32_t number,
                      const char *name)
{
    const struct rp_peer *peer =
        rp_peers_at(&bay->peers, port == IN, number, name);

    if (peer) {
        rp_links_add(&bay->links, port, peer->id);
    }
}

bool rp_patchbay_looked(struct rp_patchbay *bay, uint64_t now)
{
    if (bay->links.full && !bay->full) {
        bay->full = true;
        rp_log(RP_WARN, bay->system.tag,
               "more than %d connections: the others are not made again",
               RP_LINKS);
    }
    return rp_links_end(&bay->links, now);
}

static void want_first(struct rp_patchbay *bay)
{
    for (int i = 0; i < bay->links.count; i++) {
        bay->first &= bay->links.link[i].port != IN; /* by hand */
    }
    for (int i = 0; bay->first && i < bay->peers.count; i++) {
        const struct rp_peer *peer = &bay->peers.peer[i];

        if (peer->source && peer->hardware &&
            !strcasestr(peer->name, "midi through")) {
            rp_links_want(&bay->links, IN, peer->id, RP_LINK_FIRST);
            bay->first = false;
        }
    }
}

static void say_made(struct rp_patchbay *bay, const struct rp_link *link)
{
    static const char *const how[] = {
        [RP_LINK_SEEN] = "are connected again",
        [RP_LINK_ASKED] = "are connected",
        [RP_LINK_REMEMBERED] = "are connected, as they were the last time",
        [RP_LINK_FIRST] = ("are connected: the first keyboard there is (--in "
                           "chooses another, --in none none)"),
    };

    if (link->why != RP_LINK_ASKED || bay->settled) {
        rp_log(RP_INFO, bay->system.tag, "%s:%s and %s %s", bay->system.name,
               bay->system.ports[link->port], link->other, how[link->why]);
    }
}

static void make(struct rp_patchbay *bay, struct rp_link *link, uint64_t now,
                 bool late)
{
    const struct rp_peer *peer =
        rp_peers_find(&bay->peers, link->port == IN, link->other);

    if (!peer) {
        return;
    }
    if (!bay->system.connect(bay->system.self, link->port, peer)) {
        if (!link->refused) {
            rp_log(RP_WARN, bay->system.tag, "%s:%s cannot be connected to %s",
                   bay->system.name, bay->system.ports[link->port],
                   link->other);
        }
        link->refused = true;
        return;
    }
    say_made(bay, link);
    if (link->port != IN && (late || bay->killed)) {
        bay->release = true;
        bay->release_at = now + bay->system.slow;
    }
    link->restore = link->refused = false;
    link->missed_at = 0;
    link->why = RP_LINK_SEEN;
}

void rp_patchbay_settle(struct rp_patchbay *bay, uint64_t now, bool late)
{
    bool due = !bay->settled || now - bay->settled_at >= SECOND;

    meet_all(bay);
    want_first(bay);
    for (int i = 0; i < bay->links.count; i++) {
        struct rp_link *link = &bay->links.link[i];

        if (link->restore && (due || !link->refused)) {
            make(bay, link, now, late && bay->settled);
        }
    }
    if (bay->release && now >= bay->release_at) {
        atomic_fetch_add(&bay->base->cycle->release, 1);
        bay->release = false;
    }
    if (due) {
        bay->settled_at = now;
        remember(bay, true);
    }
    bay->settled = true;
}

void rp_patchbay_describe(const struct rp_patchbay *bay, char *text,
                          size_t size)
{
    rp_links_describe(&bay->links, bay->system.name, bay->system.ports, text,
                      size);
}

const struct rp_peers *rp_patchbay_peers(const struct rp_patchbay *bay)
{
    return &bay->peers;
}
