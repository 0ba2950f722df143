#!/bin/sh
# clang 20 and newer can prove that a function marked RP_RT calls nothing that
# may block or allocate. Compiles what the audio thread runs with that check.
# Usage: test_rt_effects.sh SOURCE_ROOT     CLANG: the compiler, if not found
set -u
cd "$1" || exit 1
found=
for try in "${CLANG:-}" clang-22 clang-21 clang-20 clang; do
    # shellcheck disable=SC2086 # a command with its options
    major=$(echo __clang_major__ | $try -E -P -x c - 2>/dev/null | tail -n 1)
    case $major in
    *[!0-9]* | '') ;;
    *) [ "$major" -ge 20 ] && found=$try && break ;;
    esac
done
if [ -z "$found" ]; then
    echo "skipped: needs clang 20 or newer"
    exit 77
fi
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

effects() { # FILE: compiles it; the check's complaints are errors
    # shellcheck disable=SC2086
    $found -std=gnu11 -D_GNU_SOURCE -DHAVE_JACK=1 -DHAVE_JACK_METADATA=0 \
        -DHAVE_ALSA=0 -Wfunction-effects -Werror=function-effects -I. \
        ${rtmidi:-} -c "$1" -o "$work/out.o" >"$work/log" 2>&1
}

# The check itself: it must find what is put there.
cat >"$work/bad.c" <<'END'
#include <stdlib.h>
#include "rt/status.h"
RP_RT void *rp_bad(void);
RP_RT void *rp_bad(void) { return malloc(1); }
END
if effects "$work/bad.c" || ! grep -q function-effects "$work/log"; then
    cat "$work/log"
    echo "failed: malloc in a real-time function is not noticed"
    exit 1
fi

sources=$(sed -n '/^rt_core_sources/,/)/p' rt/meson.build |
    grep -o "[a-z_]*\.c" | sed 's/\.c$//')
case $sources in
arrivals*sync_midi) sources="$sources backend backend_null" ;;
*) echo "failed: no list of sources in rt/meson.build" && exit 1 ;;
esac
if echo '#include <jack/jack.h>' | $found -E -x c - >/dev/null 2>&1; then
    sources="$sources backend_jack backend_jack_transport"
fi
if echo '#include <alsa/asoundlib.h>' | $found -E -x c - >/dev/null 2>&1; then
    sources="$sources backend_alsa_io"
fi
rtmidi=$(pkg-config --cflags-only-I rtmidi 2>/dev/null)
# shellcheck disable=SC2086
if echo '#include <rtmidi_c.h>' | $found $rtmidi -E -x c - >/dev/null 2>&1; then
    sources="$sources backend_rtmidi_io"
fi
failed=0 checked=0
for name in $sources; do
    checked=$((checked + 1))
    effects "rt/$name.c" && continue
    failed=$((failed + 1))
    cat "$work/log"
done
echo "$checked files checked with $found ($major), $failed failed"
[ "$failed" -eq 0 ]
