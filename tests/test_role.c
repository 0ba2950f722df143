/* One song with every kind of part, and what each role takes of it. */
#include "model/data/role.h"
#include "rt/log.h"
#include "rt/smf_write.h"
#include "tests/test.h"

enum { VIOLIN = 40, BASS = 33, BEATS = 8 };

static char said[256];
static unsigned lines;

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof said, "%s: %s", tag, text);
    lines++;
}

static void add(struct rp_smf_write *smf, uint32_t track, uint8_t channel,
                int64_t beat, int64_t beats, uint8_t pitch)
{
    CHECK_INT(rp_smf_write_event(smf, track, beat * RP_SMF_PPQ,
                                 rp_event_make(RP_NOTE_ON, channel, pitch, 90)),
              RP_OK);
    CHECK_INT(rp_smf_write_event(smf, track, (beat + beats) * RP_SMF_PPQ,
                                 rp_event_make(RP_NOTE_OFF, channel, pitch, 0)),
              RP_OK);
}

/* Track 1 sets all programs up; 2 bass, which turns violin after 4 beats; 3
 * the melody in thirds (violin); 4 drums. */
static void write_song(const char *path)
{
    struct rp_smf_write *smf;
    CHECK_INT(rp_smf_write_create(&smf, 4), RP_OK);
    CHECK_INT(rp_smf_write_metre(smf, 0, (struct rp_metre){3, 4}), RP_OK);
    CHECK_INT(rp_smf_write_name(smf, 3, "Vocal line"), RP_OK);
    for (uint8_t c = 0; c < 2; c++)
        CHECK_INT(rp_smf_write_event(smf, 1, 0,
                                     (struct rp_event){2, {RP_PROGRAM | c,
                                                           c ? VIOLIN : BASS}}),
                  RP_OK);
    CHECK_INT(rp_smf_write_event(smf, 2, 4 * RP_SMF_PPQ,
                                 (struct rp_event){2, {RP_PROGRAM, VIOLIN}}),
              RP_OK);
    for (int64_t i = 0; i < BEATS; i++) {
        add(smf, 2, 0, i, 1, 40);
        add(smf, 3, 1, i, 1, (uint8_t)(70 + i));
        add(smf, 3, 1, i, 1, (uint8_t)(66 + i));
        add(smf, 4, 9, i, 1, i % 2 ? 38 : 36);
    }
    CHECK_INT(rp_smf_write_save(smf, path), RP_OK);
    rp_smf_write_destroy(smf);
}

static const struct {
    const char *text, *name;
    uint32_t notes;
    int low, high, duration;
} roles[] = {
    {"melody", "melody", BEATS, 70, 77, 24},
    {"lead", "lead", BEATS, 70, 77, 24},
    {"drums", "drums", BEATS, 36, 38, 1},
    {"polyphony", "polyphony", 3 * BEATS, 40, 77, 24},
    {"all", "polyphony", 3 * BEATS, 40, 77, 24},
    {"performance", "performance", 3 * BEATS, 40, 77, 24},
    {"violin", "Violin", 2 * BEATS + 4, 40, 77, 24},
    {"40", "Violin", 2 * BEATS + 4, 40, 77, 24},
    {"fingered", "Fingered Bass", 4, 40, 40, 24},
    {"harpsichord", "Harpsichord", 0, 0, 0, 0},
};

static void test_takes(const struct rp_smf *smf)
{
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        struct rp_role role;
        struct rp_note *note;
        uint32_t count;
        CHECK_INT(rp_role_find(roles[i].text, &role), RP_OK);
        CHECK_TEXT(rp_role_name(role), roles[i].name);
        CHECK_INT(rp_role_notes(role, smf, 24, &note, &count), RP_OK);
        CHECK_INT(count, roles[i].notes);
        for (uint32_t k = 0; k < count; k++) {
            CHECK(note[k].pitch >= roles[i].low &&
                  note[k].pitch <= roles[i].high);
            CHECK_INT(note[k].duration, roles[i].duration);
        }
        free(note);
        /* A name reads back as the same role. */
        struct rp_role back;
        CHECK(rp_role_parse(rp_role_name(role), &back));
        CHECK_INT(back.kind, role.kind);
        CHECK_INT(back.program, role.program);
    }
}

static void test_refused(void)
{
    struct rp_role role = {RP_ROLE_DRUMS, -1};
    lines = 0;
    CHECK_INT(rp_role_find("kazoo", &role), RP_EARG);
    CHECK_INT(lines, 1);
    CHECK_TEXT(said, "role: role 'kazoo': expected melody, lead, drums, "
                     "polyphony (or all), performance, or an instrument of "
                     "General MIDI");
    CHECK_INT(role.kind, RP_ROLE_DRUMS); /* not written */
    CHECK(!rp_role_parse("", &role));
    CHECK(!rp_role_parse("128", &role));
}

int main(void)
{
    char path[] = "/tmp/riposte-role-XXXXXX";
    struct rp_smf smf;
    int file = mkstemp(path);
    CHECK(file >= 0);
    rp_log_to(keep, NULL);
    write_song(path);
    CHECK_INT(rp_smf_read(path, &smf), RP_OK);
    test_takes(&smf);
    rp_smf_fini(&smf);
    test_refused();
    remove(path);
    return TEST_END();
}
