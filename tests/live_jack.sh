#!/bin/sh
# Twenty turns at 97 BPM over a real JACK server: real phrases from .mid files
# go into riposte:in at exact frames; what comes out is measured against a
# grid of exact rationals, and the take against both.
# Usage: live_jack.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server
live_play --take "$work/take.mid"

"$tools/jack_caller" --bpm 97 --turns "${RIPOSTE_TURNS:-20}" \
    --log "$work/log" "$source"/tests/golden/calls/[0-9]*.mid ||
    live_fail "the turns"
live_stop
tail -n 5 "$work/play.log"

if [ -s "$work/take.mid" ]; then
    "$tools/take_check" "$work/log" "$work/take.mid" ||
        live_fail "the take is not what was played"
else
    live_fail "no take"
fi

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

live_expect_zero dropped lost_heard lost_recorded
# A period that the server left out may make notes late; nothing else may.
late=$(live_stat late) xruns=$(live_stat xruns)
[ "${late:-999}" -le "${xruns:-0}" ] || live_fail "late: ${late:-not said}"
p99=$(sed -nE 's/.*decide: .*p99 ([0-9]+) us.*/\1/p' "$work/play.log")
if [ -z "$p99" ]; then
    live_fail "riposte printed no \"decide:\" line"
elif [ "$p99" -ge 10000 ]; then
    live_fail "decision to ring: p99 $p99 us, not under 10 ms"
fi
live_close
