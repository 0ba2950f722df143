#include "rt/follow.h"

enum { LATE = 4 }; /* periods; who comes later than that does not come */

RP_RT bool rp_follow_run(struct rp_follow *follow, uint32_t time,
                         uint32_t frames, rp_frame *frame)
{
    if (follow->begun) {
        follow->said += (int32_t)(time - follow->time);
    }
    follow->time = time;
    if (!follow->begun ||
        follow->next - follow->said > LATE * (rp_frame)frames) {
        follow->begun = true; /* another server, or it began anew */
        follow->said = follow->next;
    }
    if (follow->said < follow->next) {
        return false;
    }
    *frame = follow->said;
    follow->next = follow->said + frames;
    return true;
}
