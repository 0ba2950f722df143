#include "model/data/split.h"

#include <math.h>
#include <string.h>

#include "model/data/sha256.h"

const char *const rp_split_names[RP_SPLITS] = {"train", "valid", "test"};

void rp_split_digest(const struct rp_piece *piece,
                     unsigned char digest[RP_DIGEST])
{
    struct rp_sha256 sha;
    rp_sha256_init(&sha);
    for (uint32_t i = 0; i < piece->count; i++) {
        const struct rp_note *note = &piece->note[i];
        rp_sha256_add_i32(&sha, note->onset - piece->note[0].onset);
        rp_sha256_add_i32(&sha, note->duration);
        rp_sha256_add_i32(&sha, note->pitch - piece->note[0].pitch);
    }
    rp_sha256_end(&sha, digest);
}

enum rp_split rp_split_of(const unsigned char digest[RP_DIGEST], double ratio)
{
    /* 16 bits, their last decimal first: at a ratio of 0.1 a side is given by
     * that alone, and at others as few pieces as possible change sides. */
    uint32_t bits = (uint32_t)digest[0] << 8 | digest[1];
    double part = (bits % 10 * 6554 + bits / 10) / 65540.0;
    /* A hair, so that 1 - 2 * 0.1 is eight tenths. */
    if (part < 1 - 2 * ratio - 1e-9)
        return RP_TRAIN;
    return part < 1 - ratio - 1e-9 ? RP_VALID : RP_TEST;
}

int rp_split_compare(const unsigned char a[RP_DIGEST],
                     const unsigned char b[RP_DIGEST])
{
    return memcmp(a + 2, b + 2, RP_DIGEST - 2);
}

static void add_piece(struct rp_sha256 *sha, const struct rp_piece *piece)
{
    rp_sha256_add_i32(sha, (int32_t)piece->split);
    rp_sha256_add_i32(sha, (int32_t)piece->count);
    for (uint32_t k = 0; k < piece->count; k++) {
        rp_sha256_add_i32(sha, piece->note[k].onset);
        rp_sha256_add_i32(sha, piece->note[k].duration);
        rp_sha256_add_i32(sha, piece->note[k].pitch);
        rp_sha256_add_i32(sha, piece->note[k].velocity);
        if (piece->note[k].offset)
            rp_sha256_add_i32(sha, piece->note[k].offset);
    }
    rp_sha256_add_i32(sha, (int32_t)piece->metres);
    for (uint32_t k = 0; k < piece->metres; k++) {
        rp_sha256_add_i32(sha, piece->metre[k].tick);
        rp_sha256_add_i32(sha, piece->metre[k].metre.beats);
        rp_sha256_add_i32(sha, piece->metre[k].metre.unit);
    }
    /* Nothing where there are none, as before there were any. */
    for (uint32_t k = 0; k < piece->chords; k++) {
        rp_sha256_add_i32(sha, piece->chord[k].tick);
        rp_sha256_add_i32(sha, piece->chord[k].chord.root);
        rp_sha256_add_i32(sha, piece->chord[k].chord.quality);
    }
}

void rp_split_hash(const struct rp_vocabulary *vocabulary,
                   const struct rp_piece *const *piece, uint32_t count,
                   char hash[65])
{
    unsigned char digest[RP_DIGEST];
    struct rp_sha256 sha;
    rp_sha256_init(&sha);
    rp_sha256_add_i32(&sha, vocabulary->resolution);
    for (uint32_t i = 0; i < count; i++)
        add_piece(&sha, piece[i]);
    rp_sha256_end(&sha, digest);
    rp_sha256_hex(digest, hash);
}
