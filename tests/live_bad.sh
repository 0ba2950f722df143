#!/bin/sh
# What may go wrong around JACK: garbage on the input port, no server, a
# server that turns everybody away, one that has no ports left, ports that do
# not exist. One clear line each, and nothing hangs.
# Usage: live_bad.sh RIPOSTE TOOLS SOURCE_ROOT
# shellcheck disable=SC2317 # called by live_until
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"

# refused WHAT PATTERN OPTIONS...: riposte says one line that matches, fails.
refused() {
    what=$1 pattern=$2
    shift 2
    timeout 30 "$riposte" play --backend jack --headless "$@" \
        >"$work/out" 2>"$work/err" </dev/null
    code=$?
    echo "$what: status $code: $(cat "$work/err")"
    [ "$code" -ne 0 ] && [ "$code" -lt 124 ] ||
        live_fail "$what: status $code"
    [ "$(grep -ciE "$pattern" "$work/err")" -eq 1 ] ||
        live_fail "$what: not one line about it"
    [ "$(grep -c '' "$work/err")" -le 2 ] || live_fail "$what: too many lines"
}

refused "no server" 'jack.*server'

live_run "$tools/jack_refuse" "$JACK_DEFAULT_SERVER" >"$work/refuse" &
others=$!
live_until 20 grep -q refusing "$work/refuse"
refused "a server that refuses" 'jack.*server'
kill "$others"
wait "$others" 2>/dev/null
others=''

live_server
refused "a number that nobody has" 'no MIDI source.* 99' --in 99
refused "no name" 'expected a port' --out ''
live_play --take "$work/take.mid"
live_tool "$tools/jack_noise" 5 1 || live_fail "the noise"
kill -0 "$player" || live_fail "riposte died of garbage"
# Garbage set the phase of the beat.
live_call --grid 0 \
    "$source/tests/golden/calls/02_st_anne.mid" ||
    live_fail "no answer after garbage"
# What `riposte ports` prints as a number is what --in takes for one.
number=$("$riposte" ports --backend jack |
    sed -nE 's/^jack +in +([0-9]+) +riposte:thru$/\1/p')
live_run "$riposte" play --backend jack --headless --in "${number:-none}" \
    --duration 40 >"$work/out" 2>&1 </dev/null &
others=$!
live_until 20 grep -q ' waiting$' "$work/out" || cat "$work/out"
connected() { jack_lsp -c riposte-01:in | grep -q 'riposte:thru'; }
if command -v jack_lsp >/dev/null; then
    live_until 10 connected ||
        live_fail "--in ${number:-none} is not riposte:thru"
fi
kill "$others"
wait "$others" || live_fail "--in ${number:-none}: status $?"
others=''
# Who has connected a keyboard, wants the letters for commands.
wanted() { tmux -S "$socket" capture-pane -p -t panel | grep -q "^$want"; }
if command -v tmux >/dev/null; then
    for options in "--in $number" ''; do
        want='letters command'
        [ "$options" ] || want='letters play'
        # The one before may still be ending, and write down its connections.
        socket=$work/${want#* }
        XDG_STATE_HOME=$socket.state tmux -S "$socket" new-session -d -s panel -x 80 -y 24 \
            "LC_ALL=C.UTF-8 '$riposte' play --backend jack $options"
        live_until 20 wanted || live_fail "'$options': not '$want'"
        tmux -S "$socket" kill-server
    done
fi
live_stop
stray=$(live_stat stray)
echo "stray bytes counted: ${stray:-none}"
[ "${stray:-0}" -gt 0 ] || live_fail "stray bytes are not counted"
"$tools/take_check" --list "$work/take.mid" >"$work/list" ||
    live_fail "the take cannot be read"
live_close
