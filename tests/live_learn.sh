#!/bin/sh
# What the player sends to riposte itself, over JACK and seen in the panel: a
# controller is learned, turns the knob from where it passes its value, and is
# kept; the synth does not turn with it. A pedal holds the turn, another ends
# it; a program change chooses a preset.
# Usage: live_learn.sh RIPOSTE TOOLS SOURCE_ROOT
# shellcheck disable=SC2317 # called by live_until
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
command -v tmux >/dev/null || live_skip "no tmux here"
live_server

page() { tmux -S "$socket" capture-pane -p -t panel 2>/dev/null; }
wanted() { page | grep -qE -- "$want"; }
saw() {
    want=$1
    live_until 20 wanted && return
    page
    live_fail "never shown: $1"
    tmux -S "$socket" kill-server
    exit 1
}
# sent BACK MESSAGE...: so many come back from thru
sent() {
    want=$1 lines=$(($(grep -c '' "$work/sent") + 1))
    shift
    echo "$*" >&8
    live_until 20 answered && [ "$(tail -n 1 "$work/sent")" = "back $want" ] ||
        live_fail "$*: $(tail -n 1 "$work/sent"), expected back $want"
}
answered() { [ "$(grep -c '' "$work/sent")" -ge "$lines" ]; }
socket=$work/learn
mkdir -p "$XDG_DATA_HOME/riposte/presets"
"$riposte" presets --json | sed -nE \
    's/.*"model": "([^"]+)", "model_found": true.*/model = \1/p' |
    sed 1q >"$XDG_DATA_HOME/riposte/presets/zebra.ini"
tmux -S "$socket" new-session -d -s panel -x 80 -y 24 "LC_ALL=C.UTF-8 \
    '$riposte' play --backend jack --tempo 100 --end-turn cc66"
saw '^ waiting .* 100 BPM'
panel=$(tmux -S "$socket" list-panes -t panel -F '#{pane_pid}')
mkfifo "$work/messages"
live_run "$tools/jack_send" riposte:in riposte:thru \
    <"$work/messages" >"$work/sent" &
others=$!
exec 8>"$work/messages"
live_until 20 grep -q ready "$work/sent" || live_fail "no sender"
tmux -S "$socket" send-keys -t panel F2
saw '^move the controller .* tempo'
sent 0 178,21,10
saw '^> tempo +100 +cc21>'
sent 2 178,21,30 178,22,99 179,21,5 # others pass
saw '^> tempo +100 +cc21>'
sent 0 178,21,127
saw '^> tempo +180 +cc21 '
grep -qx 'cc21/3 = tempo' "$XDG_CONFIG_HOME/riposte/learn.ini" ||
    live_fail "learn.ini: $(cat "$XDG_CONFIG_HOME/riposte/learn.ini")"
sent 8 144,60,80 wait 128,60,0 144,62,80 wait 128,62,0 144,64,80 wait \
    128,64,0 176,64,127 144,65,80 # the pedal holds the turn
saw '^ listening'
sent 0 176,66,127 176,66,0
saw '^ (answering|waiting) .* turn 1 '
sent 2 128,65,0 176,64,0
sent 0 192,1
saw 'riposte  zebra$'
tmux -S "$socket" send-keys -t panel BSpace
saw '^> tempo +180 {10}'
sent 1 178,21,10
tmux -S "$socket" send-keys -t panel F10
live_until 20 live_ended "$panel" || live_fail "the panel stays"
live_close
