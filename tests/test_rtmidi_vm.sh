#!/bin/sh
# The RtMidi backend over the sequencer of a real kernel, as test_alsa_vm.sh: it
# answers on the clock, as on the null backend; cables are pulled; events flood.
# Usage: test_rtmidi_vm.sh RIPOSTE TOOLS TAKE_CHECK SOURCE_ROOT
set -u
# shellcheck source=tests/vm/vm.sh
. "$4/tests/vm/vm.sh"
# shellcheck source=tests/vm/judge.sh
. "$4/tests/vm/judge.sh"
vm_arguments "$@"
"$riposte" ports --backend rtmidi:alsa 2>&1 | grep -q 'this build has no' &&
    vm_skip "built without RtMidi"
vm_begin

judge_call() {
    on_the_clock "call_$1" 97
    "$take_check" "$work/frames" "$work/call_$1.mid" || fail "$1: the take"
    as_null "$1" 0
}

judge_cables() {
    silent back.seen
    silent witness.seen
    kept=$("$take_check" --list "$work/cables.mid" | awk '
        $1 == 1 && $3 == 144 { on++ } $1 == 1 && $3 == 128 { off++ }
        $1 == 2 && $3 == 144 { answer++ } END { print on, off, (answer > 0) }')
    [ "$kept" = "5 5 1" ] || fail "the take has (on, off, answer): $kept"
    expect cables 0 late dropped lost_heard lost_recorded
    echo "cables pulled three times: silent at the end, the take complete"
}

judge_flood() {
    sed -n 's/^call [0-9]* [0-9]* //p' "$work/flood.seen" >"$work/in"
    sed -n 's/^thru [0-9]* [0-9]* //p' "$work/flood.seen" |
        head -n 20000 >"$work/out"
    [ "$(grep -c '' "$work/in")" -eq 20000 ] || fail "flood: not all was sent"
    cmp "$work/in" "$work/out" || fail "flood: thru is not what was played"
    silent flood.seen
    expect flood 0 dropped stray lost_heard lost_recorded
    echo "flood: 20000 events, all of them passed on"
}

vm_run 800 "$source/tests/vm/guest_rtmidi.sh" "$riposte" "$tools" "$source" ||
    fail "the machine"
judge_call 06_antioch
judge_cables
judge_flood
exit "$((failed > 0))"
