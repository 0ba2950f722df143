/* Files are spelled byte by byte here; what is wrong with each is said beside
 * it. */
#include <unistd.h>

#include "model/data/smf.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "test.h"

#define HEAD(type, tracks) "MThd\0\0\0\x06\0" type "\0" tracks "\x01\xe0"
#define TRACK(size) "MTrk\0\0\0" size
#define END "\0\xff\x2f\0"
/* One note: middle C, one beat (480 ticks). 9 bytes. */
#define NOTE "\0\x90\x3c\x50\x83\x60\x80\x3c\0"
#define PARSE(bytes) parse(bytes, sizeof(bytes) - 1)

static char last[512];
static int lines;
static struct rp_smf smf;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    if (level < RP_INFO)
        return;
    snprintf(last, sizeof last, "%s: %s", tag, text);
    lines++;
}

/* Parses a copy of exactly this size, so that a sanitizer sees every byte read
 * beyond it. Never more than one line is said. */
static rp_status parse(const char *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    *last = 0;
    lines = 0;
    rp_smf_fini(&smf);
    rp_status status = rp_smf_parse("x.mid", copy, size, &smf);
    free(copy);
    CHECK(lines == (status || smf.damage ? 1 : 0));
    return status;
}

/* All notes at 24 ticks a beat, as "onset+duration:pitch ...". */
static const char *notes(int track)
{
    static char text[512];
    struct rp_note *note;
    uint32_t count;
    int at = 0;
    *text = 0;
    if (rp_smf_notes(&smf, track, false, 24, &note, &count))
        return "error";
    for (uint32_t i = 0; i < count && at < 480; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%d+%d:%d",
                       i ? " " : "", note[i].onset, note[i].duration,
                       note[i].pitch);
    free(note);
    return text;
}

static const char *melody(void)
{
    static char text[512];
    struct rp_note *note;
    uint32_t count;
    int at = 0;
    *text = 0;
    if (rp_smf_melody(&smf, 24, &note, &count))
        return "error";
    for (uint32_t i = 0; i < count && at < 480; i++)
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%d+%d:%d",
                       i ? " " : "", note[i].onset, note[i].duration,
                       note[i].pitch);
    free(note);
    return text;
}

static void test_sound(void)
{
    /* Type 1: tempo and metre apart; a name; running status, kept across a
     * meta event; SysEx and an unknown chunk passed over. */
    static const char bytes[] =
        HEAD("\x01", "\x02")
        TRACK("\x1e")
        "\0\xff\x51\x03\x07\xa1\x20" "\0\xff\x58\x04\x06\x03\x18\x08"
        "\x83\x60\xff\x51\x03\x0f\x42\x40" "\x01\xff\x2f\0"
        "\0\0\0" /* three bytes too many in the chunk */
        "XFIH\0\0\0\x02\x01\x02"
        TRACK("\x28")
        "\0\xff\x03\x05" "a\tb\xff " "\0\x90\x3c\x50"
        "\x83\x60\x3c\0" "\0\xff\x01\x01" "G" "\0\x3e\x51"
        "\x81\x70\xf0\x03\x01\x02\xf7" "\x81\x70\x3e\0" END;
    CHECK_INT(PARSE(bytes), RP_OK);
    CHECK_INT(smf.damage, 1);
    CHECK_TEXT(last, "smf: x.mid: byte 49: 3 bytes after the end of the track");
    CHECK_INT(smf.type, 1);
    CHECK_INT(smf.division, 480);
    CHECK_INT(smf.tracks, 2);
    CHECK_TEXT(smf.track[1].name, "a b?");
    CHECK_INT(smf.track[1].texts, 2);
    CHECK_TEXT(smf.track[1].text[1].text, "G");
    CHECK_INT(smf.track[1].text[1].tick, 480);
    CHECK_INT(smf.track[1].end, 960);
    CHECK_INT(smf.track[1].events, 4);
    CHECK_TEXT(notes(-1), "0+24:60 24+24:62");
    CHECK_INT(smf.tempos, 2);
    CHECK_NEAR(rp_smf_seconds(&smf, 480), 0.5, 1e-12);
    CHECK_NEAR(rp_smf_seconds(&smf, 960), 1.5, 1e-12);
    struct rp_metre_change *change;
    uint32_t changes;
    CHECK_INT(rp_smf_metres(&smf, 24, &change, &changes), RP_OK);
    CHECK_INT(changes, 1);
    CHECK(changes && change[0].metre.beats == 6 && change[0].metre.unit == 8);
    free(change);
}

static void test_metres(void)
{
    /* A pick-up of one beat, then 3/4 said twice on bar lines, then in the
     * middle of a bar, then twice at one tick. */
    static const char bytes[] =
        HEAD("\0", "\x01")
        TRACK("\x38")
        "\0\xff\x58\x04\x01\x02\x18\x08" "\x83\x60\xff\x58\x04\x03\x02\x18\x08"
        "\x8b\x20\xff\x58\x04\x03\x02\x18\x08"
        "\x83\x60\xff\x58\x04\x03\x02\x18\x08"
        "\x83\x60\xff\x58\x04\x02\x02\x18\x08"
        "\0\xff\x58\x04\x04\x02\x18\x08" END;
    struct rp_metre_change *change;
    uint32_t changes;
    CHECK_INT(PARSE(bytes), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(rp_smf_metres(&smf, 24, &change, &changes), RP_OK);
    CHECK_INT(changes, 4);
    static const struct rp_metre_change want[] = {
        {0, {1, 4}}, {24, {3, 4}}, {120, {3, 4}}, {144, {4, 4}}};
    for (uint32_t i = 0; i < 4 && i < changes; i++) {
        CHECK_INT(change[i].tick, want[i].tick);
        CHECK_INT(change[i].metre.beats, want[i].metre.beats);
        CHECK_INT(change[i].metre.unit, want[i].metre.unit);
    }
    free(change);
}

static void test_types(void)
{
    /* Type 2: each track its own tempo and metre, starting at 0. */
    static const char two[] =
        HEAD("\x02", "\x02")
        TRACK("\x14") "\0\xff\x51\x03\x0f\x42\x40" NOTE END
        TRACK("\x15") "\0\xff\x58\x04\x03\x02\x18\x08" NOTE END;
    struct rp_metre_change *change;
    uint32_t changes;
    CHECK_INT(PARSE(two), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_NEAR(rp_smf_track_seconds(&smf, 0, 960), 2.0, 1e-12);
    CHECK_NEAR(rp_smf_track_seconds(&smf, 1, 960), 1.0, 1e-12);
    CHECK_TEXT(notes(-1), "0+24:60"); /* the first track's, not both at once */
    CHECK_INT(rp_smf_metres(&smf, 24, &change, &changes), RP_OK);
    CHECK_INT(changes, 0);
    free(change);
    CHECK_INT(rp_smf_track_metres(&smf, 1, 24, &change, &changes), RP_OK);
    CHECK_INT(changes, 1);
    free(change);

    /* SMPTE, 25 frames of 40 ticks: 500 ticks are half a second, a beat at
     * 120. Tempo and metre mean nothing. */
    static const char smpte[] =
        "MThd\0\0\0\x06\0\0\0\x01\xe7\x28"
        TRACK("\x1c") "\0\xff\x51\x03\x0f\x42\x40"
        "\0\xff\x58\x04\x03\x02\x18\x08"
        "\0\x90\x3c\x50\x83\x74\x80\x3c\0" "\0\xff\x2f\0";
    CHECK_INT(PARSE(smpte), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(smf.division, 500);
    CHECK_INT(smf.tempos + smf.metres, 0);
    CHECK_TEXT(notes(0), "0+24:60");
    CHECK_NEAR(rp_smf_seconds(&smf, 500), 0.5, 1e-12);
    /* 29.97 frames of 1 tick; 25 of 1: ticks are scaled, seconds exact. */
    static const char drop[] = "MThd\0\0\0\x06\0\0\0\x01\xe3\x01"
                               TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(drop), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_NEAR(rp_smf_seconds(&smf, smf.track[0].end), 480 / 29.97, 1e-9);
    static const char few[] = "MThd\0\0\0\x06\0\0\0\x01\xe7\x01"
                              TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(few), RP_OK);
    CHECK_NEAR(rp_smf_seconds(&smf, smf.track[0].end), 480 / 25.0, 1e-9);
}

static void test_lengths(void)
{
    /* No end of track; zero length; too long; too short; takes in the next. */
    static const char open[] = HEAD("\0", "\x01") TRACK("\x09") NOTE;
    CHECK_INT(PARSE(open), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 31: track 0 has no end");
    CHECK_TEXT(notes(0), "0+24:60");
    static const char zero[] =
        HEAD("\x01", "\x02") TRACK("\0") TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(zero), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(smf.tracks, 2);
    CHECK_TEXT(notes(-1), "0+24:60");
    static const char lengthy[] =
        HEAD("\x01", "\x02") TRACK("\xf0") NOTE END TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(lengthy), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 18: a chunk of 240 bytes: 34 are left");
    CHECK_INT(smf.tracks, 2);
    CHECK_TEXT(notes(1), "0+24:60");
    static const char brief[] =
        HEAD("\x01", "\x02") TRACK("\x06") NOTE END TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(brief), RP_OK);
    CHECK_INT(smf.damage, 1);
    CHECK_TEXT(last, "smf: x.mid: byte 28: the chunk's length ends it here: "
                     "expected a chunk");
    CHECK_INT(smf.tracks, 2);
    CHECK_TEXT(notes(0), "0+24:60");
    CHECK_TEXT(notes(1), "0+24:60");
    static const char both[] =
        HEAD("\x01", "\x02") TRACK("\x22") NOTE END TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(both), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 18: the chunk's length takes in the "
                     "next track");
    CHECK_INT(smf.tracks, 2);
    static const char junk[] =
        HEAD("\x01", "\x02") TRACK("\x0d") NOTE END "junk!" TRACK("\x0d") NOTE
        END "MTrk";
    CHECK_INT(PARSE(junk), RP_OK);
    CHECK_INT(smf.tracks, 2);
    CHECK_TEXT(last, "smf: x.mid: byte 18: the chunk's length leads to no "
                     "chunk (and 2 more)");
    static const char count[] = HEAD("\x01", "\x03") TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(count), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 35: 1 tracks: the header says 3");
}

static void test_notes(void)
{
    /* Never ended: lasts until the track is over, two beats in. */
    static const char hung[] =
        HEAD("\0", "\x01") TRACK("\x09") "\0\x90\x3c\x50" "\x87\x40\xff\x2f\0";
    CHECK_INT(PARSE(hung), RP_OK);
    CHECK_TEXT(notes(0), "0+48:60");
    /* An off without an on; an on and its off at once: one tick at least. */
    static const char stray[] =
        HEAD("\0", "\x01") TRACK("\x10") "\0\x80\x3c\0" "\0\x90\x3e\x50"
        "\0\x80\x3e\0" END;
    CHECK_INT(PARSE(stray), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_TEXT(notes(0), "0+1:62");
    /* Struck again while it sounds: the first is cut; with two note-offs the
     * second note lasts to the second, with one to that one. */
    static const char overlap[] =
        HEAD("\0", "\x01") TRACK("\x14") "\0\x90\x3c\x50" "\x83\x60\x3c\x50"
        "\x83\x60\x3c\0" "\x83\x60\x3c\0" END;
    CHECK_INT(PARSE(overlap), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_TEXT(notes(0), "0+24:60 24+48:60");
    static const char once[] =
        HEAD("\0", "\x01") TRACK("\x18") "\0\x90\x3c\x50" "\x83\x60\x3c\x50"
        "\x83\x60\x3c\0" "\x83\x60\x3c\x50" "\x83\x60\x3c\0" END;
    CHECK_INT(PARSE(once), RP_OK);
    CHECK_TEXT(notes(0), "0+24:60 24+24:60 72+24:60");
}

static void test_range(void)
{
    /* Channel 10 only where it is asked for. */
    static const char drums[] =
        HEAD("\0", "\x01") TRACK("\x15") "\0\x99\x24\x50" "\0\x90\x3c\x50"
        "\x83\x60\x99\x24\0" "\0\x90\x3c\0" END;
    struct rp_note *note;
    uint32_t count;
    CHECK_INT(PARSE(drums), RP_OK);
    CHECK_TEXT(notes(0), "0+24:60");
    CHECK_INT(rp_smf_notes(&smf, -1, true, 24, &note, &count), RP_OK);
    CHECK_INT(count, 2);
    CHECK(count == 2 && note[1].pitch == 36);
    free(note);
    CHECK_INT(rp_smf_notes(&smf, 1, true, 24, &note, &count), RP_EARG);
    /* Absurd delta times: 64-bit ticks; what is beyond 2^30 is left out. */
    static const char far[] =
        HEAD("\0", "\x01") TRACK("\xa8")
#define JUMP "\xff\xff\xff\x7f\xff\x06\0"
#define JUMPS JUMP JUMP JUMP JUMP JUMP JUMP JUMP JUMP JUMP JUMP
        NOTE JUMPS JUMPS "\xff\xff\xff\x7f\x90\x3c\x50" "\x83\x60\x80\x3c\0"
        "\xff\xff\xff\x7f\xff\x2f\0";
    CHECK_INT(PARSE(far), RP_OK);
    CHECK_INT(smf.track[0].end, 22 * INT64_C(0xfffffff) + 960);
    CHECK_TEXT(notes(0), "0+24:60 281857252+24:60");
    CHECK_INT(rp_smf_notes(&smf, -1, true, 960, &note, &count), RP_OK);
    CHECK_INT(count, 1);
    CHECK_TEXT(last, "smf: 1 notes are later than beat 1118481: left out");
    free(note);
}

static void test_melody(void)
{
    /* The track named "chords" is never chosen, nor one of drums alone; the
     * highest of what starts together, cut where the next starts. Notes of a
     * chord struck a few ticks apart count as one onset. */
    static const char named[] =
        HEAD("\x01", "\x04")
        TRACK("\x17") "\0\xff\x03\x06" "Chords" NOTE END
        TRACK("\x0d") "\0\x99\x3c\x50\x83\x60\x89\x3c\0" END
        TRACK("\x32") "\0\x90\x3c\x50" "\0\x43\x50" "\x83\x60\x3e\x50"
        "\x0a\x41\x50" "\x83\x60\x40\x50" "\x83\x60\x3c\0" "\0\x43\0" "\0\x3e\0"
        "\0\x41\0" "\0\x40\0" "\0\x80\x10\0" "\0\xff\x01\x04" "text" END
        TRACK("\x11") "\0\xff\x04\0" NOTE END;
    CHECK_INT(PARSE(named), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(rp_smf_melody_track(&smf), 2);
    CHECK_TEXT(melody(), "0+24:67 24+25:65 49+24:64");
    /* A name wins over the order. */
    static const char voice[] =
        HEAD("\x01", "\x02")
        TRACK("\x16") "\0\xff\x03\x05" "Flute" NOTE END
        TRACK("\x1f") "\0\xff\x03\x0e" "Gesang\nVoice 1"
        "\0\x90\x3e\x50\x83\x60\x80\x3e\0" END;
    CHECK_INT(PARSE(voice), RP_OK);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(rp_smf_melody_track(&smf), 1);
    CHECK_TEXT(melody(), "0+24:62");
    static const char none[] = HEAD("\x01", "\x01") TRACK("\x04") END;
    CHECK_INT(PARSE(none), RP_OK);
    CHECK_INT(rp_smf_melody_track(&smf), -1);
    CHECK_TEXT(melody(), "");
}

static void test_bad(void)
{
    static const char text[] = "This is no music at all.";
    CHECK_INT(PARSE(text), RP_EFORMAT);
    CHECK_TEXT(last, "smf: x.mid: byte 0: expected MThd: no MIDI file");
    CHECK_INT(parse("", 0), RP_EFORMAT);
    CHECK_INT(parse("MThd\0\0\0\x06\0\x01", 10), RP_EFORMAT);
    CHECK_TEXT(last, "smf: x.mid: byte 10: expected 14 bytes of header");
    static const char head[] = HEAD("\x01", "\x01");
    CHECK_INT(PARSE(head), RP_EFORMAT);
    CHECK_TEXT(last, "smf: x.mid: byte 14: expected a track (MTrk)");
    /* Bytes before the header, a RIFF wrapping, a long header. */
    static const char before[] = "\xef\xbb\xbf" HEAD("\0", "\x01")
        TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(before), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 0: 3 bytes before the header");
    static const char riff[] = "RIFF\x2b\0\0\0RMIDdata\x23\0\0\0"
        HEAD("\0", "\x01") TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(riff), RP_OK);
    CHECK_INT(smf.damage, 0);
    static const char longer[] = "MThd\0\0\0\x08\0\0\0\x01\x01\xe0\0\0"
        TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(longer), RP_OK);
    CHECK_INT(smf.damage, 0);
    static const char shorter[] = "MThd\0\0\0\x02\0\x09\0\x01\0\0"
        TRACK("\x0d") NOTE END;
    CHECK_INT(PARSE(shorter), RP_OK); /* type 9, division 0 */
    CHECK_INT(smf.damage, 3);
    CHECK_INT(smf.type, 1);
    CHECK_INT(smf.division, 480);
}

static void test_bad_events(void)
{
    /* A status byte where data should be, a data byte without status, bytes
     * that belong on a wire: what follows is found again. */
    static const char high[] = HEAD("\0", "\x01") TRACK("\x11")
        "\0\x90\x3c\x90" NOTE END;
    CHECK_INT(PARSE(high), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 25: 90: expected a data byte");
    CHECK_INT(smf.track[0].events, 2);
    static const char data[] = HEAD("\0", "\x01") TRACK("\x0f") "\0\x3c" NOTE
        END;
    CHECK_INT(PARSE(data), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 23: 3c: expected a status byte");
    CHECK_TEXT(notes(0), "0+24:60");
    static const char wire[] = HEAD("\0", "\x01") TRACK("\x0f") "\0\xf8" NOTE
        END;
    CHECK_INT(PARSE(wire), RP_OK);
    CHECK_TEXT(last, "smf: x.mid: byte 23: f8: expected an event of a file");
    CHECK_TEXT(notes(0), "0+24:60");
    static const char delta[] = HEAD("\0", "\x01") TRACK("\x12")
        "\x80\x80\x80\x80\x80" NOTE END;
    CHECK_INT(PARSE(delta), RP_OK);
    CHECK_INT(smf.damage, 1);
    CHECK_TEXT(notes(0), "0+24:60");
    /* No tempo, no metre: said, not believed. */
    static const char meta[] = HEAD("\0", "\x01") TRACK("\x1c")
        "\0\xff\x51\x03\0\0\0" "\0\xff\x58\x04\0\x02\x18\x08" NOTE END;
    CHECK_INT(PARSE(meta), RP_OK);
    CHECK_INT(smf.damage, 2);
    CHECK_INT(smf.tempos + smf.metres, 0);
}

/* Cut at every byte: never a crash, never silence about it, and always the
 * notes that were whole by then. */
static void test_truncated(void)
{
    static const char bytes[] =
        HEAD("\x01", "\x02")
        TRACK("\x13") "\0\xff\x51\x03\x07\xa1\x20"
        "\0\xff\x58\x04\x06\x03\x18\x08"
        END
        TRACK("\x17") "\0\xff\x03\x06" "melody" NOTE END;
    size_t size = sizeof bytes - 1, read = 0;
    CHECK_INT(PARSE(bytes), RP_OK);
    CHECK_INT(smf.damage, 0);
    for (size_t cut = 0; cut < size; cut++) {
        rp_status status = parse(bytes, cut);
        CHECK_INT(status, cut < 22 ? RP_EFORMAT : RP_OK);
        if (!status) {
            CHECK(smf.damage > 0);
            read++;
        }
        if (cut >= size - 9) /* the note-on is there */
            CHECK_INT(smf.tracks, 2);
        if (cut >= size - 4)
            CHECK_TEXT(notes(1), "0+24:60");
    }
    CHECK_INT(read, size - 22);
}

/* What smf_write writes, this reads. */
static void test_round(void)
{
    char path[] = "/tmp/riposte-smf-XXXXXX";
    struct rp_smf_write *out;
    int fd = mkstemp(path);
    CHECK(fd >= 0);
    close(fd);
    CHECK_INT(rp_smf_write_create(&out, 2), RP_OK);
    CHECK_INT(rp_smf_write_tempo(out, 0, 97000), RP_OK);
    CHECK_INT(rp_smf_write_metre(out, 960, (struct rp_metre){7, 8}), RP_OK);
    CHECK_INT(rp_smf_write_name(out, 2, "answer"), RP_OK);
    for (int i = 0; i < 200; i++) {
        struct rp_event on = {3, {RP_NOTE_ON, (uint8_t)(i % 128), 64}};
        struct rp_event off = {3, {RP_NOTE_OFF, (uint8_t)(i % 128), 64}};
        int64_t tick = i * INT64_C(1000000);
        CHECK_INT(rp_smf_write_event(out, 2, tick, on), RP_OK);
        CHECK_INT(rp_smf_write_event(out, 2, tick + 480, off), RP_OK);
    }
    CHECK_INT(rp_smf_write_save(out, path), RP_OK);
    rp_smf_write_destroy(out);
    rp_smf_fini(&smf);
    lines = 0;
    CHECK_INT(rp_smf_read(path, &smf), RP_OK);
    CHECK_INT(lines, 0);
    CHECK_INT(smf.damage, 0);
    CHECK_INT(smf.division, 960);
    CHECK_INT(smf.tracks, 3);
    CHECK_INT(smf.tempo[0].us_per_beat, 618557);
    CHECK_INT(smf.metre[0].tick, 960);
    CHECK_TEXT(smf.track[2].name, "answer");
    CHECK_INT(smf.track[2].events, 400);
    int wrong = 0;
    for (uint32_t i = 0; i < smf.track[2].events; i++) {
        struct rp_smf_event *event = &smf.track[2].event[i];
        wrong += event->tick != i / 2 * INT64_C(1000000) + i % 2 * 480 ||
                 event->event.data[0] != (i % 2 ? 0x80 : 0x90) ||
                 event->event.data[1] != i / 2 % 128;
    }
    CHECK_INT(wrong, 0);
    CHECK_INT(unlink(path), 0);
    CHECK_INT(rp_smf_read(path, &smf), RP_EIO);
    CHECK_INT(rp_smf_read("/tmp", &smf), RP_EIO);
    CHECK_TEXT(last, "smf: /tmp: expected a file");
}

int main(void)
{
    rp_log_to(keep, NULL);
    test_sound();
    test_metres();
    test_types();
    test_lengths();
    test_notes();
    test_range();
    test_melody();
    test_bad();
    test_bad_events();
    test_truncated();
    test_round();
    rp_smf_fini(&smf);
    return TEST_END();
}
