# shellcheck shell=sh disable=SC2154 # guest.sh sets and shares
# What test_rtmidi_vm.sh has done within the machine; see guest_alsa.sh.
#   guest_rtmidi.sh RIPOSTE TOOLS SOURCE
set -u
riposte=$1 tools=$2 source=$3
# shellcheck source=tests/vm/guest.sh
. "$source/tests/vm/guest.sh"

# start_riposte NAME OPTION...: its lines go to NAME.log, the take to NAME.mid.
# It hears nothing before it says that it waits, and says so only where nobody
# plays yet: whoever plays as soon as riposte is connected comes after this.
start_riposte() {
    name=$1
    shift
    rm -rf "$XDG_STATE_HOME" # nothing of the one before
    "$riposte" play --backend rtmidi:alsa --headless --seed 1 --metre 4/4 \
        --candidates "$candidates" --tempo 97 --take "$name.mid" "$@" \
        >"$name.log" 2>&1 </dev/null &
    player=$!
    wait_for file "$name.log" waiting
}

# aplaymidi plays a file, and riposte answers on its own ports.
call() {
    start_listener listener "call_$1.seen" 4
    start_riposte "call_$1" --in "Midi Through"
    aconnect riposte-out:0 listener:0
    aconnect riposte-thru:0 listener:1
    aconnect "Midi Through":0 listener:2
    aplaymidi -p "Midi Through":0 "$source/tests/golden/calls/$1.mid"
    end_of "$listener" listener
    stop_riposte
}

# The keyboard's cable is pulled with keys down, and so is the synth's in the
# middle of the answer to that; both come back. A witness hears all of it.
cables() {
    start_listener witness witness.seen
    witness=$listener
    start_listener listener lost.seen
    start_riposte cables --in Keyboard --out listener
    aconnect riposte-out:0 witness:0
    aconnect riposte-thru:0 witness:1
    start_keys hold 3
    wait_for file keys.log played
    pull "$keys"
    wait_for file cables.log 'Keyboard:keys is gone'
    wait_for file cables.log ' answer '
    pull "$listener"
    wait_for file cables.log 'listener:answer is gone'
    start_listener listener back.seen
    wait_for file cables.log \
        'riposte:out and listener:answer are connected again'
    start_keys hold 2
    wait_for file cables.log 'riposte:in and Keyboard:keys are connected again'
    wait_for file keys.log played
    pull "$keys"
    sleep 4
    stop_riposte
    stop_listener "$listener"
    stop_listener "$witness"
}

# Two seconds of 10,000 events each.
flood() {
    start_listener listener flood.seen
    start_keys flood 20000 10000 2
    start_riposte flood --in Keyboard
    aconnect riposte-thru:0 listener:1
    aconnect Keyboard:0 listener:2
    wait_for file keys.log played
    sleep 1
    pull "$keys"
    stop_riposte
    stop_listener "$listener"
}

calls() {
    few=$candidates candidates=0
    call 06_antioch
    candidates=$few
}

scene calls
scene cables
scene flood
[ "$failed" -eq 0 ]
