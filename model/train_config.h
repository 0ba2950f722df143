/* A run's configuration as a file: the options of the command line, one
 * "key = value" a line, and where the music is ("dir", again for each folder,
 * or "frames"). A line that begins with # or ; says nothing. */
#ifndef RP_TRAIN_CONFIG_H
#define RP_TRAIN_CONFIG_H

#include "model/train.h"

enum { RP_TRAIN_DIRS_MAX = 64 };

/* What options point into; must stay as long. */
struct rp_train_config {
    char *text;
    const char *dir[RP_TRAIN_DIRS_MAX];
    uint32_t dirs;
    const char *frames; /* or NULL */
};

/* Sets what the file says. Errors are one logged line with path:line. */
RP_MUST rp_status rp_train_config_load(const char *path,
                                       struct rp_train_options *options,
                                       struct rp_train_config *config);
void rp_train_config_fini(struct rp_train_config *config);

/* All that decides what the run learns, malloc'ed; each line after
 * `margin`. Loaded again it begins the same run. */
RP_MUST rp_status rp_train_config_text(const struct rp_train_options *options,
                                       const char *margin, char **text);
RP_MUST rp_status rp_train_config_save(const struct rp_train_options *options,
                                       const char *path);

#endif
