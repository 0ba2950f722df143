#!/bin/sh
# The ALSA backend over the sequencer of a real kernel, in a small virtual
# machine on virtual time (tests/vm): files that aplaymidi plays are answered
# on the clock, and as on the null backend; cables are pulled; events flood.
# Usage: test_alsa_vm.sh RIPOSTE TOOLS TAKE_CHECK SOURCE_ROOT
set -u
riposte=$(realpath "$1") tools=$(realpath "$2") take_check=$(realpath "$3")
source=$(realpath "$4")
latency=5333.3 # us: two periods of 128 frames at 48000 Hz
limit=300      # us, the most that an answer may be off the clock
# shellcheck source=tests/vm/vm.sh
. "$source/tests/vm/vm.sh"
[ -x "$tools/seq_listen" ] || vm_skip "built without ALSA"
for tool in aplaymidi aconnect; do
    command -v $tool >/dev/null 2>&1 || vm_skip "no $tool here"
done
vm_begin "$source"
failed=0

fail() {
    failed=$((failed + 1))
    echo "failed: $*"
}

expect() { # expect NAME VALUE COUNTER...: what riposte counted
    name=$1 value=$2
    shift 2
    for counter; do
        said=$(sed -nE "s/^stats:.* $counter ([0-9]+).*/\1/p" \
            "$work/$name.log" | tail -n 1)
        [ "$said" = "$value" ] || fail "$name: $counter ${said:-not said}"
    done
}

silent() { # silent LOG: nothing sounds at the end, and nothing was lost
    grep -q '^sounding 0 lost 0 ' "$work/$1" ||
        fail "$1: $(tail -n 1 "$work/$1")"
}

# The notes of a track in 24ths of a beat since the first of the call.
notes() { # notes TAKE TRACK
    "$take_check" --list "$1" | awk -v track="$2" '
        $3 == 144 && $1 == 1 && begin == "" { begin = $2 }
        $3 == 144 && $1 == track { print int(($2 - begin) / 40 + 0.5), $4, $5 }'
}

on_the_clock() { # on_the_clock NAME BPM
    echo "$1 at $2 BPM"
    "$tools/seq_grid" "$work/$1.seen" "$2" "$latency" "$limit" \
        "$work/frames" || fail "$1: off the clock"
    expect "$1" 0 late dropped xruns stray lost_heard lost_recorded
}

as_null() { # as_null CALL
    "$riposte" play --backend null --headless --seed 1 --metre 4/4 --tempo 97 \
        --call "$source/tests/golden/calls/$1.mid" --take "$work/null.mid" \
        >"$work/null.log" 2>&1 || fail "$1: the null backend"
    notes "$work/null.mid" 2 >"$work/null.notes"
    notes "$work/call_$1.mid" 2 >"$work/alsa.notes"
    [ -s "$work/null.notes" ] || fail "$1: no notes"
    cmp "$work/null.notes" "$work/alsa.notes" ||
        fail "$1: not the notes of the null backend"
    echo "the same $(grep -c '' "$work/alsa.notes") notes as on the null" \
        "backend, at the same beats"
}

judge_calls() {
    for file in 02_st_anne 06_antioch 12_winchester_new; do
        on_the_clock call_$file 97
        "$take_check" "$work/frames" "$work/call_$file.mid" ||
            fail "$file: the take"
        as_null $file
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
judge_ends
judge_flood
judge_timer
exit "$((failed > 0))"
