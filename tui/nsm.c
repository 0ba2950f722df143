#include "tui/nsm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rt/log.h"
#include "tui/wire.h"

enum {
    API_MAJOR = 1,
    API_MINOR = 1,
    ANNOUNCE_MS = 3000, /* for the server to answer */
    OPEN_MS = 10000,    /* and then to say what to open */
    NAP_MS = 5
};

/* Of the protocol. */
enum {
    ERR_GENERAL = -1,
    ERR_NO_SESSION_OPEN = -6,
    ERR_BAD_PROJECT = -9,
    ERR_CREATE_FAILED = -10
};

struct rp_nsm {
    struct rp_wire *wire;
    struct rp_wire_peer server;
    bool announced; /* the server has answered, `server` is its address */
    bool refused;
    int dirty;           /* as told last; -1: not yet of what is open */
    enum rp_nsm_ask ask; /* to be answered */
    char folder[RP_WIRE_TEXT], id[RP_WIRE_TEXT];
    struct rp_wire_message message;
};

static const char announce[] = "/nsm/server/announce";
static const char *const asks[] = {
    [RP_NSM_OPEN] = "/nsm/client/open", [RP_NSM_SAVE] = "/nsm/client/save"};

/* "osc.udp://HOST:PORT/", the host of version 6 in brackets. */
static bool read_url(const char *url, char *host, char *port)
{
    return sscanf(url, "osc.udp://[%255[^]]]:%15[0-9]", host, port) == 2 ||
           sscanf(url, "osc.udp://%255[^:/]:%15[0-9]", host, port) == 2;
}

static rp_status find_server(struct rp_nsm *nsm, const char *url)
{
    char host[256], port[16], own[64];
    rp_status status;

    if (!read_url(url, host, port)) {
        rp_log(RP_ERROR, "nsm",
               "NSM_URL '%.80s': expected "
               "osc.udp://HOST:PORT/",
               url);
        return RP_EARG;
    }
    status = rp_wire_find("nsm", host, port, &nsm->server);
    /* Only what reaches the address that the server sees is heard. */
    if (status == RP_OK) {
        status = rp_wire_facing(&nsm->server, own, sizeof(own));
    }
    return status == RP_OK ? rp_wire_open(&nsm->wire, "nsm", own, NULL)
                           : status;
}

static void send_announce(struct rp_nsm *nsm)
{
    rp_wire_send(
        nsm->wire, &nsm->server, 1, announce, "sssiii", "riposte",
        ":switch:dirty:progress:message:", program_invocation_short_name,
        API_MAJOR, API_MINOR, (int)getpid());
}

/* ---- what the server says ---- */

static bool is_text(const struct rp_wire_message *message, uint32_t i)
{
    return i < message->args && message->arg[i].text;
}

/* The answer to the announcement. It may come from another address of the
 * server's machine than was asked. */
static void hear_answer(struct rp_nsm *nsm,
                        const struct rp_wire_message *message)
{
    bool error = !strcmp(message->path, "/error");
    uint32_t text = error ? 2 : 1;

    if (nsm->announced || !is_text(message, 0) ||
        strcmp(message->arg[0].text, announce) != 0) {
        return;
    }
    nsm->server = message->from;
    nsm->announced = !error;
    nsm->refused = error;
    rp_log(error ? RP_WARN : RP_INFO, "nsm", "%s%s: %s",
           !error && is_text(message, 2) ? message->arg[2].text
                                         : "the session manager",
           error ? " refuses" : "",
           is_text(message, text) ? message->arg[text].text : "");
}

static void answer(struct rp_nsm *nsm, enum rp_nsm_ask ask, int error,
                   const char *text)
{
    if (error) {
        rp_wire_send(nsm->wire, &nsm->server, 1, "/error", "sis", asks[ask],
                     error, text);
    } else {
        rp_wire_send(nsm->wire, &nsm->server, 1, "/reply", "ss", asks[ask],
                     text);
    }
}

static enum rp_nsm_ask hear_open(struct rp_nsm *nsm,
                                 const struct rp_wire_message *message)
{
    if (!is_text(message, 0) || !is_text(message, 2) ||
        !*message->arg[0].text || !*message->arg[2].text) {
        answer(nsm, RP_NSM_OPEN, ERR_GENERAL,
               "expected a path, a display name and a client id");
        return RP_NSM_NOTHING;
    }
    snprintf(nsm->folder, sizeof(nsm->folder), "%s", message->arg[0].text);
    snprintf(nsm->id, sizeof(nsm->id), "%s", message->arg[2].text);
    return RP_NSM_OPEN;
}

static enum rp_nsm_ask hear(struct rp_nsm *nsm,
                            const struct rp_wire_message *message)
{
    if (!strcmp(message->path, "/reply") || !strcmp(message->path, "/error")) {
        hear_answer(nsm, message);
        return RP_NSM_NOTHING;
    }
    if (!nsm->announced || !rp_wire_same(&nsm->server, &message->from)) {
        return RP_NSM_NOTHING; /* somebody else */
    }
    if (!strcmp(message->path, asks[RP_NSM_OPEN])) {
        return hear_open(nsm, message);
    }
    if (!strcmp(message->path, asks[RP_NSM_SAVE])) {
        if (*nsm->folder) {
            return RP_NSM_SAVE;
        }
        answer(nsm, RP_NSM_SAVE, ERR_NO_SESSION_OPEN, "nothing is open");
    }
    /* session_is_loaded, and what was sent to all: nothing to be done. */
    return RP_NSM_NOTHING;
}

enum rp_nsm_ask rp_nsm_next(struct rp_nsm *nsm)
{
    nsm->ask = RP_NSM_NOTHING;
    while (nsm->ask == RP_NSM_NOTHING &&
           rp_wire_next(nsm->wire, &nsm->message)) {
        nsm->ask = hear(nsm, &nsm->message);
    }
    return nsm->ask;
}

void rp_nsm_answer(struct rp_nsm *nsm, rp_status status, const char *text)
{
    int error = status == RP_OK        ? 0
                : status == RP_EFORMAT ? ERR_BAD_PROJECT
                : status == RP_EIO     ? ERR_CREATE_FAILED
                                       : ERR_GENERAL;

    if (nsm->ask == RP_NSM_OPEN) {
        nsm->dirty = -1;
    }
    if (nsm->ask != RP_NSM_NOTHING) {
        answer(nsm, nsm->ask, error, text);
        nsm->ask = RP_NSM_NOTHING;
    }
}

/* ---- open and close ---- */

/* Until the server has said what to open, has refused, or is not there. */
static void wait_for_open(struct rp_nsm *nsm)
{
    struct timespec nap = {.tv_nsec = NAP_MS * 1000000};

    for (int ms = 0; !nsm->refused; ms += NAP_MS) {
        if (rp_nsm_next(nsm) == RP_NSM_OPEN) {
            return;
        }
        if (ms >= (nsm->announced ? OPEN_MS : ANNOUNCE_MS)) {
            rp_log(RP_WARN, "nsm",
                   nsm->announced ? "the session manager says nothing to "
                                    "open; playing on without"
                                  : "no session manager answers at "
                                    "NSM_URL; playing on without");
            return;
        }
        nanosleep(&nap, NULL);
    }
}

void rp_nsm_open(struct rp_nsm **nsm, const char *url)
{
    struct rp_nsm *made;
    char why[80];

    *nsm = NULL;
    if (!rp_wire_probe(why, sizeof(why))) {
        rp_log(RP_WARN, "nsm", "NSM_URL is set, but this riposte was %s", why);
        return;
    }
    made = calloc(1, sizeof(*made));
    if (!made) {
        rp_log(RP_ERROR, "nsm", "out of memory");
        return;
    }
    if (find_server(made, url) == RP_OK) {
        send_announce(made);
        wait_for_open(made);
        if (!made->refused) {
            *nsm = made;
            return;
        }
    }
    rp_nsm_close(made);
}

void rp_nsm_close(struct rp_nsm *nsm)
{
    if (nsm) {
        rp_wire_close(nsm->wire);
        free(nsm);
    }
}

const char *rp_nsm_folder(const struct rp_nsm *nsm)
{
    return nsm->folder;
}

const char *rp_nsm_id(const struct rp_nsm *nsm)
{
    return nsm->id;
}

/* ---- what the server is told ---- */

void rp_nsm_dirty(struct rp_nsm *nsm, bool dirty)
{
    if (dirty != nsm->dirty && nsm->announced) {
        nsm->dirty = dirty;
        rp_wire_send(nsm->wire, &nsm->server, 1,
                     dirty ? "/nsm/client/is_dirty" : "/nsm/client/is_clean",
                     "");
    }
}

void rp_nsm_progress(struct rp_nsm *nsm, double share)
{
    if (nsm->announced) {
        rp_wire_send(nsm->wire, &nsm->server, 1, "/nsm/client/progress", "f",
                     share);
    }
}

void rp_nsm_message(struct rp_nsm *nsm, int priority, const char *text)
{
    if (nsm->announced) {
        rp_wire_send(nsm->wire, &nsm->server, 1, "/nsm/client/message", "is",
                     priority, text);
    }
}

void rp_nsm_label(struct rp_nsm *nsm, const char *text)
{
    if (nsm->announced) {
        rp_wire_send(nsm->wire, &nsm->server, 1, "/nsm/client/label", "s",
                     text);
    }
}
