#include "model/play/candidates.h"

#include "model/play/key.h"

/* Points; what composers do at the end of a phrase, in the order of how often
 * they do it. */
enum {
    HOME = 4,    /* the last note belongs to the tonic triad */
    TONIC = 2,   /* and is the tonic itself */
    LONG = 2,    /* it lasts a beat or more; two: that often again */
    STRONG = 2,  /* it begins on a bar line or the middle of a bar */
    FILLED = 2,  /* nothing but a beat of breath is left after it */
    ALIKE = 4,   /* as many notes as the call; in proportion where not */
    FOREIGN = 12 /* taken off for notes outside the key, if all were */
};

int rp_candidates_score(const struct rp_turn *turn, int key,
                        uint32_t expected, const struct rp_note *note,
                        uint32_t count)
{
    const struct rp_dynamics *grid = &turn->dynamics;
    const struct rp_note *last = count ? &note[count - 1] : NULL;
    uint32_t foreign = 0;
    int score = 0;

    if (!last)
        return -FOREIGN;
    for (uint32_t i = 0; i < count; i++)
        foreign += !rp_key_has(key, note[i].pitch);
    score -= (int)(FOREIGN * foreign / count);
    if (expected)
        score += (int)(ALIKE * (count < expected ? count : expected) /
                       (count < expected ? expected : count));
    if (rp_key_home(key, last->pitch))
        score += HOME;
    if (last->pitch % 12 == key % 12)
        score += TONIC;
    if (grid->beat > 0 && last->duration >= grid->beat)
        score += last->duration >= 2 * grid->beat ? 2 * LONG : LONG;
    if (grid->bar > 1 && (last->onset - grid->line) % (grid->bar / 2) == 0)
        score += STRONG;
    if (turn->steer.end - last->onset - last->duration <= grid->beat)
        score += FILLED;
    return score;
}

/* One candidate from its first note to its last, or to `most`. */
static uint32_t think(const struct rp_candidates *c, uint32_t candidate,
                      uint32_t most, struct rp_note *note)
{
    struct rp_turn turn = *c->turn;
    struct rp_sight sight = c->sight;
    int32_t from = c->from;

    turn.candidate = candidate;
    while (turn.notes < most) {
        struct rp_note *next = &note[turn.notes];
        rp_turn_aim(&turn, from);
        if (rp_turn_draw(&turn, &sight, c->taste, next) != RP_DRAWN)
            break;
        rp_turn_take(&turn, next);
        if (rp_memory_try(c->memory, &sight, next, 0, &sight))
            break;
        from = next->onset;
    }
    return turn.notes;
}

uint32_t rp_candidates_pick(const struct rp_candidates *candidates)
{
    struct rp_note note[RP_CANDIDATES_NOTES];
    uint32_t each = candidates->expected + candidates->expected / 2 + 1;
    uint32_t many = RP_CANDIDATES_NOTES / each, best = 0;
    int best_score = 0;

    /* Of a long answer at least the beginnings are compared. */
    many = many < 2 ? 2 : many > RP_CANDIDATES_MOST ? RP_CANDIDATES_MOST : many;
    for (uint32_t i = 0; i < many; i++) {
        uint32_t count =
            think(candidates, i, RP_CANDIDATES_NOTES / many, note);
        int score = rp_candidates_score(candidates->turn, candidates->key,
                                        candidates->expected, note, count);
        if (i == 0 || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}
