/* The ports' buffers of the fake JACK, and what is said of ports. */
#include "tests/fake/fake_jack.h"

#include <errno.h>
#include <jack/jack.h>
#include <jack/metadata.h>
#include <jack/midiport.h>
#include <jack/uuid.h>
#include <string.h>

#include "tests/fake/guard.h"

void *jack_port_get_buffer(jack_port_t *port, jack_nframes_t frames)
{
    return port;
}

void jack_midi_clear_buffer(void *buffer)
{
    ((struct fake_port *)buffer)->events = 0;
}

uint32_t jack_midi_get_event_count(void *buffer)
{
    return ((struct fake_port *)buffer)->events;
}

uint32_t jack_midi_get_lost_event_count(void *buffer)
{
    return ((struct fake_port *)buffer)->lost;
}

int jack_midi_event_get(jack_midi_event_t *event, void *buffer, uint32_t index)
{
    struct fake_port *port = buffer;

    if (index >= port->events) {
        return ENODATA;
    }
    event->time = port->event[index].time;
    event->size = port->event[index].size;
    event->buffer = port->event[index].bytes;
    return 0;
}

int jack_midi_event_write(void *buffer, jack_nframes_t time,
                          const jack_midi_data_t *data, size_t size)
{
    struct fake_port *port = buffer;
    struct fake_event *event;

    if (port->events >= fake_jack.room || port->events >= FAKE_EVENTS) {
        return ENOBUFS;
    }
    if (time >= fake_jack.period || size > FAKE_BYTES ||
        (port->events && port->event[port->events - 1].time > time)) {
        fake_jack.disorder++;
        return EINVAL;
    }
    event = &port->event[port->events++];
    event->time = time;
    event->size = (uint32_t)size;
    memcpy(event->bytes, data, size);
    return 0;
}

jack_uuid_t jack_port_uuid(const jack_port_t *port)
{
    return (jack_uuid_t)((const struct fake_port *)port - fake_jack.port);
}

int jack_set_property(jack_client_t *client, jack_uuid_t subject,
                      const char *key, const char *value, const char *type)
{
    guard_forbid("jack_set_property");
    fake_jack.properties++;
    return 0;
}

int jack_remove_properties(jack_client_t *client, jack_uuid_t subject)
{
    guard_forbid("jack_remove_properties");
    return 0;
}
