#include "rt/controls.h"

RP_RT bool rp_controls_may_learn(uint8_t controller)
{
    return controller != 0 && controller != 32 && controller != RP_CC_PEDAL &&
           controller < RP_CC_SOUND_OFF;
}

RP_RT int rp_controls_number(struct rp_event event)
{
    uint8_t number = event.data[1] & 127;

    if (event.size == 3 && (event.data[0] & 0xf0) == RP_CONTROL) {
        return number;
    }
    return rp_event_is_on(event) || rp_event_is_off(event)
               ? RP_CONTROL_NOTE + number
               : -1;
}

RP_RT uint8_t rp_controls_value(struct rp_event event)
{
    return rp_event_is_on(event)    ? 127
           : rp_event_is_off(event) ? 0
                                    : event.data[2] & 127;
}

RP_RT bool rp_controls_taken(const struct rp_taken *taken,
                             const struct rp_held *held, struct rp_event event)
{
    uint8_t channel = event.data[0] & 15;
    int number = rp_controls_number(event);
    bool note = number >= RP_CONTROL_NOTE;

    if (!taken || number < 0 ||
        (!note && !rp_controls_may_learn((uint8_t)number)) ||
        (note && held && rp_event_is_off(event) &&
         held->count[RP_SOURCE_CALL][channel][number - RP_CONTROL_NOTE])) {
        return false;
    }
    return (!note && atomic_load_explicit(&taken->learning,
                                          memory_order_relaxed)) ||
           (atomic_load_explicit(&taken->control[channel][number / 32],
                                 memory_order_relaxed) >>
                number % 32 &
            1);
}

void rp_controls_take(struct rp_taken *taken, uint8_t channel, uint8_t control,
                      bool take)
{
    _Atomic uint32_t *word = &taken->control[channel & 15][control / 32];
    uint32_t bit = 1u << control % 32;

    if (take) {
        atomic_fetch_or(word, bit);
    } else {
        atomic_fetch_and(word, ~bit);
    }
}

/* A pedal is down from 64 on; only its way down is a press. */
static enum rp_ending press(uint16_t *down, uint8_t channel, bool pressed)
{
    uint16_t bit = (uint16_t)(1u << channel);
    bool was = *down & bit;

    *down = (uint16_t)(pressed ? *down | bit : *down & ~bit);
    return pressed && !was ? RP_ENDING : RP_ENDING_IDLE;
}

RP_RT enum rp_ending rp_controls_ending(uint32_t end_turn, uint16_t *down,
                                        const struct rp_held *held,
                                        struct rp_event event)
{
    uint8_t channel = event.data[0] & 15, number = event.data[1] & 127;
    bool on = rp_event_is_on(event);

    if (!end_turn || number != (end_turn & 127) || event.size < 2) {
        return RP_ENDING_NOT;
    }
    if ((end_turn & ~127u) == RP_END_CONTROL &&
        (event.data[0] & 0xf0) == RP_CONTROL) {
        return press(down, channel, event.data[2] >= 64);
    }
    if ((end_turn & ~127u) != RP_END_NOTE ||
        (!on && !rp_event_is_off(event))) {
        return RP_ENDING_NOT;
    }
    if (!on && held->count[RP_SOURCE_CALL][channel][number]) {
        return RP_ENDING_NOT; /* it was struck before it meant this */
    }
    return on ? RP_ENDING : RP_ENDING_IDLE;
}
