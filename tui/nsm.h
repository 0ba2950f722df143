/* The Non Session Management protocol, the program's side: what the server
 * asks for, and what it is told. Knows nothing of what is opened or saved.
 * Main's. */
#ifndef RP_NSM_H
#define RP_NSM_H

#include <stdbool.h>

#include "rt/status.h"

struct rp_nsm;

/* Announces riposte to the server at `url` (NSM_URL) and waits, a few seconds
 * at most, until it says what to open. *nsm stays NULL where there is no
 * server, or it refuses: one line says so, and riposte plays on. */
void rp_nsm_open(struct rp_nsm **nsm, const char *url);
void rp_nsm_close(struct rp_nsm *nsm); /* NULL is nothing */

/* What is asked for next. Each but NOTHING must be answered, once it is done
 * or has failed. */
enum rp_nsm_ask { RP_NSM_NOTHING, RP_NSM_OPEN, RP_NSM_SAVE };
enum rp_nsm_ask rp_nsm_next(struct rp_nsm *nsm);
/* `text` is for people. */
void rp_nsm_answer(struct rp_nsm *nsm, rp_status status, const char *text);

/* Of the last OPEN: where to keep things, and what to be called in JACK.
 * "" before the first. */
const char *rp_nsm_folder(const struct rp_nsm *nsm);
const char *rp_nsm_id(const struct rp_nsm *nsm);

void rp_nsm_dirty(struct rp_nsm *nsm, bool dirty); /* sent when it changes */
void rp_nsm_progress(struct rp_nsm *nsm, double share); /* 0 to 1 */
void rp_nsm_message(struct rp_nsm *nsm, int priority, const char *text);
void rp_nsm_label(struct rp_nsm *nsm, const char *text);

#endif
