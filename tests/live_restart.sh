#!/bin/sh
# The server is killed in the middle of an answer and started again: riposte
# lives on, comes back by itself, first releases what sounded, then answers.
# Usage: live_restart.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server
live_play --take "$work/take.mid"
call=$source/tests/golden/calls/02_st_anne.mid

"$tools/jack_caller" --kill "$server" --log "$work/log" "$call" || exit 1
wait "$server" 2>/dev/null
sleep 2
kill -0 "$player" || {
    tail "$work/play.log"
    live_fail "riposte died with its server"
    exit 1
}
# Held still until the listener is there, so that it hears the first event.
kill -STOP "$player"
live_server
"$tools/jack_catch" "$work/log" 10 >"$work/catch" &
catch=$!
others=$catch
waited=0
until grep -q ready "$work/catch" || [ "$waited" -gt 100 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
kill -CONT "$player"
wait "$catch" || live_fail "what sounded was not released first"
others=''
cat "$work/catch"
"$tools/jack_caller" --bpm 97 --grid 0 "$call" || live_fail "no answer afterwards"
live_stop
grep 'JACK server' "$work/play.log"
[ -s "$work/take.mid" ] || live_fail "no take"
"$tools/take_check" --list "$work/take.mid" >"$work/list" ||
    live_fail "the take cannot be read"
[ "$(grep -c '' "$work/list")" -gt 20 ] || live_fail "the take is short"

# --duration is a musician's seconds: it ends though no frame goes by.
live_play --duration 3
kill -9 "$server"
wait "$server" 2>/dev/null
server=''
waited=0
while kill -0 "$player" 2>/dev/null && [ "$waited" -lt 80 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
kill "$player" 2>/dev/null && live_fail "--duration 3 goes on without a server"
wait "$player" || live_fail "--duration 3: status $?"
player=''
live_close
