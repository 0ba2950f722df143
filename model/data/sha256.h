/* SHA-256 (FIPS 180-4): names for data, not secrets. */
#ifndef RP_SHA256_H
#define RP_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct rp_sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
};

void rp_sha256_init(struct rp_sha256 *sha);
void rp_sha256_add(struct rp_sha256 *sha, const void *bytes, size_t size);
/* Big-endian, so that the digest does not depend on the machine. */
void rp_sha256_add_i32(struct rp_sha256 *sha, int32_t value);
/* Once; then init again. */
void rp_sha256_end(struct rp_sha256 *sha, unsigned char digest[32]);
/* 64 lower-case digits and the terminating 0. */
void rp_sha256_hex(const unsigned char digest[32], char hex[65]);

#endif
