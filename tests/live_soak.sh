#!/bin/sh
# Turn after turn at -p 128 with one core busy: the callback's worst time, the
# xruns beside an idle program's, lates, drops and the memory.
# RIPOSTE_SOAK_MINUTES, half a minute when that is not set.
# Usage: live_soak.sh RIPOSTE TOOLS SOURCE_ROOT [MINUTES]
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
minutes=${4:-${RIPOSTE_SOAK_MINUTES:-0}}
seconds=$((minutes ? minutes * 60 : 30))
live_begin "$@"
live_server
live_run "$tools/jack_idle" --until-term >"$work/idle" &
idle=$!
others=$idle
live_run taskset -c 0 sh -c 'while :; do :; done' &
others="$others $!"
live_play

# kB of memory, every two seconds.
(while grep VmRSS "/proc/$player/status" 2>/dev/null; do sleep 2; done) 9>&- |
    sed -uE 's/[^0-9]//g' >"$work/rss" 9>&- &
live_watch
live_call --seconds "$seconds" \
    "$source"/tests/golden/calls/[0-9]*.mid || live_fail "the turns"
live_starved
live_stop
kill -TERM "$idle"
wait "$idle"
tail -n 5 "$work/play.log"
cat "$work/idle"

idle_xruns=$(sed -nE 's/.*: ([0-9]+) xruns.*/\1/p' "$work/idle")
xruns=$(live_stat xruns)
[ "${xruns:-999999}" -le "${idle_xruns:--1}" ] ||
    live_fail "xruns: ${xruns:-not said}, idle program ${idle_xruns:-none}"
live_expect_zero lost_heard lost_recorded
live_judge_late

# From a quarter of the way on: start-up may still grow.
growth=$(awk '{ r[NR] = $1 } END { from = r[int(NR / 4) + 1]
    for (i = int(NR / 4) + 1; i <= NR; i++) if (r[i] > most) most = r[i]
    print NR < 8 ? "unknown" : most - from }' "$work/rss")
echo "memory: $(tail -n 1 "$work/rss") kB, grown by $growth kB"
[ "$growth" != unknown ] && [ "$growth" -le 256 ] || live_fail "memory grows"

# A quarter of a period of 2666 us.
live_judge "worst callback in $seconds s" "$(live_stat worst_us)" 667 \
    "$held_all"
live_close
