#!/bin/sh
# The same calls give the same notes at the same beats on every backend: what a
# take over a real JACK server says was played goes through the null backend,
# and every answer must be the same. (For ALSA test_alsa_vm.sh does it, over the
# sequencer of a real kernel.)
# Usage: live_same.sh RIPOSTE TOOLS SOURCE_ROOT
set -u
# shellcheck source=tests/live/live.sh
. "$3/tests/live/live.sh"
live_begin "$@"
live_server
bpm=240 # a 24th of a beat is 10.4 ms: on its line, 5.2 ms from the edge

live_play --tempo $bpm --take "$work/jack.mid"
live_call --bpm $bpm --turns 2 "$source/tests/golden/calls/02_st_anne.mid" \
    "$source/tests/golden/calls/06_antioch.mid" ||
    live_fail "the turns"
live_stop
live_same jack $bpm
live_close
