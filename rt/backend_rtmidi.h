/* The RtMidi backend from inside, in three files:
 *
 *   backend_rtmidi.c        main: open, start, stop, what poll does, the table
 *   backend_rtmidi_ports.c  main: RtMidi's devices, which ports there are,
 *                           connections, hot-plug
 *   backend_rtmidi_io.c     RtMidi's threads, the pace's, and the sender
 *
 * A device of RtMidi is one port, and in JACK and ALSA a client of its own:
 * NAME-in, NAME-out, NAME-thru and NAME-clock are ports that others can connect
 * to, NAME-link what we are connected to, one each.
 *
 * RtMidi's threads -> ring of each input -> the pace's thread, which runs the
 * cycle -> ring of each way -> the sender, which sleeps until each event is due
 * (RtMidi sends at once) and may be held up by RtMidi as long as it likes. */
#ifndef RP_BACKEND_RTMIDI_H
#define RP_BACKEND_RTMIDI_H

#include "rt/pace.h"
#include "rt/patchbay.h"
#include "rt/ring.h"

/* Our ports; the outputs in the order of enum rp_way. */
enum rp_rtmidi_port {
    RP_RTMIDI_IN,
    RP_RTMIDI_OUT,
    RP_RTMIDI_THRU,
    RP_RTMIDI_CLOCK,
    RP_RTMIDI_PORTS
};

enum {
    RP_RTMIDI_INS = 8,
    RP_RTMIDI_OWN = RP_WAY_CLOCK + 1, /* outputs that are our own */
    RP_RTMIDI_OUTS = 24
};

/* Item of the rings: when it came, or is due. */
struct rp_rtmidi_event {
    uint64_t ns; /* CLOCK_MONOTONIC */
    struct rp_event event;
};

/* One source. The first is our own port, the others what it is connected to. */
struct rp_rtmidi_in {
    struct RtMidiWrapper *device; /* main; NULL: none */
    struct rp_peer peer;          /* main; at the other end */
    struct rp_rtmidi *rtmidi;
    bool sysex; /* RtMidi's thread: one goes on */
    /* Writer RtMidi's thread, reader the pace's. Full: lost_heard counts, and
     * what sounds ends. */
    struct rp_ring ring; /* struct rp_rtmidi_event */
};

/* One destination. The first are our own ports. */
struct rp_rtmidi_out {
    struct RtMidiWrapper *device;
    enum rp_way way;
    struct rp_peer peer; /* main */
};

struct rp_rtmidi {
    struct rp_backend base;
    struct rp_pace pace;
    int api; /* enum RtMidiApi */

    struct rp_rtmidi_in in[RP_RTMIDI_INS];
    _Atomic bool ready;     /* main: what comes in is heard */
    _Atomic bool pulled;    /* an input has gone, or lost something */
    _Atomic uint64_t alive; /* ns; the last active sensing that came in */

    /* The pace's thread alone while it runs. */
    struct rp_arrivals arrivals;
    bool unplug; /* `unplugged` rises when all that came before was heard */

    /* Writer the pace's thread, reader the sender. Full: the cycle keeps what
     * is next. */
    struct rp_ring sent[RP_RTMIDI_OWN]; /* struct rp_rtmidi_event */
    _Atomic uint64_t until; /* ns; all that is due before it is in the rings */

    pthread_t sender;
    bool sending; /* main: the thread is there */
    _Atomic bool quit;
    _Atomic bool gone;      /* the system does not answer; sender writes */
    _Atomic uint64_t worst; /* ns; latest that anything was sent */
    pthread_mutex_t lock;   /* of `out`, between main and the sender */
    struct rp_rtmidi_out out[RP_RTMIDI_OUTS];

    /* The sender's, of the pulse that RtMidi over JACK needs; see there. */
    bool pulses;                 /* main sets it before the thread begins */
    struct RtMidiWrapper *pulse; /* leads to our own input */
    uint64_t begun;              /* ns; when the thread began */
    uint64_t pulsed;             /* ns; when the last was sent; 0: none yet */
    uint32_t since;              /* messages sent since then */
    uint32_t unconfirmed;        /* since the last that came back was sent */

    /* Main alone. */
    struct RtMidiWrapper *watch; /* an output without a port: it looks */
    bool there;                  /* the devices are open */
    char name[40];
    struct rp_patchbay *patchbay;
    uint64_t looked_at; /* ns; the last look at what there is */
};

extern const char *const rp_rtmidi_port_names[RP_RTMIDI_PORTS];

/* ---- backend_rtmidi_io.c ---- */

/* RtMidi's callback, in a thread of its own: stamps and pushes. */
RP_RT void rp_rtmidi_hear(double since, const unsigned char *bytes, size_t size,
                          void *self);
/* The pace's thread: one period. */
RP_RT void rp_rtmidi_run(struct rp_backend *backend);
/* Main: the sender's thread. Stopped after the pace it has sent everything. */
RP_MUST rp_status rp_rtmidi_send_start(struct rp_rtmidi *rtmidi);
void rp_rtmidi_send_stop(struct rp_rtmidi *rtmidi);

/* ---- backend_rtmidi_ports.c: main ---- */

/* Whether a system of RtMidi's works here; if not, why. */
bool rp_rtmidi_try(int api, char *why, size_t size);
/* Our own ports; nothing of them is left when it fails, and why goes to the
 * text. */
RP_MUST rp_status rp_rtmidi_open_system(struct rp_rtmidi *rtmidi, char *why,
                                        size_t size);
void rp_rtmidi_close_system(struct rp_rtmidi *rtmidi);
/* Makes the patchbay. */
RP_MUST rp_status rp_rtmidi_patch(struct rp_rtmidi *rtmidi,
                                  const struct rp_backend_options *options);
/* Who is there now; what leads to those who are not is closed. */
void rp_rtmidi_look(struct rp_rtmidi *rtmidi);
/* Every port of a system, for `riposte ports`; as for `play`, without those of
 * any riposte, so that the numbers are the same. */
void rp_rtmidi_each(int api, const char *backend,
                    void (*each)(void *self, const struct rp_port *port),
                    void *self);

#endif
