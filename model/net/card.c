/* The model card: strings by key. */
#include <stdlib.h>
#include <string.h>

#include "model/net/checkpoint.h"

rp_status rp_card_set(struct rp_card *card, const char *key, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return RP_EMEM;
    for (uint32_t i = 0; i < card->count; i++) {
        if (!strcmp(card->entry[i].key, key)) {
            free(card->entry[i].value);
            card->entry[i].value = copy;
            return RP_OK;
        }
    }
    char *name = strdup(key);
    void *entry = realloc(card->entry, (card->count + 1) * sizeof *card->entry);
    if (entry)
        card->entry = entry;
    if (!name || !entry) {
        free(name);
        free(copy);
        return RP_EMEM;
    }
    card->entry[card->count].key = name;
    card->entry[card->count++].value = copy;
    return RP_OK;
}

const char *rp_card_get(const struct rp_card *card, const char *key)
{
    for (uint32_t i = 0; i < card->count; i++)
        if (!strcmp(card->entry[i].key, key))
            return card->entry[i].value;
    return NULL;
}

void rp_card_fini(struct rp_card *card)
{
    for (uint32_t i = 0; i < card->count; i++) {
        free(card->entry[i].key);
        free(card->entry[i].value);
    }
    free(card->entry);
    *card = (struct rp_card){0};
}
