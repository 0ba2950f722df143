/* Engine modules: an engine that needs libraries which are not everywhere is
 * a shared object, riposte-NAME.so, found when it is asked for. The program
 * itself starts anywhere and says of each what is missing.
 *
 * A module is linked with its own copy of what it uses of rt/ and model/ and
 * exports one symbol (module.map sees to it), a struct of this kind:
 *
 *   const struct rp_engine_module RP_MODULE_EXPORT rp_engine_module = {
 *       .version = RP_ENGINE_VERSION, .ops = &my_ops, .log_to = rp_log_to,
 *   };
 *
 * It is never unloaded once it was accepted. */
#ifndef RP_MODULE_H
#define RP_MODULE_H

#include "model/net/engine.h"
#include "rt/log.h"

#define RP_MODULE_SYMBOL "rp_engine_module"
#define RP_MODULE_EXPORT __attribute__((visibility("default")))

struct rp_engine_module {
    uint32_t version; /* RP_ENGINE_VERSION; the first member for ever */
    const struct rp_engine_ops *ops; /* its name is the file's NAME */
    /* The module's copy of rp_log_to: where its lines go. */
    void (*log_to)(rp_log_sink *sink, void *self);
};

#ifdef __cplusplus
extern "C" {
#endif
extern const struct rp_engine_module RP_MODULE_EXPORT rp_engine_module;
#ifdef __cplusplus
}
#endif

/* Adds an entry for every module in the folders of $RIPOSTE_MODULES (with
 * ':' between them), or else beside the build and where it is installed; the
 * first of a name counts. One that cannot be used, and one that is known and
 * was not found, is an entry too, which says why. */
void rp_module_find(struct rp_engine_entry *entry, uint32_t *count,
                    uint32_t most);

#endif
