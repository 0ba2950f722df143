#!/bin/sh
# Cables over a real JACK server: the first keyboard is connected, what is
# asked for is waited for, what is pulled comes back and is silent; riposte is
# killed with keys down, and the next one connects the same and silences it; a
# synth that sends back what it receives starts no conversation of its own.
# Usage: live_ports.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server

# gear NAME WORDS...: a keyboard or synth; its process is `gear`.
gear() {
    gear_name=$1
    shift
    : >"$work/$gear_name"
    live_run "$tools/jack_gear" "$@" >"$work/$gear_name" 2>&1 &
    gear=$!
    others="$others $gear"
    live_until 10 grep -q there "$work/$gear_name" ||
        live_fail "$gear_name did not come up"
}

pull() { # pull PROCESS: as when its cable is pulled
    kill -9 "$1"
    wait "$1" 2>/dev/null
}

says() { # says FILE WORDS: soon
    live_until 10 grep -q "$2" "$work/$1" ||
        live_fail "$1 never said '$2'"
}

# silent NAME PROCESS: ended, it says that nothing sounds, though something did.
silent() {
    kill "$2"
    wait "$2" 2>/dev/null
    grep -Eq '^sounding 0 of [1-9][0-9]* notes' "$work/$1" ||
        live_fail "$1: $(tail -n 1 "$work/$1")"
}

cables() {
    live_play --take "$work/take.mid" --out synth
    says play.log "no MIDI destination is called 'synth' yet"
    gear synth synth synth
    synth=$gear
    says play.log 'riposte:thru and synth:in are connected'
    gear keys keys keyboard 60 3
    keys=$gear
    says play.log 'riposte:in and keyboard:keys are connected: the first'
    says keys played
    pull "$keys"
    says play.log 'keyboard:keys is gone; it is connected again when'
    says play.log ' answer '
    pull "$synth"
    says play.log 'synth:in is gone'
    gear keys keys keyboard 60 2 # the other order
    keys=$gear
    says play.log 'keyboard:keys are connected again'
    gear back synth synth
    synth=$gear
    says play.log 'riposte:out and synth:in are connected again'
    says back silenced
    says keys played
    pull "$keys"
    says play.log 'riposte:in and keyboard:keys are connected again'
    live_stop
    silent back "$synth"
    kept=$("$tools/take_check" --list "$work/take.mid" | awk '
        $1 == 1 && $3 == 144 { on++ } $1 == 1 && $3 == 128 { off++ }
        $1 == 2 && $3 == 144 { answer++ } END { print on, off, (answer > 0) }')
    [ "$kept" = "5 5 1" ] || live_fail "the take has (on, off, answer): $kept"
    live_expect_zero lost_heard lost_recorded
}

# It is killed while keys are down: they sound on, until the next one comes.
killed() {
    gear left synth synth
    synth=$gear
    gear keys keys keyboard 60 2
    keys=$gear
    live_play
    says play.log 'riposte:in and keyboard:keys .*as they were the last time'
    says play.log 'riposte:thru and synth:in .*as they were the last time'
    says keys played
    pull "$player"
    player=''
    silent=$(grep -c silenced "$work/left")
    [ "$silent" -eq 0 ] || live_fail "silenced at a usual start"
    pull "$synth" # its own count is lost; it comes back as it was
    gear left synth synth
    synth=$gear
    live_play
    says left silenced
    live_stop
    pull "$gear"
}

listed() {
    live_play
    gear synth synth synth
    says play.log 'riposte:out and synth:in are connected'
    "$riposte" ports --backend jack >"$work/ports" 2>&1
    says ports 'synth:in <- riposte:out, riposte:thru'
    says ports '^jack *in *keyboard:keys$'
    live_stop
    pull "$gear"
    "$riposte" ports --forget || live_fail "--forget: status $?"
    gear synth synth synth
    live_play
    "$riposte" ports --backend jack >"$work/ports" 2>&1
    says ports 'synth:in$'
    says ports '^jack *in .*keyboard:keys -> riposte:in' # as at a first start
    live_stop
    pull "$gear"
    pull "$keys"
}

# Riposte answers once; what comes back to it is counted and no call.
echoes() {
    gear loop synth loop echo
    loop=$gear
    live_play --in loop --in keyboard --out loop
    gear keys keys keyboard 60 4
    keys=$gear
    says keys played
    pull "$keys"
    says play.log ' answer '
    live_until 15 sh -c "[ \$(grep -c ' waiting\$' '$work/play.log') -ge 2 ]"
    sleep 2
    live_stop
    turns=$(grep -c ' answering' "$work/play.log")
    [ "$turns" -eq 1 ] || live_fail "answered $turns times to one call"
    echoes=$(live_stat echoes)
    [ "${echoes:-0}" -ge 5 ] || live_fail "echoes: ${echoes:-not said}"
    silent loop "$loop"
}

cables
killed
listed
echoes
grep -h ' connected\| gone' "$work/play.log"
live_close
