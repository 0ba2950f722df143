#!/bin/sh
# 10,000 events a second at the input, over JACK itself and over RtMidi: notes,
# then bends with SysEx, pieces and bytes of no message among them. Nothing that
# is a message is lost, what is none is counted to the byte, and in the middle
# of it a call is answered in time.
# RIPOSTE_FLOOD_SECONDS: how long the notes last on each (1).
# Usage: live_flood.sh RIPOSTE TOOLS SOURCE_ROOT
# shellcheck disable=SC2317 # called by live_until
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
seconds=${RIPOSTE_FLOOD_SECONDS:-1}
call=$source/tests/golden/calls/16_regent_square.mid

# flood KIND SECONDS: in the background; `flooder` is its process.
flood() {
    live_run "$tools/jack_flood" "$1" "$2" 10000 "${backend%%:*}" \
        >"$work/flood" 2>&1 &
    flooder=$!
    others=$flooder
    live_until 10 grep -qs flooding "$work/flood"
}

flooded() {
    wait "$flooder" || live_fail "$backend: the flood"
    others=''
    sed "s/^/$backend: /" "$work/flood"
    grep '^failed:' "$work/flood" >>"$work/reasons"
}

notes() {
    live_play --take "$work/take.mid"
    flood notes "$seconds"
    flooded
    sounding=$(sed -nE 's/^([0-9]+) events sent.*/\1/p' "$work/flood")
    live_stop
    live_expect_zero stray dropped
    heard=$(live_stat heard) recorded=$(live_stat lost_recorded)
    [ "${heard:-0}" -ge "$sounding" ] ||
        live_fail "$backend: heard ${heard:-none} of $sounding"
    taken=$("$tools/take_check" --list "$work/take.mid" | awk '
        $1 == 1 && $3 >= 128 && $3 < 160 && $4 < 128' | grep -c '')
    [ "$((taken + recorded))" = "$heard" ] ||
        live_fail "$backend: the take has $taken of $heard notes"
    # Some seconds fit, on any machine; of a minute what does not is said.
    [ "$seconds" -gt 2 ] || live_expect_zero lost_heard lost_recorded
    for loss in 'heard: too many at once' \
        'missing from the take: the disk is behind'; do
        counter=lost_recorded
        [ "${loss%%:*}" = heard ] && counter=lost_heard
        lost=$(live_stat $counter)
        [ "$lost" = 0 ] || grep "$loss" "$work/play.log" | tail -n 1 |
            grep . || live_fail "$backend: $counter $lost, and not a word"
    done
}

answered() {
    live_play --tempo 240
    flood mixed 60
    # shellcheck disable=SC2086 # options
    live_call --bpm 240 --flood 1 $1 "$call" ||
        live_fail "$backend: no answer in time in the middle of a flood"
    kill "$flooder"
    flooded
    live_stop
    live_expect_zero lost_heard lost_recorded dropped
    stray=$(sed -nE 's/.* stray ([0-9]+)$/\1/p' "$work/flood")
    [ "$(live_stat stray)" = "$stray" ] ||
        live_fail "$backend: stray $(live_stat stray), sent $stray"
}

live_server
backend=jack
notes
answered ''
if "$riposte" ports --backend rtmidi:jack >"$work/ports" 2>&1; then
    backend=rtmidi:jack
    notes
    # RtMidi knows JACK's periods only, and so does this test.
    answered "--rtmidi 1 --off 200"
else
    echo "not over RtMidi: $(head -n 1 "$work/ports")"
fi
live_close
