/* The vectors of FIPS 180-4 / NIST's examples. */
#include "model/data/sha256.h"
#include "test.h"

static void check(const char *text, size_t size, size_t step, const char *want)
{
    struct rp_sha256 sha;
    unsigned char digest[32];
    char hex[65];
    rp_sha256_init(&sha);
    for (size_t i = 0; i < size; i += step)
        rp_sha256_add(&sha, text + i, size - i < step ? size - i : step);
    rp_sha256_end(&sha, digest);
    rp_sha256_hex(digest, hex);
    CHECK_TEXT(hex, want);
}

int main(void)
{
    const char *two = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    const char *four = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                       "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    check("", 0, 1,
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("abc", 3, 3,
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check(two, strlen(two), 7,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check(four, strlen(four), 64,
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    char *million = malloc(1000000);
    if (!million)
        return 1;
    memset(million, 'a', 1000000);
    check(million, 1000000, 997,
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);

    struct rp_sha256 a, b;
    unsigned char x[32], y[32];
    rp_sha256_init(&a);
    rp_sha256_init(&b);
    rp_sha256_add_i32(&a, -2);
    rp_sha256_add_i32(&a, 0x01020304);
    rp_sha256_add(&b, "\xff\xff\xff\xfe\x01\x02\x03\x04", 8);
    rp_sha256_end(&a, x);
    rp_sha256_end(&b, y);
    CHECK(!memcmp(x, y, 32));
    return TEST_END();
}
