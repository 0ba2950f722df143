#include "model/data/sha256.h"

#include <string.h>

/* Fractional parts of the cube roots of the first 64 primes. */
static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int by)
{
    return x >> by | x << (32 - by);
}

void rp_sha256_init(struct rp_sha256 *sha)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                      0xa54ff53a, 0x510e527f, 0x9b05688c,
                                      0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, start, sizeof start);
    sha->size = 0;
}

static void mix(struct rp_sha256 *sha)
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++) {
        const unsigned char *at = sha->block + 4 * i;
        w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 |
               (uint32_t)at[2] << 8 | at[3];
    }
    for (int i = 16; i < 64; i++) {
        uint32_t a = w[i - 15], b = w[i - 2];
        w[i] = w[i - 16] + w[i - 7] + (turn(a, 7) ^ turn(a, 18) ^ a >> 3) +
               (turn(b, 17) ^ turn(b, 19) ^ b >> 10);
    }
    memcpy(s, sha->state, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t e = s[4], a = s[0];
        uint32_t t = s[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) +
                     ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
        uint32_t u = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) +
                     ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t;
        s[0] = t + u;
    }
    for (int i = 0; i < 8; i++)
        sha->state[i] += s[i];
}

void rp_sha256_add(struct rp_sha256 *sha, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size) {
        size_t used = sha->size % 64, part = 64 - used;
        if (part > size)
            part = size;
        memcpy(sha->block + used, at, part);
        sha->size += part;
        at += part;
        size -= part;
        if (sha->size % 64 == 0)
            mix(sha);
    }
}

void rp_sha256_add_i32(struct rp_sha256 *sha, int32_t value)
{
    uint32_t v = (uint32_t)value;
    unsigned char bytes[4] = {v >> 24, v >> 16 & 0xff, v >> 8 & 0xff, v & 0xff};
    rp_sha256_add(sha, bytes, sizeof bytes);
}

void rp_sha256_end(struct rp_sha256 *sha, unsigned char digest[32])
{
    uint64_t bits = sha->size * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = bits >> (56 - 8 * i) & 0xff;
    rp_sha256_add(sha, "\x80", 1);
    while (sha->size % 64 != 56)
        rp_sha256_add(sha, "", 1);
    rp_sha256_add(sha, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = sha->state[i / 4] >> (24 - 8 * (i % 4)) & 0xff;
}

void rp_sha256_hex(const unsigned char digest[32], char hex[65])
{
    for (int i = 0; i < 64; i++)
        hex[i] = "0123456789abcdef"[digest[i / 2] >> (i % 2 ? 0 : 4) & 15];
    hex[64] = 0;
}
