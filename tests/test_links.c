/* What is remembered of connections: added once, forgotten a second after they
 * are gone, kept when the whole system is gone. */
#include "rt/links.h"

#include "tests/test.h"

enum { SECOND = 1000000000 };

/* A look that finds the first `there` of the ports "a", "b", "c". */
static bool look(struct rp_links *links, int there, uint64_t now)
{
    static const char *const names[] = {"a", "b", "c"};

    rp_links_begin(links, now);
    for (int i = 0; i < there; i++) {
        rp_links_add(links, 1, names[i]);
    }
    return rp_links_end(links, now);
}

static void test_forget(void)
{
    static struct rp_links links;

    CHECK(!look(&links, 3, 5));
    CHECK_INT(links.count, 3);
    CHECK(!look(&links, 3, 6)); /* again: none twice */
    CHECK_INT(links.count, 3);
    rp_links_add(&links, 2, "a"); /* another port of ours */
    CHECK_INT(links.count, 4);
    CHECK(look(&links, 2, 10)); /* c is missing, and so is 2's a */
    CHECK_INT(links.count, 4);
    CHECK(look(&links, 2, 9 + SECOND));
    CHECK_INT(links.count, 4);
    CHECK(!look(&links, 2, 10 + (uint64_t)SECOND));
    CHECK_INT(links.count, 2);
    CHECK_TEXT(links.link[1].other, "b");
    CHECK(look(&links, 1, 20 + (uint64_t)SECOND)); /* b goes and comes */
    CHECK(!look(&links, 2, 30 + (uint64_t)SECOND));
    CHECK(!look(&links, 2, 30 + 5 * (uint64_t)SECOND));
    CHECK_INT(links.count, 2);
}

/* A server that shuts down may take others' ports first: what was there within
 * the last second is connected again. */
static void test_lose(void)
{
    static struct rp_links links;

    CHECK(!look(&links, 3, 1));
    CHECK(look(&links, 1, 10));
    rp_links_lose(&links);
    CHECK(!look(&links, 0, 100 * (uint64_t)SECOND));
    CHECK_INT(links.count, 3);
    CHECK(links.link[2].restore);
    CHECK(!look(&links, 3, 101 * (uint64_t)SECOND));
    CHECK(!links.link[2].restore);
}

static void test_full(void)
{
    static struct rp_links links;
    char name[RP_LINK_NAME + 100];

    for (int i = 0; i < RP_LINKS + 5; i++) {
        CHECK_INT(links.full, i > RP_LINKS);
        snprintf(name, sizeof(name), "port %d", i);
        rp_links_add(&links, 0, name);
    }
    CHECK_INT(links.count, RP_LINKS);
    links.count = 0;
    memset(name, 'n', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    rp_links_add(&links, 0, name);
    CHECK_INT(strlen(links.link[0].other), RP_LINK_NAME - 1);
}

/* What is lost or missing is not told; what does not fit is cut. */
static void test_describe(void)
{
    static const char *const ports[] = {"in", "out", "thru"};
    static struct rp_links links;
    char text[80] = "null", tight[12] = "null";

    rp_links_add(&links, 0, "keys");
    rp_links_add(&links, 1, "gone");
    rp_links_add(&links, 2, "synth");
    links.link[1].restore = true;
    rp_links_describe(&links, "me", ports, text, sizeof(text));
    CHECK_TEXT(text, "null, me:in <- keys, me:thru -> synth");
    rp_links_describe(&links, "me", ports, tight, sizeof(tight));
    CHECK_TEXT(tight, "null, me:in");
    links.link[0].missed_at = 1;
    text[4] = '\0';
    rp_links_describe(&links, "me", ports, text, sizeof(text));
    CHECK_TEXT(text, "null, me:thru -> synth");
}

int main(void)
{
    test_describe();
    test_forget();
    test_lose();
    test_full();
    return TEST_END();
}
