/* Channels as text, and back. */
#include "rt/channels.h"

#include "tests/test.h"

static void reads(const char *text, uint32_t want)
{
    uint32_t got = 12345;

    CHECK(rp_channels_read(text, &got));
    CHECK_INT(got, want);
}

static void refuses(const char *text)
{
    uint32_t got = 12345;

    CHECK(!rp_channels_read(text, &got));
    CHECK_INT(got, 12345);
}

int main(void)
{
    static const char *const refused[] = {
        "",     "0",    "17",    "1-",   "-3", "4-2",    "1,",
        ",1",   "1,,2", "1-2-3", "a",    "1 ", "none,1", "all",
        "1-17", "100",  "018",   "1--2", "+1", "1;2"};
    char text[64];

    reads("none", 0);
    reads("NONE", 0);
    reads("1", 1);
    reads("10", 1 << 9);
    reads("1-4,10", 15 | 1 << 9);
    reads("16,2,2", 1 << 15 | 2);
    reads("1-16", 0xffff);
    reads("3-3", 4);
    for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        refuses(refused[i]);
    }
    for (uint32_t channels = 0; channels < 65536; channels += 7) {
        uint32_t got = 1 << 20;

        rp_channels_print(channels, text, sizeof(text));
        if (!rp_channels_read(text, &got) || got != channels) {
            CHECK_TEXT(text, "what was printed");
        }
    }
    rp_channels_print(0x020f, text, sizeof(text));
    CHECK_TEXT(text, "1-4,10");
    rp_channels_print(0, text, sizeof(text));
    CHECK_TEXT(text, "none");
    rp_channels_print(0xffff, text, 4);
    CHECK_TEXT(text, "1-1");
    return TEST_END();
}
