/* Who is told what: the subscribers of /riposte/subscribe. Main's. */
#ifndef RP_OSC_HUB_H
#define RP_OSC_HUB_H

#include "tui/panel.h"
#include "tui/wire.h"

enum { RP_HUB_PEERS = 16, RP_HUB_SECONDS = 60, RP_HUB_TEXT = 32 };

/* What can be asked for. */
enum rp_hub_topic {
    RP_HUB_KNOBS, /* settings and the preset */
    RP_HUB_STATE, /* waiting, listening, answering */
    RP_HUB_BEAT,
    RP_HUB_NOTES,
    RP_HUB_TOPICS
};
extern const char *const rp_hub_topics[RP_HUB_TOPICS];

struct rp_hub {
    struct rp_wire *wire;
    uint32_t count;
    struct {
        struct rp_wire_peer peer;
        uint32_t topics; /* bits */
        uint64_t until;  /* ns */
        bool news;       /* has been told nothing yet */
    } subscriber[RP_HUB_PEERS];
    /* As last told. */
    char knob[RP_SETTINGS][RP_HUB_TEXT];
    char preset[sizeof(((struct rp_panel *)0)->preset)];
    uint32_t state, turn;
    rp_beat beat; /* number of the beat, from the first */
};

/* Again: for another minute, and of these topics. False: no room. */
bool rp_hub_add(struct rp_hub *hub, const struct rp_wire_peer *peer,
                uint32_t topics, uint64_t now);
void rp_hub_remove(struct rp_hub *hub, const struct rp_wire_peer *peer);
/* Drops whose time is up, tells what has changed, and the new ones all. */
void rp_hub_tell(struct rp_hub *hub, const struct rp_panel *panel,
                 uint64_t now);
void rp_hub_note(struct rp_hub *hub, const struct rp_seen *seen);
void rp_hub_close(struct rp_hub *hub);

/* The value of a setting, to these. */
void rp_hub_send_knob(struct rp_wire *wire, const struct rp_wire_peer *to,
                      uint32_t count, enum rp_setting_id id,
                      const struct rp_knobs *knobs);

#endif
