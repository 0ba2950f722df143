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

live_call --kill "$server" --log "$work/log" "$call" ||
    { live_fail "no answer to end the server in"; exit 1; }
wait "$server" 2>/dev/null
server='' live_killed=yes
sleep 2
kill -0 "$player" || {
    tail "$work/play.log"
    live_fail "riposte died with its server"
    exit 1
}
# Held still until the listener is there, so that it hears the first event.
kill -STOP "$player"
live_server
live_run "$tools/jack_catch" "$work/log" 20 >"$work/catch" &
catch=$!
others=$catch
live_until 20 grep -q ready "$work/catch"
kill -CONT "$player"
wait "$catch" || live_fail "what sounded was not released first"
others=''
cat "$work/catch"
# It connects this caller by itself, as it was connected to the one before.
live_call --grid 0 --again 1 "$call" || live_fail "no answer afterwards"
live_stop
grep 'JACK server' "$work/play.log"
[ -s "$work/take.mid" ] || live_fail "no take"
"$tools/take_check" --list "$work/take.mid" >"$work/list" ||
    live_fail "the take cannot be read"
[ "$(grep -c '' "$work/list")" -gt 20 ] || live_fail "the take is short"

# --duration is a musician's seconds: it ends though no frame goes by.
live_play --duration 3
live_kill_server
live_until 8 live_ended "$player"
kill "$player" 2>/dev/null && live_fail "--duration 3 goes on without a server"
wait "$player" || live_fail "--duration 3: status $?"
player=''
live_close
