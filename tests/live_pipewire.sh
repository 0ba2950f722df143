#!/bin/sh
# PipeWire's JACK instead of jackd: ports are seen, a call is answered in time,
# a keyboard goes with a key down. Where RIPOSTE_TURNS is set, the tests of
# JACK again: turns, a server that is killed and comes back. No flood: whole
# periods are lost here wherever anybody is late.
# Usage: live_pipewire.sh RIPOSTE TOOLS SOURCE_ROOT
# shellcheck disable=SC2317 # called by live_until
set -u
RIPOSTE_SERVER=pipewire
export RIPOSTE_SERVER
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
call=$source/tests/golden/calls/16_regent_square.mid

live_server
live_play --tempo 240 --take "$work/take.mid"
for port in "in .*riposte:out" "in .*riposte:thru" "out .*riposte:in"; do
    "$riposte" ports --backend jack | grep -qE "^jack +$port\$" ||
        live_fail "'riposte ports' has no $port"
done
live_call --bpm 240 "$call" || live_fail "no answer in time"

# A cable is pulled: whoever played is gone, note-offs and all.
live_run "$tools/jack_flood" notes 60 20 >"$work/flood" &
others=$!
live_until 10 grep -qs flooding "$work/flood"
sleep 0.6
kill -9 "$others"
wait "$others" 2>/dev/null
others=''

live_stop
live_expect_zero lost_heard lost_recorded stray reconnects
# Whatever was pulled, each note of the take has its end.
"$tools/take_check" --list "$work/take.mid" | awk '
    $3 >= 144 && $3 < 160 { on++ } $3 >= 128 && $3 < 144 { off++ }
    END { print "take: " on " notes begin, " off " end"; exit on != off || !on }
    ' || live_fail "the take has notes without an end"

# again TEST: a busy machine may be late for any period. Three tries.
again() {
    for _ in 1 2 3; do
        sh "$source/tests/$1.sh" "$riposte" "$tools" "$source" \
            >"$work/$1" 2>&1
        code=$?
        sed "s/^/$1: /; s/: failed:/: said:/" "$work/$1"
        [ "$code" -ne 0 ] || return 0
    done
    live_fail "$1 on PipeWire: status $code, three times"
}
if [ "${RIPOSTE_TURNS:-}" ]; then
    live_reap "$server"
    server=''
    export RIPOSTE_TURNS=4
    again live_jack
    again live_restart
fi
live_close
