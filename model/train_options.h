/* The knobs of training: one table that the command line, config files, the
 * model card and --resume share, so that a name means one thing. */
#ifndef RP_TRAIN_OPTIONS_H
#define RP_TRAIN_OPTIONS_H

#include <stddef.h>

#include "model/net/cells.h"
#include "model/net/checkpoint.h"
#include "model/train.h"

enum rp_train_kind {
    RP_TRAIN_U32,
    RP_TRAIN_U64,
    RP_TRAIN_FLOAT,
    RP_TRAIN_REAL, /* double */
    RP_TRAIN_BOOL,
    RP_TRAIN_WORD, /* const char *, one of `words` */
    RP_TRAIN_ROLE, /* const char *, as rp_role_name says it */
    RP_TRAIN_TEXT  /* const char *, or NULL */
};

struct rp_train_knob {
    const char *name; /* as on the command line, without the dashes */
    enum rp_train_kind kind;
    size_t offset; /* in struct rp_train_options */
    double least, most; /* of a TEXT, least is how long it is */
    const char *help;
    const char *value;        /* what --help calls it; NULL: by the kind */
    const char *const *words; /* NULL-terminated */
    bool automatic; /* "auto" is a value: NAN, or 0 of whole numbers */
    bool passing;   /* of one start, not of the run: --resume may be given
                       another, and the card does not have it */
};

extern const struct rp_train_knob rp_train_knobs[];
extern const uint32_t rp_train_knob_count; /* at most 64 */

/* NULL: there is no such. */
const struct rp_train_knob *rp_train_knob_find(const char *name);
/* What to write for the value: "N", "X", "melody|all". */
void rp_train_knob_value(const struct rp_train_knob *knob, char *text,
                         size_t size);
/* RP_EARG with one logged line when `text` is no value for it; `where` leads
 * it ("run.ini:12: " or ""). A TEXT is kept as the pointer that it is. */
RP_MUST rp_status rp_train_knob_set(const struct rp_train_knob *knob,
                                    struct rp_train_options *options,
                                    const char *where, const char *text);
/* The same by "name", or "name=value" with value NULL. */
RP_MUST rp_status rp_train_set(struct rp_train_options *options,
                               const char *where, const char *name,
                               const char *value);
/* Exactly, so that setting it to the text gives the same bits. NULL: a TEXT
 * that is not there; else `text` or the TEXT itself. */
const char *rp_train_knob_text(const struct rp_train_knob *knob,
                               const struct rp_train_options *options,
                               char *text, size_t size);
/* Whether it was set, and not left as it was. */
bool rp_train_knob_given(const struct rp_train_knob *knob,
                         const struct rp_train_options *options);

/* The optimizer's own where nothing was given ("auto"). */
void rp_train_options_settle(struct rp_train_options *options);

/* What the options, once settled, say. */
enum rp_precision rp_train_precision(const struct rp_train_options *options);

/* All knobs but the passing to and from the card's keys "train.NAME". A card
 * from before a knob was there leaves it as it is: the default, which must
 * then mean "as before". The card must stay. */
RP_MUST rp_status rp_train_options_save(const struct rp_train_options *options,
                                        struct rp_card *card);
RP_MUST rp_status rp_train_options_load(struct rp_train_options *options,
                                        const struct rp_card *card);

#endif
