/* Ports of others: the same after a replug whatever number they get, found by
 * what a player would say, and remembered in a file. */
#include <sys/stat.h>
#include <unistd.h>

#include "rt/port.h"
#include "rt/port_file.h"

#include "tests/backend_log.h"

static struct rp_peers peers;
static char folder[64], path[128];

static const struct rp_peer *see(uint32_t number, const char *name, int ways)
{
    struct rp_peer peer = {
        .number = number, .source = ways & 1, .destination = ways & 2};

    snprintf(peer.name, sizeof(peer.name), "%s", name);
    return rp_peers_see(&peers, &peer, NULL);
}

/* What its id was; NULL when it is no new name. */
static const char *name_anew(uint32_t number, const char *name, int ways)
{
    static char was[RP_PORT_NAME];
    struct rp_peer now = {
        .number = number, .source = ways & 1, .destination = ways & 2};

    snprintf(now.name, sizeof(now.name), "%s", name);
    return rp_peers_rename(&peers, &now, was) ? was : NULL;
}

static void check_identity(const char *name, const char *want)
{
    char id[RP_PORT_NAME];

    rp_port_identity(name, id, sizeof(id));
    CHECK_TEXT(id, want);
}

static void test_identity(void)
{
    char id[8];

    check_identity("a2j:nanoKEY2 [20] (capture): nanoKEY2 MIDI 1",
                   "a2j:nanoKEY2 (capture): nanoKEY2 MIDI 1");
    check_identity("nanoKEY2:nanoKEY2 MIDI 1 20:0", "nanoKEY2:nanoKEY2 MIDI 1");
    check_identity("Midi Through:Midi Through Port-0 14:0",
                   "Midi Through:Midi Through Port-0");
    check_identity("Keys 2:MIDI 1", "Keys 2:MIDI 1"); /* not at the end */
    check_identity("Keys 20:0 b", "Keys 20:0 b");
    check_identity("Keys [x] [] [12", "Keys [x] [] [12");
    check_identity("Keys 20:", "Keys 20:");
    check_identity(" 20:0", "");
    check_identity("", "");
    rp_port_identity("abcdefghij", id, sizeof(id));
    CHECK_TEXT(id, "abcdefg");
}

/* Two of the same name are two; who stays, stays who it is. */
static void test_namesakes(void)
{
    const struct rp_peer *gone;

    peers.count = 0;
    CHECK_TEXT(see(20 << 8, "Keys:MIDI 1", 1)->id, "Keys:MIDI 1");
    CHECK_TEXT(see(24 << 8, "Keys:MIDI 1", 1)->id, "Keys:MIDI 1 [2]");
    CHECK_TEXT(see(28 << 8, "Keys:MIDI 1", 3)->id, "Keys:MIDI 1 [3]");
    CHECK_TEXT(see(30 << 8, "Keys:MIDI 1", 2)->id, "Keys:MIDI 1");
    CHECK(!see(24 << 8, "Keys:MIDI 1", 1)); /* is there */
    gone = rp_peers_drop(&peers, 20 << 8, NULL);
    CHECK(gone && !strcmp(gone->id, "Keys:MIDI 1"));
    CHECK_TEXT(rp_peers_at(&peers, true, 24 << 8, NULL)->id, "Keys:MIDI 1 [2]");
    CHECK_TEXT(see(33 << 8, "Keys:MIDI 1", 1)->id, "Keys:MIDI 1");
    CHECK(!rp_peers_drop(&peers, 20 << 8, NULL));
    CHECK(rp_peers_find(&peers, true, "Keys:MIDI 1 [2]")->number == 24 << 8);
    CHECK(rp_peers_find(&peers, false, "Keys:MIDI 1")->number == 30 << 8);
    CHECK(!rp_peers_find(&peers, false, "Keys:MIDI 1 [2]"));
}

static void test_look(void)
{
    const struct rp_peer *gone;
    int lost = 0;

    peers.count = 0;
    for (int i = 0; i < RP_PEERS + 3; i++) {
        char name[20];

        snprintf(name, sizeof(name), "port %d", i);
        CHECK((see(0, name, 1) != NULL) == (i < RP_PEERS));
    }
    rp_peers_begin(&peers);
    see(0, "port 7", 1);
    see(0, "port 9", 1);
    while ((gone = rp_peers_gone(&peers))) {
        CHECK(strcmp(gone->name, "port 7") && strcmp(gone->name, "port 9"));
        lost++;
    }
    CHECK_INT(lost, RP_PEERS - 2);
    CHECK_INT(peers.count, 2);
    /* a program that names itself later */
    see(128 << 8, "Client-128:in", 1);
    CHECK(!name_anew(128 << 8, "Client-128:in", 1));
    CHECK(!name_anew(128 << 8, "port 7", 2)); /* somebody else */
    CHECK_TEXT(name_anew(128 << 8, "port 7", 1), "Client-128:in");
    CHECK_TEXT(rp_peers_at(&peers, true, 128 << 8, NULL)->id, "port 7 [2]");
    CHECK(!name_anew(0, "port 7", 1)); /* has no number */
}

static int match(bool source, const char *want)
{
    const struct rp_peer *peer = rp_peers_match(&peers, source, want);

    return peer ? (int)peer->number : 0;
}

static void test_match(void)
{
    peers.count = 0;
    see(14 << 8, "Midi Through:Port-0", 3);
    see(20 << 8, "Keys:Keys MIDI 1", 1);
    see(20 << 8 | 1, "Keys:Keys MIDI 2", 1);
    see(130 << 8, "Synth:in", 2);
    see(131 << 8, "a2j:Pads [24] (capture): 1", 1);
    CHECK_INT(match(true, "2"), 20 << 8);
    CHECK_INT(match(false, "2"), 130 << 8);
    CHECK_INT(match(false, "3"), 0);
    CHECK_INT(match(true, "keys midi 2"), 20 << 8 | 1);
    CHECK_INT(match(true, "20:1"), 20 << 8 | 1);
    CHECK_INT(match(false, "20:1"), 0);
    CHECK_INT(match(true, "20:9"), 0);
    CHECK_INT(match(true, "a2j:Pads (capture): 1"), 131 << 8);
    CHECK_INT(match(true, "synth"), 0);
    CHECK(rp_port_is_number("12"));
    CHECK(!rp_port_is_number("20:0"));
    CHECK(!rp_port_is_number(""));
}

/* ---- the file ---- */

static rp_status read_text(const char *text, struct rp_port_file *file)
{
    FILE *out = fopen(path, "w");

    CHECK(out != NULL);
    if (out) {
        fputs(text, out);
        fclose(out);
    }
    quiet();
    return rp_port_file_read(path, file);
}

static void refused(const char *text, const char *why)
{
    struct rp_port_file file;

    CHECK_INT(read_text(text, &file), RP_EFORMAT);
    CHECK_INT(file.count, 0);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, why) != NULL);
}

/* Whatever a port is called, it is read as it was written. */
static void test_file(void)
{
    static const char *const names[] = {
        "Keys:MIDI 1",      "none",  " a ",       "50% #1; b", "tab\there",
        "caf\xc3\xa9 \xff", "a = b", "# comment", "",          "Keys [2]"};
    static struct rp_port_file file, again;

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        CHECK(rp_port_file_add(&file, i % 2 ? "jack" : "alsa", "in", names[i]));
        CHECK(rp_port_file_add(&file, i % 2 ? "jack" : "alsa", "in", names[i]));
    }
    CHECK_INT(file.count, sizeof(names) / sizeof(names[0]));
    snprintf(path, sizeof(path), "%s/new/and/ports", folder);
    CHECK_INT(rp_port_file_read(path, &again), RP_OK); /* none yet */
    CHECK_INT(again.count, 0);
    CHECK_INT(rp_port_file_write(path, &file), RP_OK);
    CHECK_INT(rp_port_file_read(path, &again), RP_OK);
    CHECK_INT(again.count, file.count);
    CHECK(!memcmp(file.line, again.line, sizeof(file.line)));
    CHECK_INT(rp_port_file_drop(&again, "jack", NULL, "NON"), 1);
    CHECK_INT(rp_port_file_drop(&again, "alsa", "out", NULL), 0);
    CHECK_INT(rp_port_file_drop(&again, "alsa", NULL, NULL), 5);
    CHECK_INT(rp_port_file_drop(&again, NULL, NULL, NULL), 4);
    CHECK_INT(again.count, 0);
}

static void test_file_refused(void)
{
    struct rp_port_file file;
    char text[1000];

    CHECK_INT(read_text("jack.in = a\n\nalsa.thru = %23b\n", &file), RP_OK);
    CHECK_TEXT(file.line[1].id, "#b");
    refused("jack.in = a\noss.in = b\n", "ports:2: 'oss.in': expected jack");
    refused("jack.side = a\n", "ports:1: 'jack.side': expected jack");
    refused("jackin = a\n", "ports:1: 'jackin'");
    refused("jack.in = %2\n", "ports:1: expected a name");
    refused("jack.in = %00\n", "ports:1: expected a name");
    refused("jack.in = %ZZ\n", "ports:1: expected a name");
    refused("jack.in a\n", "ports:1: expected key = value");
    snprintf(text, sizeof(text), "jack.in = %0*d\n", RP_PORT_NAME, 1);
    refused(text, "ports:1: expected a name of at most 319 bytes");
}

/* What cannot be written is said, and what was there stays. */
static void test_file_unwritable(void)
{
    static struct rp_port_file file;
    char below[200];

    snprintf(path, sizeof(path), "%s/file", folder);
    CHECK_INT(read_text("jack.in = a\n", &file), RP_OK);
    snprintf(below, sizeof(below), "%s/ports", path);
    quiet();
    CHECK_INT(rp_port_file_write(below, &file), RP_EIO);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, path) != NULL);
}

static void test_path(void)
{
    char got[200], tight[10];

    setenv("XDG_STATE_HOME", "/a/b", 1);
    CHECK_INT(rp_port_file_path(got, sizeof(got)), RP_OK);
    CHECK_TEXT(got, "/a/b/riposte/ports");
    CHECK_INT(rp_port_file_path(tight, sizeof(tight)), RP_ENONE);
    setenv("XDG_STATE_HOME", "relative", 1);
    setenv("HOME", "/h", 1);
    CHECK_INT(rp_port_file_path(got, sizeof(got)), RP_OK);
    CHECK_TEXT(got, "/h/.local/state/riposte/ports");
    unsetenv("XDG_STATE_HOME");
    unsetenv("HOME");
    CHECK_INT(rp_port_file_path(got, sizeof(got)), RP_ENONE);
}

int main(void)
{
    char command[100];

    rp_log_to(listen, NULL);
    snprintf(folder, sizeof(folder), "/tmp/test_port.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/ports", folder);
    test_identity();
    test_namesakes();
    test_look();
    test_match();
    test_file_refused();
    test_file();
    test_file_unwritable();
    test_path();
    snprintf(command, sizeof(command), "rm -r %s", folder);
    CHECK_INT(system(command), 0);
    return TEST_END();
}
