#include "model/net/checkpoint.h"
#include "model/net/checkpoint_format.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rt/log.h"
#include "tests/test.h"

static const struct rp_shape shape = {1, 16, 16, {480, true, true}};
static char folder[] = "/tmp/test_checkpoint.XXXXXX", path[100], part[110];
static char logged[500];
static int lines;

static void keep_line(void *self, enum rp_level level, const char *tag,
                      const char *text)
{
    snprintf(logged, sizeof logged, "%s", text);
    lines++;
}

static float *make_params(size_t *size)
{
    struct rp_layout layout;

    rp_shape_layout(&shape, &layout);
    float *params = calloc(layout.size, sizeof *params);
    rp_shape_init_params(&shape, 9, params);
    *size = layout.size;
    return params;
}

static char *read_all(size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat stat;

    if (!file || fstat(fileno(file), &stat))
        abort();
    char *bytes = malloc((size_t)stat.st_size + 1);
    *size = fread(bytes, 1, (size_t)stat.st_size, file);
    bytes[*size] = 0;
    fclose(file);
    return bytes;
}

static void write_all(const char *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
        abort();
}

/* Loads with outputs that must not be touched on failure. */
static rp_status try_load(void)
{
    struct rp_shape got = {99};
    float *params = NULL, *extra = NULL;
    struct rp_card card = {0};
    size_t extra_size = 77;

    lines = 0;
    rp_status status =
        rp_checkpoint_load(path, &got, &params, &card, &extra, &extra_size);
    if (status)
        CHECK(got.layers == 99 && !params && !extra && !card.count &&
              extra_size == 77);
    free(params);
    free(extra);
    rp_card_fini(&card);
    return status;
}

static void check_round_trip(void)
{
    size_t size, extra_size;
    float *params = make_params(&size), *got = NULL, *extra = NULL;
    const float more[5] = {1, -2, 3e30f, 1e-40f, 0};
    struct rp_card card = {0}, back = {0};
    struct rp_shape read;

    CHECK_INT(rp_card_set(&card, "licence", "CC0 \"quoted\" \xc3\xa9\n"),
              RP_OK);
    CHECK_INT(rp_card_set(&card, "hidden", "not the card's"), RP_OK);
    CHECK_INT(rp_card_set(&card, "data", "old"), RP_OK);
    CHECK_INT(rp_card_set(&card, "data", "new"), RP_OK);
    CHECK_INT(rp_checkpoint_save(path, &shape, params, &card, more, 5), RP_OK);
    CHECK(access(part, F_OK));
    CHECK_INT(rp_checkpoint_load(path, &read, &got, &back, &extra, &extra_size),
              RP_OK);
    CHECK(read.layers == 1 && read.hidden == 16 && read.head == 16);
    CHECK(read.vocabulary.resolution == 480 && read.vocabulary.metre &&
          read.vocabulary.velocity);
    CHECK(!memcmp(params, got, size * sizeof *got));
    CHECK_INT(extra_size, 5);
    CHECK(!memcmp(more, extra, sizeof more));
    CHECK_INT(back.count, 2);
    CHECK_TEXT(rp_card_get(&back, "licence"), "CC0 \"quoted\" \xc3\xa9\n");
    CHECK_TEXT(rp_card_get(&back, "data"), "new");
    CHECK(!rp_card_get(&back, "hidden"));
    free(got);
    free(extra);
    rp_card_fini(&card);
    rp_card_fini(&back);

    CHECK_INT(rp_checkpoint_save(path, &shape, params, NULL, NULL, 0), RP_OK);
    CHECK_INT(rp_checkpoint_load(path, &read, &got, NULL, &extra, &extra_size),
              RP_OK);
    CHECK(!extra && !extra_size);
    free(got);
    free(params);
}

/* A save that fails leaves the old file whole and says why. */
/* Every feature by itself comes back; one that is off is not said, as it was
 * not before there was such a one, and a file without it loads. */
static void check_features(void)
{
    for (int i = 0; i < RP_FEATURES; i++) {
        struct rp_shape one = {1, 16, 16, {24, false, false}}, got;
        struct rp_layout layout;
        float *params, *back = NULL;
        size_t size;
        char said[40];

        rp_vocabulary_set(&one.vocabulary, (enum rp_feature)i, true);
        rp_shape_layout(&one, &layout);
        params = calloc(layout.size, sizeof *params);
        CHECK_INT(rp_checkpoint_save(path, &one, params, NULL, NULL, 0),
                  RP_OK);
        CHECK_INT(rp_checkpoint_load(path, &got, &back, NULL, NULL, NULL),
                  RP_OK);
        char *bytes = read_all(&size);
        for (int k = 0; k < RP_FEATURES; k++) {
            CHECK_INT(rp_vocabulary_has(&got.vocabulary, (enum rp_feature)k),
                      k == i);
            snprintf(said, sizeof said, "\"%s\":\"%d\"",
                     rp_feature_names[k], k == i);
            CHECK_INT(memmem(bytes, size, said, strlen(said)) != NULL,
                      k == i || k <= RP_HAS_VELOCITY);
        }
        free(bytes);
        free(params);
        free(back);
    }
}

static void check_atomic(void)
{
    size_t size, before_size, after_size;
    float *params = make_params(&size);
    char *before, *after;

    CHECK_INT(rp_checkpoint_save(path, &shape, params, NULL, NULL, 0), RP_OK);
    before = read_all(&before_size);
    CHECK_INT(mkdir(part, 0700), 0);
    lines = 0;
    CHECK_INT(rp_checkpoint_save(path, &shape, params + 1, NULL, NULL, 0),
              RP_EIO);
    CHECK_INT(lines, 1);
    CHECK(strstr(logged, path) != NULL);
    CHECK_INT(rmdir(part), 0);
    after = read_all(&after_size);
    CHECK(before_size == after_size && !memcmp(before, after, after_size));
    lines = 0;
    CHECK_INT(
        rp_checkpoint_save("/nonexistent/x", &shape, params, NULL, NULL, 0),
        RP_EIO);
    CHECK_INT(lines, 1);
    free(before);
    free(after);
    free(params);
}

/* A card too long to be read back is not written. */
static void check_long_card(void)
{
    enum { LONG = 2 << 20 };
    char *text = malloc(LONG + 1);
    struct rp_card card = {0};
    size_t size;
    float *params = make_params(&size);

    memset(text, 'x', LONG);
    text[LONG] = 0;
    CHECK_INT(rp_card_set(&card, "attribution", text), RP_OK);
    lines = 0;
    CHECK_INT(rp_checkpoint_save(path, &shape, params, &card, NULL, 0),
              RP_EARG);
    CHECK(lines == 1 && strstr(logged, "model card") && access(part, F_OK));
    CHECK_INT(try_load(), RP_OK); /* the old file is whole */
    rp_card_fini(&card);
    free(text);
    free(params);
}

/* One edit of the good file, of the same length, and what must be said. */
static void check_edit(const char *good, size_t size, const char *from,
                       const char *to, const char *said)
{
    char *copy = malloc(size), *at;

    memcpy(copy, good, size);
    at = memmem(copy, size, from, strlen(from));
    CHECK(at && strlen(from) == strlen(to));
    if (at)
        memcpy(at, to, strlen(to));
    write_all(copy, size);
    CHECK_INT(try_load(), RP_EFORMAT);
    CHECK_INT(lines, 1);
    if (!strstr(logged, said))
        printf("got: %s\n", logged);
    CHECK(strstr(logged, said) && strstr(logged, path) &&
          strstr(logged, ": byte "));
    free(copy);
}

static void check_edits(const char *good, size_t size)
{
    static const struct {
        const char *from, *to, *said;
    } edits[] = {
        {"\"F32\"", "\"F16\"", "expected F32"},
        {"gru.bias_hh_l0", "gru.bias_ih_l0", "twice"},
        {"gru.bias_hh_l0", "gru.bias_xx_l0", "unknown tensor"},
        {"\"head.dt.out.bias\":{\"dtype\":\"F32\",\"shape\":[64]",
         "\"head.dt.out.bias\":{\"dtype\":\"F32\",\"shape\":[63]",
         "expected (64, 1)"},
        {"\"shape\":[48,16]", "\"shape\":[16,48]", "expected (48, 16)"},
        {"\"hidden\":\"16\"", "\"hidden\":\"32\"", "expected (96"},
        {"\"hidden\":\"16\"", "\"hidden\":\"17\"", "multiples of 16"},
        {"\"hidden\":\"16\"", "\"hidden\":\"-1\"", "\"hidden\" is \"-1\""},
        {"\"layers\":\"1\"", "\"layers\":\"0\"", "expected none zero"},
        {"\"layers\":\"1\"", "\"layers\":\"9\"", "expected 0 to 4"},
        {"\"layers\":\"1\"", "\"layerz\":\"1\"", "expected \"layers\""},
        {"\"layers\":\"1\"", "\"layers\": 01", "expected"},
        {"\"layers\":\"1\"", "\"hidden\":\"1\"", "twice"},
        {"\"layers\":\"1\"", "\"layers\":777", "expected a string"},
        {"\"riposte\":\"1\"", "\"riposte\":\"2\"", "another version"},
        {"\"__metadata__\"", "\"__metabase__\"", "__metadata__"},
        {"{\"__meta", "[\"__meta", "expected '{'"},
        {"data_offsets\":[0,", "data_offsets\":[4,", "expected"},
        {"data_offsets\":[0,", "data_offsets\":[1,", "whole floats"},
        {"data_offsets\":[0,", "data_offsets\":\"0,", "expected"},
        {"data_offsets", "data_offzets", "data_offsets"},
    };

    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_edit(good, size, edits[i].from, edits[i].to, edits[i].said);
}

/* Two tensors of one size at one place: the text of the first's offsets in
 * place of the second's. Here both layers' biases of 48 floats. */
static void check_overlap(const char *good, size_t size)
{
    struct rp_layout layout;
    char from[60], to[60];

    rp_shape_layout(&shape, &layout);
    size_t a = layout.view[layout.bias_ih[0]].offset * 4;
    size_t b = layout.view[layout.bias_hh[0]].offset * 4;
    snprintf(from, sizeof from, "[%zu,%zu]", b, b + 192);
    snprintf(to, sizeof to, "[%zu,%zu]", a, a + 192);
    check_edit(good, size, from, to, "overlaps");
}

static void check_nan(const char *good, size_t size)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    char *copy = malloc(size), want[40];
    size_t at = size - 4 * 7;

    for (int i = 0; i < 3; i++) {
        memcpy(copy, good, size);
        memcpy(copy + at, &bad[i], 4);
        write_all(copy, size);
        CHECK_INT(try_load(), RP_EFORMAT);
        CHECK_INT(lines, 1);
        snprintf(want, sizeof want, ": byte %zu: head.velocity.out.bias[9]",
                 at);
        CHECK(strstr(logged, want) != NULL);
    }
    free(copy);
}

/* Cut anywhere, or with any one byte of the header changed: one line or a
 * file that is still valid (text of the card), never a crash. */
static void check_any_byte(const char *good, size_t size)
{
    uint64_t header = 0;
    char *copy = malloc(size + 8);
    int refused = 0;

    for (int i = 0; i < 8; i++)
        header |= (uint64_t)(unsigned char)good[i] << (8 * i);
    for (size_t cut = 0; cut < size; cut += cut < header + 100 ? 13 : 9973) {
        write_all(good, cut);
        CHECK_INT(try_load(), RP_EFORMAT);
        CHECK_INT(lines, 1);
    }
    for (size_t at = 0; at < 8 + header; at += 5) {
        memcpy(copy, good, size);
        copy[at] = (char)(copy[at] ^ (1 << (at / 5 % 8)));
        write_all(copy, size);
        rp_status status = try_load();
        refused += status != RP_OK;
        CHECK_INT(lines, status != RP_OK);
    }
    CHECK(refused > 200);
    memcpy(copy, good, size);
    memset(copy + size, 0, 8);
    write_all(copy, size + 8);
    CHECK_INT(try_load(), RP_EFORMAT);
    CHECK(strstr(logged, "expected") && lines == 1);
    free(copy);
}

/* The good file with `count` keys more, in a header padded to `least`. */
static void write_more(const char *good, size_t size, uint32_t count,
                       size_t least)
{
    static const char after[] = "\"format\":\"pt\"";
    uint64_t old = 0, now;
    char *text = NULL, *at;
    FILE *out = open_memstream(&text, &(size_t){0});

    for (int i = 0; i < 8; i++)
        old |= (uint64_t)(unsigned char)good[i] << (8 * i);
    at = memmem(good, size, after, strlen(after));
    CHECK(out && at);
    at += strlen(after);
    fwrite(good, 1, (size_t)(at - good), out);
    for (uint32_t i = 0; i < count; i++)
        fprintf(out, ",\"k%u\":\"\"", i);
    fwrite(at, 1, 8 + (size_t)old - (size_t)(at - good), out);
    while (ftell(out) % 8 || (size_t)ftell(out) < least)
        putc(' ', out);
    now = (uint64_t)ftell(out) - 8;
    fwrite(good + 8 + old, 1, size - 8 - (size_t)old, out);
    size = (size_t)ftell(out);
    fclose(out);
    for (int i = 0; i < 8; i++)
        text[i] = (char)(now >> (8 * i));
    write_all(text, size);
    free(text);
}

/* Neither read nor written. */
static void check_many_keys(const char *good, size_t size)
{
    struct rp_card card = {0};
    size_t params_size;
    float *params = make_params(&params_size);
    enum { MOST = RP_CHECKPOINT_KEYS_MAX - RP_CHECKPOINT_OWN_KEYS };
    char key[20];

    write_more(good, size, 256 - 8, 0);
    CHECK_INT(try_load(), RP_OK);
    write_more(good, size, 256 - 8 + 1, 0);
    CHECK_INT(try_load(), RP_EFORMAT);
    CHECK(lines == 1 && strstr(logged, path) &&
          strstr(logged, "257 keys in __metadata__, expected at most 256"));
    write_more(good, size, 80000, 0);
    CHECK_INT(try_load(), RP_EFORMAT);
    CHECK(lines == 1 && strstr(logged, "80008 keys"));
    for (int i = 0; i < MOST + 1; i++) {
        snprintf(key, sizeof key, "k%d", i);
        CHECK_INT(rp_card_set(&card, key, ""), RP_OK);
    }
    lines = 0;
    CHECK_INT(rp_checkpoint_save(path, &shape, params, &card, NULL, 0),
              RP_EARG);
    char wanted[80];
    snprintf(wanted, sizeof wanted, "%d keys, expected at most %d", MOST + 1,
             MOST);
    CHECK(lines == 1 && strstr(logged, wanted));
    free(card.entry[--card.count].key);
    free(card.entry[card.count].value);
    CHECK_INT(rp_checkpoint_save(path, &shape, params, &card, NULL, 0), RP_OK);
    CHECK_INT(try_load(), RP_OK);
    rp_card_fini(&card);
    free(params);
}

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) &&                    \
    !defined(__SANITIZE_THREAD__)
#define CAN_RUN_OUT 1
#else
#define CAN_RUN_OUT 0 /* a sanitizer's own memory does not know the limit */
#endif

/* No page more for a while: the header does not fit. */
static void check_no_memory(const char *good, size_t size)
{
#if CAN_RUN_OUT
    struct rlimit before, none;

    write_more(good, size, 0, 1 << 20);
    CHECK_INT(try_load(), RP_OK);
    CHECK_INT(getrlimit(RLIMIT_AS, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    CHECK_INT(setrlimit(RLIMIT_AS, &none), 0);
    rp_status status = try_load();
    CHECK_INT(setrlimit(RLIMIT_AS, &before), 0);
    CHECK_INT(status, RP_EMEM);
    CHECK(lines == 1 && strstr(logged, path) &&
          strstr(logged, "out of memory"));
#else
    (void)good, (void)size;
#endif
}

int main(void)
{
    size_t size, params_size;

#if CAN_RUN_OUT
    /* What is large always asks the system, and goes back to it. */
    CHECK(mallopt(M_MMAP_THRESHOLD, 128 << 10));
#endif
    if (!mkdtemp(folder))
        return 1;
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    snprintf(part, sizeof part, "%s.part", path);
    rp_log_to(keep_line, NULL);
    check_round_trip();
    check_features();
    check_atomic();
    check_long_card();
    float *params = make_params(&params_size);
    CHECK_INT(rp_checkpoint_save(path, &shape, params, NULL, NULL, 0), RP_OK);
    char *good = read_all(&size);
    check_edits(good, size);
    check_overlap(good, size);
    check_nan(good, size);
    check_any_byte(good, size);
    check_many_keys(good, size);
    check_no_memory(good, size);
    unlink(path);
    CHECK_INT(try_load(), RP_EIO);
    CHECK_INT(lines, 1);
    CHECK_INT(rmdir(folder), 0);
    rp_log_to(NULL, NULL);
    free(good);
    free(params);
    return TEST_END();
}
