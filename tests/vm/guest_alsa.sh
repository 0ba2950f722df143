# shellcheck shell=sh
# What test_alsa_vm.sh has done within the machine, by dash or bash; what came
# of it lies in /run/vm and is judged there, as programs start slowly here.
#   guest_alsa.sh RIPOSTE TOOLS SOURCE
set -u
riposte=$1 tools=$2 source=$3
# shellcheck source=tests/vm/guest.sh
. "$source/tests/vm/guest.sh"

# start_riposte NAME OPTION...: its lines go to NAME.log, the take to NAME.mid.
# It says that it waits only where nobody plays yet: whoever plays as soon as
# riposte is connected comes after this.
start_riposte() {
    name=$1
    shift
    rm -rf "$XDG_STATE_HOME" # nothing of the one before
    "$riposte" play --backend alsa --headless --seed 1 --metre 4/4 \
        --candidates "$candidates" --take "$name.mid" --out listener "$@" \
        >"$name.log" 2>&1 </dev/null &
    player=$!
    wait_for file "$name.log" waiting
    # --out took the listener's port "answer" for both.
    aconnect riposte:2 listener:1 && aconnect -d riposte:2 listener:0
}

# aplaymidi plays a file, and riposte answers.
one_call() { # one_call NAME FILE BPM
    start_listener listener "$1.seen" 4
    start_riposte "$1" --tempo "$3" --in "Midi Through"
    aconnect "Midi Through":0 listener:2
    aplaymidi -p "Midi Through":0 "$source/tests/golden/calls/$2.mid"
    end_of "$listener" listener
    stop_riposte
}

calls() {
    few=$candidates candidates=0
    one_call call_02_st_anne 02_st_anne 97
    candidates=$few
    for file in 06_antioch 12_winchester_new; do
        one_call call_$file $file 97
    done
    one_call off_grid 04_ode_to_joy_pedal 133.337
}

# The keyboard's cable is pulled with keys down, twice; the synth's in the
# middle of the answer to that; both come back. A witness hears all of it.
cables() {
    start_listener witness witness.seen
    witness=$listener
    start_listener listener lost.seen
    start_riposte cables --tempo 97 --in Keyboard
    aconnect riposte:1 witness:0
    aconnect riposte:2 witness:1
    start_keys hold 3
    wait_for file keys.log played
    pull "$keys"
    wait_for file cables.log 'Keyboard:keys is gone'
    start_keys hold 2
    wait_for file cables.log 'riposte:in and Keyboard:keys are connected again'
    wait_for file keys.log played
    pull "$keys"
    wait_for file cables.log ' answer '
    pull "$listener"
    wait_for file cables.log 'listener:answer is gone'
    sleep 1
    start_listener listener back.seen
    for port in out:answer thru:thru; do
        wait_for file cables.log \
            "riposte:${port%:*} and listener:${port#*:} are connected again"
    done
    sleep 4
    stop_riposte
    stop_listener "$listener"
    stop_listener "$witness"
}

# Two keyboards of one name: the one that was connected is, when it is back;
# and one that comes later than riposte.
namesakes() {
    start_listener listener namesakes.seen
    start_riposte namesakes --tempo 97 --in Keyboard
    wait_for file namesakes.log "no MIDI source is called 'Keyboard' yet"
    start_keys hold 1
    first=$keys
    wait_for file namesakes.log 'riposte:in and Keyboard:keys are connected'
    wait_for file keys.log played
    "$tools/seq_play" Keyboard hold 1 >other.log &
    other=$!
    wait_for file namesakes.log 'Keyboard:keys is there' 2
    pull "$first"
    wait_for file namesakes.log 'Keyboard:keys is gone; it is connected again'
    sleep 2
    start_keys hold 1
    wait_for file namesakes.log 'Keyboard:keys are connected again'
    wait_for file keys.log played
    grep -q played other.log && fail "namesakes: the other one is connected"
    pull "$keys"
    pull "$other"
    stop_riposte
    stop_listener "$listener"
}

# Killed with keys down it leaves them to the synth; the next one, which is told
# nothing, connects the same and silences it first.
killed() {
    start_listener listener killed.seen
    start_riposte killed --tempo 97 --in Keyboard
    start_keys hold 2
    wait_for file keys.log played
    sleep 2 # what is connected by hand is written down once a second
    pull "$player"
    "$riposte" play --backend alsa --headless --duration 3 >again.log 2>&1 \
        </dev/null || fail "killed: the next ended with $?"
    pull "$keys"
    stop_listener "$listener"
}

# Riposte is told to end in the middle of its answer.
ends() {
    start_listener listener ends.seen
    start_riposte ends --tempo 97 --in "Midi Through"
    aplaymidi -p "Midi Through":0 "$source/tests/golden/calls/06_antioch.mid"
    wait_for file ends.log ' answer '
    stop_riposte
    stop_listener "$listener"
}

# Two seconds of 10,000 events each.
flood() {
    start_listener listener flood.seen
    start_keys flood 20000 10000 2
    start_riposte flood --tempo 97 --in Keyboard
    aconnect Keyboard:0 listener:2
    wait_for file keys.log played
    sleep 1
    pull "$keys"
    stop_riposte
    stop_listener "$listener"
}

# Without the fine timer it plays, too.
timer() {
    rmmod snd_hrtimer || fail "rmmod"
    "$riposte" play --backend alsa --headless --duration 1 >timer.log 2>&1 \
        </dev/null || fail "timer: riposte ended with $?"
}

scene calls
scene cables
scene namesakes
scene killed
scene ends
scene flood
scene timer # the last: it takes the timer's module away
[ "$failed" -eq 0 ]
