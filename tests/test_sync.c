/* Following a MIDI clock: simulated senders, ten minutes of virtual time. */
#include "model/play/bench_sync.h"

#include "tests/test.h"

int main(void)
{
    CHECK_INT(rp_bench_sync(60, 1, stdout), RP_OK);
    return TEST_END();
}
