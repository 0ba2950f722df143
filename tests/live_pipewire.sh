#!/bin/sh
# PipeWire's JACK instead of jackd: ports are seen, a call is answered in time,
# a keyboard goes with a key down. Where RIPOSTE_TURNS is set: the server is
# killed in the middle of an answer and comes back.
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

gone() { grep -q 'JACK server is gone' "$work/play.log"; }

killed() {
    live_call --bpm 240 --grid 0 --kill "$server" --log "$work/log" "$call" ||
        live_fail "no answer to end the server in"
    wait "$server" 2>/dev/null
    server=''
    live_until 10 gone || live_fail "riposte does not see that the server is gone"
    kill -STOP "$player" # until the listener is there
    live_server
    live_run "$tools/jack_catch" "$work/log" 20 >"$work/catch" &
    catch=$!
    others=$catch
    live_until 20 grep -q ready "$work/catch"
    kill -CONT "$player"
    wait "$catch" || live_fail "what sounded was not released first"
    others=''
    cat "$work/catch"
    live_call --bpm 240 --grid 0 "$call" || live_fail "no answer afterwards"
}

restarts=0
if [ "${RIPOSTE_TURNS:-}" ]; then
    killed
    restarts=1
fi
live_stop
live_expect_zero lost_heard lost_recorded stray
reconnects=$(live_stat reconnects)
[ "$reconnects" = "$restarts" ] ||
    live_fail "reconnects: ${reconnects:-not said}, not $restarts"
# Whatever was pulled, each note of the take has its end.
"$tools/take_check" --list "$work/take.mid" | awk '
    $3 >= 144 && $3 < 160 { on++ } $3 >= 128 && $3 < 144 { off++ }
    END { print "take: " on " notes begin, " off " end"; exit on != off || !on }
    ' || live_fail "the take has notes without an end"
live_close
