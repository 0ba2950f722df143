# shellcheck shell=sh disable=SC2154 # shared with what sources it
# Sourced by tests that have run riposte in the machine, with `riposte`,
# `tools`, `take_check`, `source`, `latency` and `limit` set: what came of it.
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

as_null() { # as_null CALL CANDIDATES
    "$riposte" play --backend null --headless --seed 1 --metre 4/4 --tempo 97 \
        --candidates "$2" --call "$source/tests/golden/calls/$1.mid" \
        --take "$work/null.mid" >"$work/null.log" 2>&1 ||
        fail "$1: the null backend"
    notes "$work/null.mid" 2 >"$work/null.notes"
    notes "$work/call_$1.mid" 2 >"$work/live.notes"
    [ -s "$work/null.notes" ] || fail "$1: no notes"
    cmp "$work/null.notes" "$work/live.notes" ||
        fail "$1: not the notes of the null backend"
    echo "the same $(grep -c '' "$work/live.notes") notes as on the null" \
        "backend, at the same beats"
}
