#!/bin/sh
# The ALSA backend over the sequencer of a real kernel, in a small virtual
# machine on virtual time (tests/vm): files that aplaymidi plays are answered
# on the clock, and as on the null backend; cables are pulled; events flood.
# Usage: test_alsa_vm.sh RIPOSTE TOOLS TAKE_CHECK SOURCE_ROOT
set -u
# shellcheck source=tests/vm/vm.sh
. "$4/tests/vm/vm.sh"
# shellcheck source=tests/vm/judge.sh
. "$4/tests/vm/judge.sh"
vm_arguments "$@"
vm_begin

judge_calls() {
    for file in 02_st_anne 06_antioch 12_winchester_new; do
        on_the_clock call_$file 97
        "$take_check" "$work/frames" "$work/call_$file.mid" ||
            fail "$file: the take"
        candidates=8
        [ $file = 02_st_anne ] && candidates=0
        as_null $file $candidates
    done
    on_the_clock off_grid 133.337
}

judge_cables() {
    silent back.seen
    silent witness.seen
    # What came back was silenced before anything else: CC 64, 123, 120.
    for port in answer thru; do
        quiet=$(sed -n "s/^$port [0-9]* [0-9]* //p" "$work/back.seen" |
            awk '$1 >= 144 && $1 < 160 { exit }
                $1 >= 176 && $1 < 192 && $2 ~ /^(64|120|123)$/ && !$3' |
            sort -u | grep -c '')
        [ "$quiet" -eq 48 ] || fail "$port: $quiet of 48 messages of silence"
    done
    kept=$("$take_check" --list "$work/cables.mid" | awk '
        $1 == 1 && $3 == 144 { on++ } $1 == 1 && $3 == 128 { off++ }
        $1 == 2 && $3 == 144 { answer++ } END { print on, off, (answer > 0) }')
    [ "$kept" = "5 5 1" ] || fail "the take has (on, off, answer): $kept"
    expect cables 0 late dropped lost_heard lost_recorded
    echo "cables pulled four times: silent at the end, the take complete"
}

judge_namesakes() {
    silent namesakes.seen
    grep -q 'Keyboard:keys \[2\] are connected' "$work/namesakes.log" &&
        fail "namesakes: the wrong one was connected"
    echo "namesakes: the keyboard that came back is the one that is connected"
}

judge_killed() {
    for port in 'in and Keyboard:keys' 'out and listener:answer' \
        'thru and listener:thru'; do
        grep -q "riposte:$port are connected, as they were the last time" \
            "$work/again.log" || fail "killed: not connected again: $port"
    done
    silent killed.seen
    # The notes began and no note-off came: it was the silence that ended them.
    left=$(awk '/^thru/ { if ($4 >= 144 && $4 < 160) on++
        if ($4 >= 128 && $4 < 144) off++
        if ($4 >= 176 && $4 < 192 && $5 == 123) quiet++ }
        END { print on + 0, off + 0, (quiet >= 16) }' "$work/killed.seen")
    [ "$left" = "2 0 1" ] || fail "killed: (on, off, silence): $left"
    echo "killed with keys down: the next one connects the same, silenced first"
}

judge_ends() {
    silent ends.seen
    grep -q '^answer ' "$work/ends.seen" || fail "ends: no answer"
}

judge_flood() {
    sed -n 's/^call [0-9]* [0-9]* //p' "$work/flood.seen" >"$work/in"
    sed -n 's/^thru [0-9]* [0-9]* //p' "$work/flood.seen" |
        head -n 20000 >"$work/out"
    [ "$(grep -c '' "$work/in")" -eq 20000 ] || fail "flood: not all was sent"
    cmp "$work/in" "$work/out" || fail "flood: thru is not what was played"
    silent flood.seen
    expect flood 0 dropped stray lost_heard lost_recorded
    awk '/^call/ { if (!a) a = $2; b = $2 } END {
        printf "flood: 20000 events in %.2f s, all of them passed on\n",
            (b - a) / 1e9 }' "$work/flood.seen"
}

judge_timer() {
    said=$(grep -c 'times notes by its system timer' "$work/timer.log")
    [ "$said" -eq 1 ] || fail "the coarse timer is not said once"
}

vm_run 800 "$source/tests/vm/guest_alsa.sh" "$riposte" "$tools" "$source" ||
    fail "the machine"
judge_calls
judge_cables
judge_namesakes
judge_killed
judge_ends
judge_flood
judge_timer
exit "$((failed > 0))"
