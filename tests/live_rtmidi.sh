#!/bin/sh
# RtMidi over JACK: a call is answered in time, and as on the null backend; the
# server is killed in the middle of an answer, which RtMidi does not tell of,
# and comes back.
# Usage: live_rtmidi.sh RIPOSTE TOOLS SOURCE_ROOT
# shellcheck disable=SC2317 # called by live_until
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
[ "${RIPOSTE_TURNS:-}" ] || live_skip "only where RIPOSTE_TURNS is set"
call=$source/tests/golden/calls/16_regent_square.mid
backend=rtmidi:jack
said() { grep -q "$1" "$work/play.log"; }
# RtMidi knows JACK's periods only.
rtmidi_call() { live_call --bpm 240 --rtmidi 1 --off 200 "$@" "$call"; }

live_server
"$riposte" ports --backend $backend >"$work/ports" 2>&1 || {
    live_reap "$server"
    live_skip "$(head -n 1 "$work/ports")"
}
live_play --tempo 240 --take "$work/take.mid"
rtmidi_call || live_fail "no answer in time"
live_stop
live_same take 240

live_play --tempo 240 --take "$work/take.mid"
rtmidi_call || live_fail "no answer in time"
rtmidi_call --grid 0 --kill "$server" --log "$work/log" ||
    live_fail "no answer to end the server in"
wait "$server" 2>/dev/null
server='' live_killed=yes
live_until 10 said 'Jack is gone' || live_fail "the server's end is not seen"
live_server
live_until 10 said 'Jack is back' || live_fail "the server is not found again"
rtmidi_call --grid 0 || live_fail "no answer afterwards"
live_stop
live_expect_zero lost_heard lost_recorded stray dropped
reconnects=$(live_stat reconnects)
[ "$reconnects" = 1 ] || live_fail "reconnects: ${reconnects:-not said}, not 1"
"$tools/take_check" --list "$work/take.mid" | awk '
    $3 >= 144 && $3 < 160 { on++ } $3 >= 128 && $3 < 144 { off++ }
    END { print "take: " on " notes begin, " off " end"; exit on != off || !on }
    ' || live_fail "the take has notes without an end"
live_close
