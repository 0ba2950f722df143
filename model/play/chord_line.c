#include "model/play/chord_line.h"

#include <stdlib.h>
#include <string.h>

#include "rt/log.h"

/* One symbol of the line: the bar it is in, its place among those there. */
struct item {
    uint32_t bar, place, of;
    struct rp_chord chord;
};

struct line {
    const char *text;
    struct item *item;
    uint32_t items, bars;
    uint32_t first; /* item of the bar that is being read */
};

static rp_status no_memory(void)
{
    rp_log(RP_ERROR, "chord_line", "out of memory");
    return RP_EMEM;
}

static rp_status complain(const struct line *line, size_t at)
{
    rp_log(RP_ERROR, "chord_line",
           "\"%s\": character %zu: expected a chord such as C, F#m7, Bb7/D or "
           "N.C., %% or |",
           line->text, at + 1);
    return RP_EARG;
}

static void end_bar(struct line *line)
{
    for (uint32_t i = line->first; i < line->items; i++)
        line->item[i].of = line->items - line->first;
    line->first = line->items;
    line->bars++;
}

static rp_status add_symbol(struct line *line, size_t at, size_t size)
{
    struct item *item = &line->item[line->items];
    char symbol[32];
    size_t fault = 0;

    if (size == 1 && line->text[at] == '%') {
        if (!line->items)
            return complain(line, at);
        item->chord = item[-1].chord;
    } else {
        if (size >= sizeof symbol)
            return complain(line, at);
        memcpy(symbol, line->text + at, size);
        symbol[size] = 0;
        if (rp_chord_parse(symbol, &item->chord, &fault))
            return complain(line, at + fault);
    }
    item->bar = line->bars;
    item->place = line->items - line->first;
    line->items++;
    return RP_OK;
}

/* A line may begin and end with a bar line, which adds no bar. */
static rp_status parse(struct line *line)
{
    const char *text = line->text;
    bool barred = strchr(text, '|'), begun = false;
    size_t at = 0, size;
    rp_status status = RP_OK;

    while (!status && text[at += strspn(text + at, " \t\r\n")]) {
        if (text[at] == '|') {
            if (begun)
                end_bar(line);
            begun = true;
            at++;
            continue;
        }
        size = strcspn(text + at, " \t\r\n|");
        status = add_symbol(line, at, size);
        begun = true;
        at += size;
        if (!status && !barred)
            end_bar(line);
    }
    if (!status && line->items > line->first)
        end_bar(line);
    if (!status && !line->items)
        status = complain(line, at);
    return status;
}

static uint32_t repeat(const struct line *line, int32_t from, int32_t length,
                       uint32_t bars, struct rp_chord_change *list)
{
    uint32_t count = 0;

    for (uint32_t start = 0; start < bars; start += line->bars)
        for (uint32_t i = 0; i < line->items; i++) {
            const struct item *item = &line->item[i];
            int64_t tick = (int64_t)from +
                           (int64_t)(start + item->bar) * length +
                           (int64_t)length * item->place / item->of;
            /* More symbols than ticks: the last one there counts. */
            if (count && list[count - 1].tick == tick)
                count--;
            if (start + item->bar < bars && tick < INT32_MAX)
                list[count++] =
                    (struct rp_chord_change){ (int32_t)tick, item->chord };
        }
    return count;
}

rp_status rp_chord_line(const char *text, int32_t from, int32_t length,
                        uint32_t bars, struct rp_chord_change **chord,
                        uint32_t *chords)
{
    struct line line = { .text = text };
    struct rp_chord_change *list = NULL;
    rp_status status;

    line.item = calloc(strlen(text) + 1, sizeof *line.item);
    if (!line.item)
        return no_memory();
    status = parse(&line);
    if (!status) {
        size_t times = bars / line.bars + 1;
        list = malloc(times * line.items * sizeof *list);
        if (!list)
            status = no_memory();
    }
    if (!status) {
        *chords = repeat(&line, from, length, bars, list);
        *chord = list;
    }
    free(line.item);
    return status;
}
