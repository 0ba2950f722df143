#include "model/play/chord_line.h"
#include "rt/log.h"
#include "test.h"

static char said[256];

static void keep(void *self, enum rp_level level, const char *tag,
                 const char *text)
{
    snprintf(said, sizeof said, "%s", text);
}

/* "0 C, 96 G, ..." */
static const char *spell(const char *text, uint32_t bars)
{
    static char all[500];
    struct rp_chord_change *chord;
    uint32_t count;
    size_t used = 0;

    said[0] = all[0] = 0;
    if (rp_chord_line(text, 48, 96, bars, &chord, &count))
        return "refused";
    for (uint32_t i = 0; i < count; i++) {
        char symbol[RP_CHORD_TEXT];
        rp_chord_print(chord[i].chord, symbol);
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%d %s",
                                 i ? ", " : "", chord[i].tick, symbol);
    }
    free(chord);
    return all;
}

int main(void)
{
    rp_log_to(keep, NULL);
    CHECK_TEXT(spell("C G Am F", 4), "48 C, 144 G, 240 Am, 336 F");
    CHECK_TEXT(spell("C G", 3), "48 C, 144 G, 240 C");
    CHECK_TEXT(spell("C G Am F", 2), "48 C, 144 G");
    CHECK_TEXT(spell("C G | Am F", 2), "48 C, 96 G, 144 Am, 192 F");
    CHECK_TEXT(spell("| C G Am | F |", 2), "48 C, 80 G, 112 Am, 144 F");
    CHECK_TEXT(spell("C|%|G7 %", 3), "48 C, 144 C, 240 G7, 288 G7");
    CHECK_TEXT(spell("C | | F", 4), "48 C, 240 F, 336 C"); /* goes on */
    CHECK_TEXT(spell("C/E N.C.", 2), "48 C, 144 N.C.");
    CHECK_TEXT(spell("C G H", 4), "refused");
    CHECK_TEXT(said, "\"C G H\": character 5: expected a chord such as C, "
                     "F#m7, Bb7/D or N.C., % or |");
    CHECK_TEXT(spell("C Gx7", 4), "refused");
    CHECK(strstr(said, "character 4:"));
    CHECK_TEXT(spell("", 4), "refused");
    CHECK_TEXT(spell("| |", 4), "refused");
    CHECK_TEXT(spell("% C", 4), "refused");
    return TEST_END();
}
