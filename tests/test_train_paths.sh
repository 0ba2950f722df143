#!/bin/sh
# The same training, in fp32 and in bf16, on every CPU path: byte for byte the
# same checkpoints.
# Usage: test_train_paths.sh RIPOSTE SOURCE_ROOT
set -u
riposte=$(realpath "$1") tunes=$2/tests/golden/tunes
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 compared=0

# train NAME PRECISION: the checkpoint holds the command, so that it is one.
train() {
    mkdir "$work/$1" && cd "$work/$1" || exit 1
    "$riposte" train "$tunes" --out runs --hidden 48 --head 32 \
        --batch 8 --length 48 --epochs 2 --precision "$2" --threads 2 \
        --recurrent-dropout 0.1 >"$work/log" 2>&1 </dev/null || {
        cat "$work/log"
        echo "failed: $1"
        exit 1
    }
}

paths=portable
for path in avx2 avx512; do
    flag=$path
    [ "$path" = avx512 ] && flag=avx512f
    if grep -qw "$flag" /proc/cpuinfo 2>/dev/null; then
        paths="$paths $path"
    else
        echo "no $path here: not compared"
    fi
done
grep -qw avx512_bf16 /proc/cpuinfo 2>/dev/null ||
    echo "no avx512_bf16 here: its bits are not compared"

for precision in fp32 bf16; do
    train "$precision" "$precision"
    for path in $paths; do
        RIPOSTE_KERNELS=$path
        export RIPOSTE_KERNELS
        train "$precision-$path" "$precision"
        unset RIPOSTE_KERNELS
        compared=$((compared + 1))
        cmp "$work/$precision/runs/001/last.safetensors" \
            "$work/$precision-$path/runs/001/last.safetensors" && continue
        echo "failed: $precision on $path differs"
        failed=$((failed + 1))
    done
done
cmp -s "$work/fp32/runs/001/last.safetensors" "$work/bf16/runs/001/last.safetensors" && {
    echo "failed: bf16 and fp32 are the same"
    failed=$((failed + 1))
}
echo "$compared runs compared, $failed differ"
[ "$failed" -eq 0 ] && [ "$compared" -ge 2 ]
