#!/bin/sh
# Turn after turn at -p 128 with one core busy: the callback's worst time, the
# xruns beside an idle program's, lates, drops and the memory.
# Usage: live_soak.sh RIPOSTE TOOLS SOURCE_ROOT [MINUTES]
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
minutes=${4:-${RIPOSTE_SOAK_MINUTES:-1}}
live_begin "$@"
live_server
"$tools/jack_idle" --until-term >"$work/idle" &
idle=$!
others=$idle
taskset -c 0 sh -c 'while :; do :; done' &
others="$others $!"
live_play

# kB of memory, every two seconds.
(while grep VmRSS "/proc/$player/status" 2>/dev/null; do sleep 2; done) |
    sed -uE 's/[^0-9]//g' >"$work/rss" &
"$tools/jack_caller" --bpm 97 --seconds $((minutes * 60)) \
    "$source"/tests/golden/calls/[0-9]*.mid >"$work/turns" ||
    { cat "$work/turns"; live_fail "the turns"; }
tail -n 2 "$work/turns"
live_stop
kill -TERM "$idle"
wait "$idle"
tail -n 5 "$work/play.log"
cat "$work/idle"

idle_xruns=$(sed -nE 's/.*: ([0-9]+) xruns.*/\1/p' "$work/idle")
xruns=$(live_stat xruns)
[ "${xruns:-999999}" -le "${idle_xruns:--1}" ] ||
    live_fail "xruns: ${xruns:-not said}, idle program ${idle_xruns:-none}"
live_expect_zero late dropped lost_heard lost_recorded

# From a quarter of the way on: start-up may still grow.
growth=$(awk '{ r[NR] = $1 } END { from = r[int(NR / 4) + 1]
    for (i = int(NR / 4) + 1; i <= NR; i++) if (r[i] > most) most = r[i]
    print NR < 8 ? "unknown" : most - from }' "$work/rss")
echo "memory: $(tail -n 1 "$work/rss") kB, grown by $growth kB"
[ "$growth" != unknown ] && [ "$growth" -le 256 ] || live_fail "memory grows"

worst=$(live_stat worst_us)
period=2666
echo "worst callback: ${worst:-?} us of $period us, $minutes minutes"
if [ "$realtime" = no ] || grep -q 'real-time no' "$work/idle"; then
    # Without it, the scheduler's pauses are measured, not ours.
    [ "$failed" -eq 0 ] &&
        live_skip "no real-time scheduling here, worst callback not judged"
elif [ -z "$worst" ] || [ "$((worst * 4))" -gt "$period" ]; then
    live_fail "worst callback over 25 % of a period"
fi
live_close
