#!/bin/sh
# gpu.sh with a compiler, a card and programs of our own making: what is run,
# what the summary says of it, and that what fails stops nothing.
# Usage: test_gpu.sh SOURCE_ROOT
set -u
top=${1:?source root}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 checks=0

check() { # check WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    "$@" && return
    failed=$((failed + 1))
    echo "failed: $what"
    sed 's/^/    | /' "$work/out/SUMMARY.txt"
}
has() { grep -qF -- "$1" "$work/out/SUMMARY.txt"; }
hasnt() { ! has "$1"; }
is() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; false; }; }

tree=$work/tree
bin=$work/bin
mkdir -p "$tree/tests" "$tree/presets" "$bin"
cp "$top/tests/gpu.sh" "$tree/tests/"
: >"$tree/presets/call.mid"

fake() { # fake FILE: the script comes on stdin
    mkdir -p "$(dirname "$1")"
    { echo '#!/bin/sh'; cat; } >"$1"
    chmod +x "$1"
}
fake "$bin/nvidia-smi" <<'X'
case $* in
*compute_cap*) echo 9.0 ;;
*) echo "Fake H200, 580.1, 1980 MHz" ;;
esac
X
fake "$bin/nvcc" <<'X'
echo "release 13.0"
X
fake "$bin/python3" <<'X'
exit 1
X
fake "$bin/meson" <<'X'
echo "$*" >"$2/setup"
: >"$2/build.ninja"
X
# What it builds: a command that prints what bench prints, and tests that
# pass, or do not where $BREAK names them.
fake "$bin/ninja" <<'X'
build=$6
shift 6
for target; do
    mkdir -p "$build/$(dirname "$target")"
    cp "$0.built" "$build/$target"
done
X
fake "$bin/ninja.built" <<'X'
case "${0##*/} $*" in *"${BREAK:-nothing}"*)
    echo "it is broken" >&2
    exit 3 ;;
esac
case "${0##*/} $*" in
"riposte play"*)
    for last; do :; done
    echo notes >"$last" ;;
"riposte bench engine"*)
    echo "riposte: bench: note, 2 x 512: 9 us" >&2
    echo "Fake H200"
    echo "one note: a table"
    echo "kept, by the median of microseconds:"
    echo "live 2 x 512: graph 9.1, plain 30.2" ;;
"riposte bench train"*) echo "bf16, graphs: 1.6 times PyTorch's notes/s" ;;
*) echo "ran ${0##*/} $*" ;;
esac
X
for tool in ncu compute-sanitizer cuobjdump; do
    fake "$bin/$tool" <<'X'
case $* in *"${BREAK:-nothing}"*) exit 3 ;; esac
echo "looked: $*"
X
done

run() { # run RC BREAK ARGUMENT...
    want=$1 broken=$2
    shift 2
    rm -rf "$work/out"
    PATH=$bin:$PATH BREAK=$broken TORCH='' \
        sh "$tree/tests/gpu.sh" "$work/out" "$@" >"$work/said" 2>&1
    check "gpu.sh $* with $broken broken: exit" is $? "$want"
    check "it says what the summary has" cmp -s "$work/said" \
        "$work/out/SUMMARY.txt"
}

run 0 nothing
check "built for the card" grep -q -- "-Dgpu_arch=90" "$tree/build-gpu/setup"
check "nothing fails" hasnt FAILED
check "the card, before" has "before: Fake H200, 580.1, 1980 MHz"
check "the card, after" has "after: Fake H200"
check "ratio to PyTorch" has "1.6 times PyTorch"
check "the table" has "one note: a table"
check "last, the paths" is \
    "$(tail -n 2 "$work/out/SUMMARY.txt" | tr '\n' '|')" \
    "kept, by the median of microseconds:|live 2 x 512: graph 9.1, plain 30.2|"
check "as many files as come back" is "$(find "$work/out" -type f | wc -l)" 7
check "each in full" grep -q "ran test_cuda_train --device" \
    "$work/out/engine.txt"
for check in memcheck racecheck synccheck initcheck; do
    check "$check of rollouts" has "passed   $check-rollout"
done

run 1 "bench engine --engine cuda --seconds" bench train
check "what is broken is said" has "FAILED   bench: exit 3"
check "with its reason" has "| it is broken"
check "the rest goes on" has "passed   train"
check "calls of its own" grep -q "candidates.* --count 12 /" \
    "$work/out/bench.txt"
mkdir "$work/some music"
cd "$work" || exit 1
export MUSIC='some music'
run 0 nothing bench
check "calls of others" grep -qF -- "--count 200 $work/some music" \
    "$work/out/bench.txt"
unset MUSIC
run 1 "--path grid-bf16" ncu
check "a path that is broken under ncu" has "passed   ncu-train"
run 1 nothing engine scenic
check "what is no part" has "'scenic' is no part"
rm -rf "$tree/build-gpu"
run 0 nothing engine
check "what needs a build gets one" has "passed   ninja"
rm -rf "$tree/build-gpu"
sed -i '/^for target/,$d' "$bin/ninja"
run 1 nothing train
check "nothing was built" has "not run  train: nothing was built"

echo "$checks checks, $failed failed"
[ "$failed" -eq 0 ]
