#!/bin/sh
# In time with others: riposte follows a MIDI clock with a millisecond of
# jitter, and JACK's transport under another's bars and tempo; both stop, go on
# elsewhere and change in the middle of an answer.
# Usage: live_sync.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server
live_play --sync midi --take "$work/take.mid"
live_tool "$tools/jack_clock" midi 1 || live_fail "a MIDI clock is not followed"
live_stop
for said in 'the MIDI clock rolls' 'the MIDI clock stands'; do
    grep -q "$said" "$work/play.log" || live_fail "not said: $said"
done
"$tools/take_check" --list "$work/take.mid" >"$work/list" ||
    live_fail "the take cannot be read"
[ "$(grep -c '' "$work/list")" -gt 30 ] || live_fail "the take is short"
live_play --sync jack
live_tool "$tools/jack_clock" transport ||
    live_fail "the transport is not followed"
live_stop
live_close
