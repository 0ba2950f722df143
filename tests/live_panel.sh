#!/bin/sh
# The panel in a real terminal (tmux): start, play on the computer keyboard,
# be answered, turn knobs, read the help, resize, panic, leave.
# Usage: live_panel.sh RIPOSTE TAKE_CHECK [NSM_SERVER]
# shellcheck disable=SC2317 # called by trap and until_true
set -u
riposte=$1 take_check=$2 nsm_server=${3-}
skip() {
    echo "skipped: $*"
    exit 77
}
command -v tmux >/dev/null 2>&1 || skip "no tmux here"
"$riposte" presets --json | grep -q '"model_found": true' ||
    skip "no preset with its model here"

work=$(mktemp -d) || exit 1
socket=$work/none
failed=0 term=''
trap leave EXIT
trap 'exit 1' INT TERM HUP
# No server: the null backend, and the computer keyboard plays.
JACK_DEFAULT_SERVER=rp-none-$$ JACK_NO_START_SERVER=1
export JACK_DEFAULT_SERVER JACK_NO_START_SERVER

# The reasons once more, at the end, where they are looked for.
leave() {
    tmux -S "$socket" kill-server 2>/dev/null
    [ "$failed" -eq 0 ] || { echo "---"; cat "$work/reasons"; }
    rm -rf "$work"
}
fail() {
    echo "failed: $*" | tee -a "$work/reasons"
    failed=$((failed + 1))
}
screen() { tmux -S "$socket" capture-pane -p -t panel; }
keys() { tmux -S "$socket" send-keys -t panel "$@"; }
resize() { tmux -S "$socket" resize-window -t panel -x "$1" -y "$2"; }
# until_true WHAT COMMAND...: it becomes true. Patience costs nothing where all
# is well, so that a busy machine has as much of it as it needs.
until_true() {
    what=$1 tries=300
    shift
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || { fail "$what:"; screen; return; }
        sleep 0.1
    done
}
shows() { screen | grep -qE -- "$1"; }
saw() { until_true "the screen never shows '$1'" shows "$1"; }
# start NAME OPTIONS: a terminal of its own, or what is said to be one: $term
start() {
    socket=$work/$1
    tmux -S "$socket" new-session -d -s panel -x 80 -y 24 \
        "LC_ALL=C.UTF-8 ${term:+TERM=$term} '$riposte' play \
         --tempo 160 $2 2>'$work/err'; \
         echo \"ended with \$?\"; sleep 30"
}

# Another preset beside the shipped one, with the same model.
export XDG_DATA_HOME="$work" XDG_CONFIG_HOME="$work"
mkdir -p "$work/riposte/presets"
"$riposte" presets --json | sed -nE \
    's/.*"model": "([^"]+)", "model_found": true.*/about = test\nmodel = \1/p' |
    sed 2q >"$work/riposte/presets/another.ini"

# whole TAKE: every note on a track ends, later than it begins.
whole() {
    "$take_check" --list "$1" >"$work/list" || fail "$1 cannot be read"
    awk '{ kind = int($3 / 16); note = $1 " " $4 }
        kind == 9 && $5 { bad += note in on; on[note] = $2; notes++; held++ }
        kind == 8 || kind == 9 && !$5 {
            if (!(note in on) || $2 <= on[note]) bad++
            delete on[note]; held-- }
        END { exit !(notes && !held && !bad) }' "$work/list" ||
        { fail "$1: notes that do not end"; cat "$work/list"; }
}

start first "--take '$work/take.mid' --learn cc21=temperature"
saw '^ waiting .* 160 BPM  4/4'
saw 'riposte  melody$'
saw 'null 48000 Hz 128 frames'
saw 'letters play from C4'
for key in z c b z x v; do
    keys "$key"
    sleep 0.35
    [ "$key" != c ] || saw '^ listening'
done
saw '^ answering .* turn 1 '
rolls() {
    [ "$(screen | sed -n '3,18p' | cut -c34- | grep -c '[▀▄█▓]')" -ge 3 ]
}
until_true "no notes in the roll" rolls
keys Tab
saw '^letters command'
keys h Right Right
saw '^> temperature '
knob() { screen | sed -nE 's/^> temperature +([0-9.]+).*/\1/p'; }
turned() { [ "$(knob)" != "$before" ]; }
before=$(knob)
keys Right
until_true "the knob stays at '$before'" turned
# What turns it, and how: each key says what it made of it.
saw '^> temperature .* cc21 '
keys F5
saw '^learn: cc21 = temperature exp$'
keys F7
saw '^learn: cc21 = temperature exp jump$'
keys F2
saw '^move the controller that is to turn temperature'
keys Escape
saw '^letters command'
keys BSpace
saw '^learn: temperature is forgotten$'
keys i Right
saw '^> instrument +0 Acoustic'
keys t +
saw ' 170 BPM '
keys '?'
saw '^ riposte: keys'
saw 'Space +panic'
for _ in 1 2 3 4; do # as many pages as there are
    saw '\? (shows more of|closes) this list'
    shows 'closes this list' && break
    keys '?'
    sleep 0.2
done
keys '?'
saw '^> tempo +170'
keys '?'
saw '^ riposte: keys'
keys Escape
saw '^> tempo +170'
# A key that no terminal has a name for is no Escape and no letters: q leaves.
keys -H 1b 5b 39 39 3b 39 39 51
keys Escape
saw '^> tempo +170'
keys '?'
saw '^ riposte: keys'
keys Escape
saw '^> tempo +170'
for size in '30 6' '5 2' '1 1' '200 50' '80 24'; do
    # shellcheck disable=SC2086 # two numbers
    resize $size
    sleep 0.2 # drawn at each size, or skipped on the way: both must do
done
saw '^> tempo +170'
# Presets chosen while nothing is heard come into use, however many: each is
# shown, and let go a moment later.
preset() { screen | sed -nE 's/.*riposte  ([a-z0-9-]+)$/\1/p'; }
changed() { [ "$(preset)" != "$before" ]; }
for _ in 1 2 3 4 5 6 7 8 9 10; do
    before=$(preset)
    keys PgDn
    until_true "the preset stays '$before'" changed
    sleep 0.2
done
saw '^rig: preset '
screen | grep -q 'too many presets' && { fail "presets are refused"; screen; }
keys Space
saw '^session: 1 panic'
keys q
saw '^ended with 0'
saw '^stats: cycles [0-9]+, heard '
saw '^decide: [1-9][0-9]* turns, '
[ -s "$work/err" ] && { fail "on stderr:"; cat "$work/err"; }
size=$(wc -c <"$work/take.mid") || size=0
[ "$size" -gt 150 ] || fail "the take has $size bytes"
whole "$work/take.mid"
tmux -S "$socket" kill-server

# Ended from outside, in the middle of a note: the same good end.
start second "--take '$work/second.mid' --metre 3/4"
saw '^ waiting .* 3/4'
keys z
saw '^ listening'
pid=$(tmux -S "$socket" list-panes -t panel -F '#{pane_pid}')
xargs kill -TERM <"/proc/$pid/task/$pid/children"
saw '^ended with 0'
whole "$work/second.mid"
tmux -S "$socket" kill-server

# Ctrl-Z in a shell with jobs: it plays on, and what sounds ends.
socket=$work/jobs
tmux -S "$socket" new-session -d -s panel -x 80 -y 24 "LC_ALL=C.UTF-8 sh -i"
keys "'$riposte' play; echo ended with \$?" Enter
saw '^ waiting .* 100 BPM'
keys C-z Tab
saw '^letters command'
keys q
saw '^ended with 0'
tmux -S "$socket" kill-server

# A terminal that is newer than this machine: taken for one that is known.
term=nobody-knows-it
start unknown ""
term=
saw '^ waiting .* 160 BPM'
keys Down Right
saw '^> metre +'
keys Tab q
saw '^ended with 0'
grep -q 'nobody-knows-it is not known here: taken for xterm' "$work/err" ||
    { fail "an unknown terminal:"; cat "$work/err"; }
tmux -S "$socket" kill-server

# A session manager turns the panel to another project and back.
if [ -x "$nsm_server" ]; then
    socket=$work/third port=$((20000 + $$ % 20000))
    cat >"$work/look" <<'EOF'
tries=300
until tmux -S "$1" capture-pane -p -t panel | grep -qE -- "$2"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || exit 1
    sleep 0.1
done
EOF
    look="run sh $work/look $socket"
    cat >"$work/script" <<EOF
osc $port
spawn play --osc $port </dev/tty >/dev/tty 2>$work/err
open $work/one One riposte.nAAAA
hear nsm /reply /nsm/client/open open
send /riposte/temperature 0.6
$look 'temperature +0.6'
save
$look '^nsm: saved in .*/one'
open $work/two Two riposte.nBBBB
hear nsm /reply /nsm/client/open open
$look 'temperature +1 '
open $work/one One riposte.nAAAA
hear nsm /reply /nsm/client/open open
$look 'temperature +0.6'
term
EOF
    tmux -S "$socket" new-session -d -s panel -x 80 -y 24 \
        "LC_ALL=C.UTF-8 '$nsm_server' '$riposte' '$work/log' \
        <'$work/script' >'$work/out' 2>&1; echo \"ended with \$?\"; sleep 30"
    saw '^ended with'
    shows '^ended with 0' || { fail "a session manager:"; cat "$work/out"; }
    tmux -S "$socket" kill-server
fi

# A terminal that nobody knows is one line and no panel.
TERM=dumb "$riposte" play --headless --duration 0.3 >/dev/null 2>"$work/err" ||
    fail "headless on a dumb terminal: status $?"
echo "take of $size bytes"
[ "$failed" -eq 0 ] && echo "passed"
exit "$((failed > 0))"
