#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rt/backend.h"
#include "rt/log.h"
#include "rt/port_file.h"
#include "rt/session.h"
#include "tui/cli.h"
#include "tui/cmd.h"
#include "tui/quote.h"

struct listing {
    bool json, forget;
    const char *backend;
    uint32_t count;
    const char *group; /* backend and direction of the port before */
    bool input;
    uint32_t number; /* what --in and --out take: from 1 in each group */
};

static const struct rp_option options[] = {
    {"backend", "NAME", "auto, jack, alsa, rtmidi or null", RP_OPTION_WORD,
     offsetof(struct listing, backend), 0, 0, RP_BACKEND_NAMES},
    {"json", NULL, "print a JSON array", RP_OPTION_FLAG,
     offsetof(struct listing, json)},
    {"forget", NULL, "forget what was connected: all, or what has PART in it",
     RP_OPTION_FLAG, offsetof(struct listing, forget)},
    RP_OPTION_END,
};
static const struct rp_cli cli = {
    .name = "ports",
    .about = "Lists MIDI ports: `in` can be read from (play --in), `out` can "
             "be sent to (play\n--out). A part of the name is enough there, or "
             "its number. Behind an arrow\nstands what of riposte it is "
             "connected to. Then come the ports that `riposte\nplay` connects "
             "again by itself.",
    .args = "[PART...]",
    .most_args = 64,
    .options = options,
};

/* Names come from outside: they stay on their line, and paint nothing. */
static void print_name(const char *name)
{
    for (const unsigned char *c = (const unsigned char *)name; *c; c++) {
        putchar(*c < 0x20 || *c == 0x7f ? '?' : *c);
    }
}

/* "riposte:out, riposte:thru" as a JSON array. */
static void print_connected(const char *text)
{
    printf("[");
    while (text && *text) {
        char name[RP_PORT_NAME];
        size_t length = strcspn(text, ",");

        snprintf(name, sizeof(name), "%.*s", (int)length, text);
        rp_quote_print(stdout, name);
        text += length + strspn(text + length, ", ");
        printf("%s", *text ? ", " : "");
    }
    printf("]");
}

static void each(void *self, const struct rp_port *port)
{
    struct listing *listing = self;

    if (!listing->group || strcmp(listing->group, port->backend) ||
        listing->input != port->input) {
        listing->group = port->backend;
        listing->input = port->input;
        listing->number = 0;
    }
    listing->number++;
    if (listing->json) {
        printf("%s\n  {\"backend\": \"%s\", \"direction\": \"%s\", "
               "\"number\": %u, \"name\": ",
               listing->count ? "," : "", port->backend,
               port->input ? "in" : "out", listing->number);
        rp_quote_print(stdout, port->name);
        printf(", \"connected\": ");
        print_connected(port->connected);
        printf("}");
    } else {
        bool connected = port->connected && *port->connected;

        printf("%-7s %-4s %2u  ", port->backend, port->input ? "in" : "out",
               listing->number);
        print_name(port->name);
        printf("%s", !connected ? "" : port->input ? " -> " : " <- ");
        print_name(connected ? port->connected : "");
        printf("\n");
    }
    listing->count++;
}

/* What is connected again at the next start. */
static rp_status list_remembered(struct listing *listing, const char *path)
{
    static struct rp_port_file file; /* large */
    rp_status status = rp_port_file_read(path, &file);
    bool any = strcmp(listing->backend, "auto");
    uint32_t count = 0;

    for (int i = 0; i < file.count; i++) {
        const struct rp_port_line *line = &file.line[i];

        if (!*line->id || !strcmp(line->port, "running") ||
            (any && strcmp(listing->backend, line->backend))) {
            continue;
        }
        if (listing->json) {
            printf("%s\n  {\"backend\": \"%s\", \"remembered\": \"%s\", "
                   "\"name\": ",
                   listing->count + count ? "," : "", line->backend,
                   line->port);
            rp_quote_print(stdout, line->id);
            printf("}");
        } else {
            printf("%s%-7s %-8s", count ? "" : "remembered:\n", line->backend,
                   line->port);
            print_name(line->id);
            printf("\n");
        }
        count++;
    }
    listing->count += count;
    return status;
}

/* Why there are none, of every MIDI system that this build knows, or of the one
 * that was asked for. */
static void say_none(const char *backend)
{
    char text[800] = "", why[200];
    size_t used = 0;

    if (strcmp(backend, "auto")) {
        rp_log(RP_INFO, "ports", "no MIDI ports: %s: nothing is there",
               backend);
        return;
    }
    for (int i = 0; rp_backends[i] && used < sizeof(text); i++) {
        if (rp_backends[i] != &rp_backend_null &&
            !(rp_backends[i]->covers && used)) {
            bool runs = rp_backends[i]->probe(why, sizeof(why));

            used += snprintf(text + used, sizeof(text) - used, "%s%s: %s",
                             used ? "; " : "", rp_backends[i]->name,
                             runs ? "nothing is there" : why);
        }
    }
    rp_log(RP_INFO, "ports", "no MIDI ports: %s",
           used ? text : "this build has neither JACK, ALSA nor RtMidi");
}

static rp_status list(struct listing *listing, const char *path)
{
    rp_status status, remembered = RP_OK;

    printf("%s", listing->json ? "[" : "");
    status = rp_session_ports(listing->backend, each, listing);
    if (!listing->json && !listing->count && status == RP_OK) {
        say_none(listing->backend);
    }
    if (path) {
        remembered = list_remembered(listing, path);
    }
    if (listing->json) {
        printf("%s]\n", listing->count ? "\n" : "");
    }
    return status ? status : remembered;
}

/* Without a PART also a file that cannot be read. */
static rp_status forget(const char *path, const struct rp_texts *parts)
{
    static struct rp_port_file file; /* large */
    rp_status status;

    if (!parts->count) {
        if (unlink(path) && errno != ENOENT) {
            rp_log(RP_ERROR, "ports", "%s: %s", path, strerror(errno));
            return RP_EIO;
        }
        return RP_OK;
    }
    if ((status = rp_port_file_read(path, &file)) != RP_OK) {
        return status;
    }
    for (uint32_t i = 0; i < parts->count; i++) {
        if (!rp_port_file_drop(&file, NULL, NULL, parts->text[i])) {
            rp_log(RP_ERROR, "ports",
                   "nothing that is remembered has '%s' in "
                   "its name",
                   parts->text[i]);
            return RP_ENONE;
        }
    }
    return rp_port_file_write(path, &file);
}

int rp_cmd_ports(int argc, char **argv)
{
    struct listing listing = {.backend = "auto"};
    struct rp_texts parts = {0};
    char path[PATH_MAX];
    int exit_code = rp_cli_parse(&cli, argc, argv, &listing, &parts);
    bool found = rp_port_file_path(path, sizeof(path)) == RP_OK;

    if (exit_code >= 0) {
        return exit_code;
    }
    if (parts.count && !listing.forget) {
        rp_log(RP_ERROR, "ports", "'%s': expected --forget before it",
               parts.text[0]);
        exit_code = RP_EXIT_USAGE;
    } else if (listing.forget) {
        exit_code = found ? rp_exit_code(forget(path, &parts)) : RP_EXIT_OK;
    } else {
        exit_code = rp_exit_code(list(&listing, found ? path : NULL));
    }
    rp_texts_fini(&parts);
    return exit_code;
}
