#!/bin/sh
# Engines as a user meets them: what is listed, what is refused, and what a
# lost one leaves of commands that have no spare.
# Usage: test_engines.sh RIPOSTE MODULES SOURCE_ROOT
set -u
riposte=$1 modules=$2 source=$3
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 checked=0
RIPOSTE_MODULES=$modules:$modules/bad
RIPOSTE_PRESETS=$source/presets
export RIPOSTE_MODULES RIPOSTE_PRESETS

# cue TEXT: how engine fail fails in the next run
cue() {
    RIPOSTE_FAIL=$1
    export RIPOSTE_FAIL
}

# run CODE COMMAND...: its exit status; $work/out is all it said
run() {
    want=$1
    shift
    "$riposte" "$@" >"$work/out" 2>&1 </dev/null
    code=$?
    unset RIPOSTE_FAIL
    checked=$((checked + 1))
    [ "$code" = "$want" ] && return
    echo "failed: $* is $code, expected $want:"
    cat "$work/out"
    failed=$((failed + 1))
}

# says COUNT PATTERN: so many lines of what was said
says() {
    checked=$((checked + 1))
    [ "$(grep -c "$2" "$work/out")" = "$1" ] && return
    echo "failed: expected $1 lines of '$2' in:"
    cat "$work/out"
    failed=$((failed + 1))
}

run 0 engines
says 1 '^cpu    yes '
says 1 '^fail   yes  fails on cue$'
says 1 '^old    no   .*riposte-old.so: is of version 99, expected '
says 1 '^lacks  no   .*riposte_library_that_is_not_here$'
says 1 '^cuda   no   no module riposte-cuda.so in '
run 0 engines --json
says 1 '"name": "fail", "available": true, "detail": "fails on cue"'
says 1 '"name": "empty", "available": false, '

one_bar="--bars 1 --seed 3 --out $work/takes"
# shellcheck disable=SC2086 # a list of words
for name in abacus old cuda; do
    run 4 generate --engine $name $one_bar
    says 1 "engine: error: .*$name"
    says 1 '^riposte:'
done
cue probe:1
# shellcheck disable=SC2086
run 4 generate --engine fail $one_bar
says 1 'fail cannot run here: no device, on cue'

# The first file is whole, the one that was begun is not there.
cue step:12
# shellcheck disable=SC2086
run 1 generate --engine fail $one_bar --count 9
says 1 'riposte: fail: error: lost in step, on cue$'
says 1 '^riposte:'
files=$(find "$work/takes" -name '*.mid' | wc -l)
checked=$((checked + 1))
[ "$files" -ge 1 ] && [ "$files" -lt 9 ] || {
    echo "failed: $files files are left of nine"
    failed=$((failed + 1))
}
for file in "$work"/takes/*; do
    run 0 generate --engine cpu --primer "$file" --bars 1 --out "$work/more"
done

run 0 generate --engine cpu --bars 24 --count 12 --out "$work/songs"
cue step:2
run 1 eval --engine fail --model "$source/presets/melody.safetensors" \
    --split train "$work/songs"
says 1 '^riposte: .*error'

run 0 bench fallback --json --engine fail
says 1 '^{"engine": "fail", .*"lost": \[{"behind": 0, '
echo "$checked checks, $failed failed"
exit "$((failed > 0))"
