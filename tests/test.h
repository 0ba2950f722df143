/* A few lines of test support: every check says file:line and both sides;
 * NaN never passes; the program's exit status counts. */
#ifndef TEST_H
#define TEST_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int test_failures, test_checks;

#define CHECK(condition)                                                       \
    do {                                                                       \
        test_checks++;                                                         \
        if (!(condition)) {                                                    \
            test_failures++;                                                   \
            printf("%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);     \
        }                                                                      \
    } while (0)

#define CHECK_INT(got, want)                                                   \
    do {                                                                       \
        long long got_ = (long long)(got), want_ = (long long)(want);          \
        test_checks++;                                                         \
        if (got_ != want_) {                                                   \
            test_failures++;                                                   \
            printf("%s:%d: %s is %lld, expected %lld\n", __FILE__, __LINE__,   \
                   #got, got_, want_);                                         \
        }                                                                      \
    } while (0)

#define CHECK_NEAR(got, want, tolerance)                                       \
    do {                                                                       \
        double got_ = (got), want_ = (want);                                   \
        test_checks++;                                                         \
        if (!(fabs(got_ - want_) <= (tolerance))) {                            \
            test_failures++;                                                   \
            printf("%s:%d: %s is %.9g, expected %.9g within %g\n", __FILE__,   \
                   __LINE__, #got, got_, want_, (double)(tolerance));          \
        }                                                                      \
    } while (0)

#define CHECK_TEXT(got, want)                                                  \
    do {                                                                       \
        const char *got_ = (got), *want_ = (want);                             \
        test_checks++;                                                         \
        if (!got_ || strcmp(got_, want_)) {                                    \
            test_failures++;                                                   \
            printf("%s:%d: %s is \"%s\", expected \"%s\"\n", __FILE__,         \
                   __LINE__, #got, got_ ? got_ : "(null)", want_);             \
        }                                                                      \
    } while (0)

#define SKIP(reason)                                                           \
    do {                                                                       \
        printf("skipped: %s\n", reason);                                       \
        exit(77);                                                              \
    } while (0)

/* Last line of main: fails when nothing was checked, too. */
#define TEST_END()                                                             \
    (printf("%d checks, %d failed\n", test_checks, test_failures),             \
     test_failures || !test_checks ? 1 : 0)

#endif
