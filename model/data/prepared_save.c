#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/data/facts.h"
#include "model/data/prepared.h"
#include "rt/log.h"
#include "rt/replace.h"

const unsigned char rp_prepared_magic[16] = "RIPOSTE-DATA\r\n\032\n";

/* The last bytes as if zeros followed. */
static uint64_t word_at(const unsigned char *at, size_t left)
{
    uint64_t word = 0;
    memcpy(&word, at, left < sizeof word ? left : sizeof word);
    return le64toh(word);
}

uint64_t rp_prepared_check(const unsigned char *bytes, size_t size)
{
    uint64_t check = UINT64_C(0x9e3779b97f4a7c15) ^ size;
    for (size_t at = 0; at < size; at += 8) {
        check ^= word_at(bytes + at, size - at);
        check *= UINT64_C(0xff51afd7ed558ccd);
        check ^= check >> 32;
    }
    return check;
}

/* The file as it grows in memory. */
struct sheet {
    unsigned char *bytes;
    size_t size, room;
    bool full; /* out of memory */
};

static void put(struct sheet *sheet, const void *bytes, size_t size)
{
    if (size > sheet->room - sheet->size && !sheet->full) {
        size_t room = 2 * sheet->room + size + 4096;
        void *grown = realloc(sheet->bytes, room);
        sheet->full = !grown;
        if (grown) {
            sheet->bytes = grown;
            sheet->room = room;
        }
    }
    if (sheet->full || !size)
        return;
    memcpy(sheet->bytes + sheet->size, bytes, size);
    sheet->size += size;
}

static void put_number(struct sheet *sheet, uint64_t number, int size)
{
    unsigned char bytes[8];
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(number >> 8 * i);
    put(sheet, bytes, (size_t)size);
}

static void put_u8(struct sheet *sheet, uint8_t number)
{
    put(sheet, &number, 1);
}

static void put_u32(struct sheet *sheet, uint32_t number)
{
    put_number(sheet, number, 4);
}

static void put_i32(struct sheet *sheet, int32_t number)
{
    put_number(sheet, (uint32_t)number, 4);
}

static void put_real(struct sheet *sheet, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    put_number(sheet, bits, 8);
}

/* NULL comes back as NULL. */
static void put_text(struct sheet *sheet, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    put_u32(sheet, text ? (uint32_t)size : UINT32_MAX);
    put(sheet, text, size);
}

static void put_grid(struct sheet *sheet, const struct rp_grid *grid)
{
    put_u32(sheet, grid->onsets);
    put_u32(sheet, grid->exact);
    put_real(sheet, grid->ticks);
    put_real(sheet, grid->ms);
    put_real(sheet, grid->worst_ticks);
    put_real(sheet, grid->worst_ms);
}

static void put_facts(struct sheet *sheet, const struct rp_facts *facts)
{
    put_text(sheet, facts->path);
    put_text(sheet, facts->reason);
    put_u8(sheet, (uint8_t)facts->fate);
    put_u8(sheet, (uint8_t)facts->split);
    put_i32(sheet, facts->twin);
    put_real(sheet, (double)facts->likeness);
    put_u32(sheet, facts->group);
    put_u32(sheet, facts->notes);
    put_real(sheet, facts->seconds);
    put_number(sheet, facts->instruments[0], 8);
    put_number(sheet, facts->instruments[1], 8);
    put_u8(sheet, facts->drums);
    put_u8(sheet, facts->metre.beats);
    put_u8(sheet, facts->metre.unit);
    put_u32(sheet, facts->metres);
    put_u32(sheet, facts->tempos);
    put_u32(sheet, facts->rest_bars);
    put_i32(sheet, facts->pickup);
    put_u8(sheet, (uint8_t)facts->key);
    put_u8(sheet, (uint8_t)facts->chords);
    put_grid(sheet, &facts->grid);
}

static void put_piece(struct sheet *sheet, const struct rp_piece *piece)
{
    put_u32(sheet, piece->count);
    put_u32(sheet, piece->metres);
    put_u32(sheet, piece->chords);
    put_i32(sheet, piece->origin);
    for (uint32_t i = 0; i < piece->count; i++) {
        put_i32(sheet, piece->note[i].onset);
        put_i32(sheet, piece->note[i].duration);
        put_u8(sheet, piece->note[i].pitch);
        put_u8(sheet, piece->note[i].velocity);
        put_u8(sheet, (uint8_t)piece->note[i].offset);
    }
    for (uint32_t i = 0; i < piece->metres; i++) {
        put_i32(sheet, piece->metre[i].tick);
        put_u8(sheet, piece->metre[i].metre.beats);
        put_u8(sheet, piece->metre[i].metre.unit);
    }
    for (uint32_t i = 0; i < piece->chords; i++) {
        put_i32(sheet, piece->chord[i].tick);
        put_u8(sheet, piece->chord[i].chord.root);
        put_u8(sheet, piece->chord[i].chord.quality);
    }
}

static void put_body(struct sheet *sheet, const struct rp_dataset *dataset)
{
    put_text(sheet, dataset->role);
    put_u32(sheet, dataset->vocabulary.resolution);
    put_text(sheet, dataset->hash);
    put_u32(sheet, dataset->files);
    put_u32(sheet, dataset->count);
    for (uint32_t i = 0; i < dataset->files; i++)
        put_facts(sheet, &dataset->facts[i]);
    for (uint32_t i = 0; i < dataset->count; i++)
        put_piece(sheet, &dataset->piece[i]);
}

static void put_head(struct sheet *head, const struct sheet *body)
{
    put(head, rp_prepared_magic, sizeof rp_prepared_magic);
    put_u32(head, RP_PREPARED_VERSION);
    put_u32(head, 0);
    put_number(head, body->size, 8);
    put_number(head, rp_prepared_check(body->bytes, body->size), 8);
}

static rp_status write_file(const char *path, const struct sheet *head,
                            const struct sheet *body)
{
    char *part;
    FILE *file;
    if (asprintf(&part, "%s.part", path) < 0) {
        rp_log(RP_ERROR, "prepared", "out of memory");
        return RP_EMEM;
    }
    file = fopen(part, "wb");
    bool bad = !file;
    if (file) {
        bad = fwrite(head->bytes, head->size, 1, file) != 1 ||
              fwrite(body->bytes, body->size, 1, file) != 1 ||
              fflush(file) || fsync(fileno(file));
        bad = fclose(file) || bad;
    }
    bad = bad || rename(part, path);
    if (bad) {
        rp_log(RP_ERROR, "prepared", "%s: cannot write: %s", path,
               strerror(errno));
        unlink(part);
    }
    free(part);
    return bad ? RP_EIO : RP_OK;
}

rp_status rp_prepared_save(const struct rp_dataset *dataset, const char *path)
{
    struct sheet head = {0}, body = {0};
    rp_status status = rp_replace_check("prepared", path);
    if (status)
        return status;
    status = RP_EMEM;
    put_body(&body, dataset);
    if (!body.full)
        put_head(&head, &body);
    if (body.full || head.full)
        rp_log(RP_ERROR, "prepared", "out of memory");
    else
        status = write_file(path, &head, &body);
    free(head.bytes);
    free(body.bytes);
    return status;
}
