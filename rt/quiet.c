#include "rt/quiet.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "rt/log.h"

/* What a sanitizer has to say is said on stderr all the same. */
extern void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

static void report_to(int fd)
{
    if (__sanitizer_set_report_fd) {
        __sanitizer_set_report_fd((void *)(intptr_t)fd);
    }
}

void rp_quiet_begin(struct rp_quiet *quiet)
{
    fflush(stderr);
    quiet->kept = dup(2);
    quiet->into = memfd_create("riposte stderr", MFD_CLOEXEC);
    if (quiet->kept >= 0 && quiet->into >= 0 && dup2(quiet->into, 2) == 2) {
        report_to(quiet->kept);
        return;
    }
    if (quiet->kept >= 0) {
        close(quiet->kept);
    }
    if (quiet->into >= 0) {
        close(quiet->into);
    }
    quiet->kept = quiet->into = -1;
}

static void pass_on(FILE *in, const char *tag, char *last, size_t size)
{
    static const char ours[] = "riposte: ";
    char line[500];

    while (fgets(line, sizeof(line), in)) {
        if (!strncmp(line, ours, sizeof(ours) - 1)) {
            fputs(line, stderr);
            continue;
        }
        line[strcspn(line, "\n")] = '\0';
        if (line[0]) {
            rp_log(RP_DEBUG, tag, "%s", line);
            snprintf(last, size, "%s", line);
        }
    }
}

void rp_quiet_end(struct rp_quiet *quiet, const char *tag, char *last,
                  size_t size)
{
    char none[1];
    FILE *in;

    if (last) {
        last[0] = '\0';
    }
    if (quiet->kept < 0) {
        return;
    }
    fflush(stderr);
    (void)dup2(quiet->kept, 2);
    report_to(2);
    close(quiet->kept);
    if (lseek(quiet->into, 0, SEEK_SET) || !(in = fdopen(quiet->into, "r"))) {
        close(quiet->into);
        return;
    }
    pass_on(in, tag, last ? last : none, last ? size : sizeof(none));
    fclose(in);
}
