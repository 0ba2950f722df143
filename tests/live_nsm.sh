#!/bin/sh
# A session manager and an OSC program drive whole sessions over jackd: names,
# what is saved and comes back, dirty and clean, switching, notes as the take
# has them, an end in the middle of an answer, and what must not go wrong.
# Usage: live_nsm.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
[ -x "$tools/nsm_server" ] || live_skip "built without liblo"
live_server

song=$work/session/song.nABCD other=$work/session/other.nEFGH
port=$((20000 + $$ % 20000))
idle=$tools/jack_idle said=$work/play.log

# The controllers that the player has learned already; a synth.
mkdir -p "$XDG_CONFIG_HOME/riposte"
echo 'cc22 = temperature' >"$XDG_CONFIG_HOME/riposte/learn.ini"
: >"$work/synth"
live_run "$tools/jack_gear" synth synth >"$work/synth" 2>&1 &
synth=$!
others="$others $synth"
live_until 10 grep -q there "$work/synth" || live_fail "no synth"

# session WHAT: obeys $work/script; a line of it that fails is named.
session() {
    live_tool "$tools/nsm_server" "$riposte" "$work/log" <"$work/script" ||
        live_fail "$1: $(tail -n 3 "$said"; tail -n 3 "$work/jackd.log")"
}

# All of a first run: a new project, knobs, save, another project and back.
cat >"$work/script" <<EOF
osc $port
spawn play --backend jack --headless --osc $port >>$said 2>&1
open $song Song riposte.nABCD
hear nsm /nsm/client/progress 0
hear nsm /nsm/client/progress 1
hear nsm /reply /nsm/client/open open
run $idle --wait 5 riposte.nABCD:in riposte.nABCD:out riposte.nABCD:thru
run jack_connect riposte.nABCD:out synth:in
loaded
hear nsm /nsm/client/is_dirty
hear nsm /nsm/client/message 0 preset melody, jack *
hear nsm /nsm/client/label melody
run grep -q '^cc22 = temperature' $song/learn.ini
send /riposte/learn cc21=tempo
send /riposte/temperature 0.6
send /riposte/mode trade
send /riposte/tempo 200
send /riposte/metre 3/4
send /riposte/temperature
hear osc /riposte/temperature 0.6
run grep -q '^cc21 = tempo' $song/learn.ini
run ! grep -q cc21 $XDG_CONFIG_HOME/riposte/learn.ini
stray
sleep 0.2
deaf nsm /reply /nsm/client/save *
run ! test -e $song/riposte.ini
save
hear nsm /reply /nsm/client/save saved
hear nsm /nsm/client/is_clean
send /riposte/tempo 133
hear nsm /nsm/client/is_dirty
send /riposte/tempo 200
hear nsm /nsm/client/is_clean
send /riposte/tempo 133
hear nsm /nsm/client/is_dirty
open $other Other riposte.nEFGH
hear nsm /reply /nsm/client/open open
hear nsm /nsm/client/is_dirty
run $idle --wait 5 riposte.nEFGH:in
run ! grep -q cc21 $other/learn.ini
run ! jack_lsp -c synth:in | grep -q riposte
send /riposte/temperature
hear osc /riposte/temperature 1
save
hear nsm /reply /nsm/client/save saved
open $song Song riposte.nABCD
hear nsm /reply /nsm/client/open open
hear nsm /nsm/client/is_clean
send /riposte/tempo
hear osc /riposte/tempo 200
send /riposte/mode
hear osc /riposte/mode trade
send /riposte/metre
hear osc /riposte/metre 3/4
term
EOF
session "a project, saved, left and opened again"

# The next day; it is stopped in the middle of an answer.
cat >"$work/script" <<EOF
osc $port
spawn play --backend jack --headless --osc $port --duration 60 \
--cue '1 call=$source/tests/golden/calls/07_duke_street.mid' \
>>$said 2>&1
open $song Song riposte.nABCD
hear nsm /reply /nsm/client/open open
hear nsm /nsm/client/is_clean
run jack_lsp -c synth:in | grep -q riposte.nABCD:out
run grep -q '^cc21 = tempo' $song/learn.ini
send /riposte/temperature
hear osc /riposte/temperature 0.6
send /riposte/mode answer
send /riposte/subscribe notes
hear osc /riposte/subscribed 60
hear osc /riposte/note call *
hear osc /riposte/note answer *
hear osc /riposte/note answer *
term
EOF
session "a project of yesterday, and an end while it answers"
awk '/^osc \/riposte\/note/ { key = $3 " " $4 " " $5
    if ($6 > 0) on[key]++; else if (on[key] > 0) on[key]-- }
    END { for (key in on) if (on[key]) { print "sounds still:", key; bad = 1 }
        exit bad }' "$work/log" || live_fail "the end leaves a note"
kill "$synth"
wait "$synth" 2>/dev/null
grep -Eq '^sounding 0 of [1-9][0-9]* notes' "$work/synth" ||
    live_fail "the synth: $(tail -n 1 "$work/synth")"
# Track 1 of the take is the call, 2 the answer, each event as it sounded.
awk '/^osc \/riposte\/note/ && $6 > 0 { print $3, $5, $6 }' "$work/log" |
    sort >"$work/told"
"$tools/take_check" --list "$song/take.mid" |
    awk '$3 >= 144 && $3 < 160 && $5 > 0 {
        print ($1 == 1 ? "call" : "answer"), $4, $5 }' | sort >"$work/taken"
if [ -s "$work/told" ] && cmp -s "$work/told" "$work/taken"; then
    echo "OSC told of the $(grep -c '' "$work/told") notes of the take"
else
    diff "$work/told" "$work/taken" | head -n 5
    live_fail "OSC told of other notes than those of the take"
fi

# A file that somebody has edited is refused with its line, and what plays goes
# on; a manager that goes away or refuses is missed by nobody.
cp "$song/riposte.ini" "$work/good"
cat >"$work/script" <<EOF
osc $port
spawn play --backend jack --headless --osc $port >>$said 2>&1
open $other Other riposte.nEFGH
hear nsm /reply /nsm/client/open open
run echo 'tempo = fast' >>$song/riposte.ini
open $song Song riposte.nABCD
hear nsm /error /nsm/client/open -9 $song/riposte.ini:*
run cp $work/good $song/riposte.ini
send /riposte/temperature 0.7
send /riposte/temperature
hear osc /riposte/temperature 0.7
leave
sleep 0.2
send /riposte/temperature 0.8
send /riposte/temperature
hear osc /riposte/temperature 0.8
back
save
hear nsm /reply /nsm/client/save saved
send /riposte/quit
await
refuse No session is open
spawn play --backend jack --headless --osc $port >>$said 2>&1
run $idle --wait 5 riposte:in
send /riposte/ping
hear osc /riposte/pong riposte *
term
EOF
session "a broken project, a manager that leaves or refuses"
grep -q '^temperature = 0.8$' "$other/riposte.ini" ||
    live_fail "what was saved at last is not there"
live_close
