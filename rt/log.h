/* One-line messages for people. Never called from the audio thread. Any other
 * thread may call; lines do not interleave. */
#ifndef RP_LOG_H
#define RP_LOG_H

enum rp_level { RP_DEBUG, RP_INFO, RP_WARN, RP_ERROR };

/* `tag` is the module's name ("smf", "jack"). No newline at the end.
 * Default sink: stderr, lines of level >= RP_INFO as "riposte: smf: text". */
void rp_log(enum rp_level level, const char *tag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Where lines go instead (the panel keeps them); NULL restores stderr. `sink`
 * is called with the log's lock held and must not log. */
typedef void rp_log_sink(void *self, enum rp_level level, const char *tag,
                         const char *text);
void rp_log_to(rp_log_sink *sink, void *self);
void rp_log_level(enum rp_level least);

/* The calling thread's lines go to `sink` alone, of whatever level and without
 * the lock, until it diverts them to NULL: threads that share a job keep their
 * lines apart, and somebody says them in order later. `sink` must not log. */
void rp_log_divert(rp_log_sink *sink, void *self);

#endif
