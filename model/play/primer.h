/* The notes that a continuation goes on from. */
#ifndef RP_PRIMER_H
#define RP_PRIMER_H

#include "model/data/note.h"
#include "rt/clock.h"

struct rp_primer {
    uint32_t count, metres;
    struct rp_note *note; /* canonical order, at the vocabulary's resolution */
    struct rp_metre_change *metre; /* at least one, the first at the origin */
    int32_t origin; /* bar line at or before the first note */
    int32_t end;    /* where the continuation may begin */
    uint32_t mbpm;  /* 0: not said */
    bool line;      /* a single voice, and so is its continuation */
    struct rp_chord_change *chord; /* over the notes and on; where the file or
                                      rp_primer_chords tells them */
    uint32_t chords;
};

/* The melody of a .mid, or with `all` every track but drums. One logged line
 * when it cannot be read or has no notes. */
RP_MUST rp_status rp_primer_read(const char *path,
                                 const struct rp_vocabulary *vocabulary,
                                 bool all, struct rp_primer *primer);
/* "[60, -2, 62, -1]": one number per 16th; 0..127 strikes a pitch, -2 lets
 * what sounds go on, -1 ends it. Brackets may be left out. */
RP_MUST rp_status rp_primer_melody(const char *text,
                                   const struct rp_vocabulary *vocabulary,
                                   struct rp_metre metre,
                                   struct rp_primer *primer);
/* "c_4_quarter rest_eighth e_4_half" (model/data/words.h). */
RP_MUST rp_status rp_primer_words(const char *text,
                                  const struct rp_vocabulary *vocabulary,
                                  struct rp_metre metre,
                                  struct rp_primer *primer);
/* The chords of the continuation (chord_line.h), from its first whole bar on,
 * for `bars` bars; NULL: none are told, those of the primer neither. */
RP_MUST rp_status rp_primer_chords(struct rp_primer *primer, const char *line,
                                   uint32_t resolution, uint32_t bars);
/* No notes: begins at a bar line. */
RP_MUST rp_status rp_primer_empty(struct rp_metre metre,
                                  struct rp_primer *primer);
void rp_primer_fini(struct rp_primer *primer);

#endif
