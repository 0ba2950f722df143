/* Short words for what a part plays, one for each onset: "b-_4_quarter". They
 * lose dots, tuplets, loudness and how voices overlap; riposte.1 says it all.
 */
#ifndef RP_WORDS_H
#define RP_WORDS_H

#include "model/data/part.h"

/* Words of a part, a bar a line by its metres. */
void rp_words_print(const struct rp_part *part, FILE *file);
/* Notes that words mean, in canonical order from tick 0 on; *end is where the
 * last word ends. *note is malloc'ed. RP_EARG with one logged line, the place
 * and what was expected; no note at all is refused, too. */
RP_MUST rp_status rp_words_parse(const char *text, uint32_t resolution,
                                 struct rp_note **note, uint32_t *count,
                                 int32_t *end);

#endif
