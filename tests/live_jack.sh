#!/bin/sh
# Turns at 97 BPM over a real JACK server: real phrases from .mid files
# go into riposte:in at exact frames; what comes out is measured against a
# grid of exact rationals, and the take against both.
# RIPOSTE_TURNS turns, four when that is not set.
# Usage: live_jack.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server
live_play --take "$work/take.mid"
live_watch

live_call --turns "${RIPOSTE_TURNS:-4}" \
    --log "$work/log" "$source"/tests/golden/calls/[0-9]*.mid ||
    live_fail "the turns"
live_starved
live_stop
tail -n 5 "$work/play.log"

if [ -s "$work/take.mid" ]; then
    live_tool "$tools/take_check" "$work/log" "$work/take.mid" ||
        live_fail "the take is not what was played"
else
    live_fail "no take"
fi

live_same take 97

# A second reader, where there is one.
python=
for try in /usr/bin/python3 python3; do
    "$try" -c 'import mido' 2>/dev/null && python=$try && break
done
if [ "$python" ] && [ -s "$work/take.mid" ]; then
    "$python" - "$work/take.mid" >"$work/mido" <<'EOF' || live_fail "mido"
import sys, mido
for number, track in enumerate(mido.MidiFile(sys.argv[1]).tracks):
    tick = 0
    for message in track:
        tick += message.time
        if not message.is_meta:
            print(number, tick, *message.bytes())
EOF
    "$tools/take_check" --list "$work/take.mid" >"$work/list"
    if cmp -s "$work/mido" "$work/list"; then
        echo "mido reads the same $(grep -c '' "$work/mido") events"
    else
        live_fail "mido reads the take otherwise"
    fi
fi

live_expect_zero lost_heard lost_recorded
live_judge_late
live_judge "decision to ring, p99" \
    "$(sed -nE 's/.*decide: .*p99 ([0-9]+) us.*/\1/p' "$work/play.log")" \
    10000 $((held_all + held_performer))
live_close
