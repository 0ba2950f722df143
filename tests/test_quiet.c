/* What is written to stderr meanwhile goes to the log, but for the log's own
 * lines of other threads. */
#include <unistd.h>

#include "rt/quiet.h"

#include "tests/backend_log.h"

int main(void)
{
    struct rp_quiet quiet_;
    char last[20], text[200] = "";
    FILE *real = tmpfile();
    int kept = dup(2);

    CHECK(real && dup2(fileno(real), 2) == 2);
    rp_log_to(listen, NULL);
    rp_quiet_begin(&quiet_);
    fputs("\nRtMidi: no such thing\n\nand why\n", stderr);
    rp_log_to(NULL, NULL);
    rp_log(RP_WARN, "other", "is said");
    rp_log_to(listen, NULL);
    (void)!write(2, "the last, rather long a line", 28);
    rp_log_level(RP_DEBUG);
    rp_quiet_end(&quiet_, "lib", last, sizeof(last));
    CHECK_TEXT(logged, "0 lib: RtMidi: no such thing\n0 lib: and why\n"
                       "0 lib: the last, rather long a line\n");
    CHECK_TEXT(last, "the last, rather lo");
    fputs("afterwards\n", stderr); /* stderr is itself again */
    rewind(real);
    CHECK(fread(text, 1, sizeof(text) - 1, real) > 0);
    CHECK_TEXT(text, "riposte: other: warning: is said\nafterwards\n");
    quiet();
    rp_quiet_begin(&quiet_); /* nothing said */
    rp_quiet_end(&quiet_, "lib", last, sizeof(last));
    CHECK_TEXT(last, "");
    CHECK_TEXT(logged, "");
    dup2(kept, 2);
    return TEST_END();
}
