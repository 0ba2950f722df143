#!/bin/sh
# Everything that wants a GPU, in one call of at most eight minutes, on a
# machine that has one: builds, the engine's tests on the device, NVIDIA's
# compute-sanitizer, and what things cost. Needs nvcc, Meson, Ninja, a C and a
# C++ compiler and cuDNN, which may be the one that came with python3's PyTorch;
# no audio. Each step's output is a file in the folder OUT, SUMMARY.txt says how
# they went. TORCH: a Python with PyTorch to compare with (python3).
# Usage: tests/gpu.sh [OUT]
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$top/build-gpu/results}
build=$top/build-gpu
began=$(date +%s) failed=0 number=0
mkdir -p "$out" || exit 1
summary=$out/SUMMARY.txt
: >"$summary"

# step NAME SECONDS COMMAND...: at most so long, and never past the end.
step() {
    name=$1 most=$2
    shift 2
    number=$((number + 1))
    left=$((470 - $(date +%s) + began))
    [ "$left" -lt "$most" ] && most=$left
    file=$out/$(printf %02d $number)-$name.txt
    if [ "$most" -lt 5 ]; then
        echo "not run  $name: no time was left" | tee -a "$summary"
        return 1
    fi
    from=$(date +%s)
    timeout "$most" "$@" >"$file" 2>&1
    rc=$?
    took=$(($(date +%s) - from))
    if [ $rc -eq 0 ]; then
        echo "passed   $name (${took} s)" | tee -a "$summary"
    else
        failed=$((failed + 1))
        echo "FAILED   $name: exit $rc (${took} s)" | tee -a "$summary"
        tail -n 5 "$file" | sed 's/^/    | /' | tee -a "$summary"
    fi
    return $rc
}

PATH=$PATH:/usr/local/cuda/bin
export PATH RIPOSTE_CUDA_DEADLINE=20000
TORCH=${TORCH:-$(command -v python3)}
"$TORCH" -c 'import torch' 2>/dev/null || TORCH=
# Meson, cuDNN and cuBLAS as Python packages bring them.
if [ "$TORCH" ]; then
    PATH=$PATH:$("$TORCH" -c 'import sysconfig
print(sysconfig.get_path("scripts"))')
    site=$("$TORCH" -c 'import sysconfig
print(sysconfig.get_path("purelib"))')/nvidia
    for part in "$site"/cudnn "$site"/cublas "$site"/cu13; do
        [ -d "$part/include" ] && CPATH=${CPATH:+$CPATH:}$part/include
        [ -d "$part/lib" ] &&
            LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$part/lib
    done
    [ "${CPATH:-}" ] && export CPATH
    [ "${LD_LIBRARY_PATH:-}" ] && export LD_LIBRARY_PATH
fi
step gpu 20 nvidia-smi
arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null |
    head -n 1 | tr -d '.')
if [ ! -f "$build/build.ninja" ]; then
    step setup 60 meson setup "$build" "$top" --buildtype=release \
        -Dgpu_arch="${arch:-90}" -Dcuda=enabled -Djack=disabled \
        -Dalsa=disabled -Drtmidi=disabled -Dcurses=disabled \
        -Dfluidsynth=disabled -Dosc=disabled || exit 1
fi
step build 240 ninja -C "$build" cuda/riposte-cuda.so tui/riposte \
    tests/test_engine tests/test_cuda_engine tests/test_cuda_rollout \
    tests/test_cuda_train || exit 1
cd "$top" || exit 1
step engines 20 "$build/tui/riposte" engines
step test-fake 60 "$build/tests/test_cuda_engine"
step test-engine 60 "$build/tests/test_cuda_engine" --device
step test-rollout 60 "$build/tests/test_cuda_rollout" --device
step test-train 60 "$build/tests/test_cuda_train" --device
step test-all-engines 60 "$build/tests/test_engine"
step bench 120 "$build/tui/riposte" bench engine --engine cuda --seconds 2
step bench-json 60 "$build/tui/riposte" bench engine --engine cuda --json \
    --seconds 0.5
# What the README's goal is said for.
step bench-train 120 "$build/tui/riposte" bench train --engine cuda \
    --layers 2 --hidden 512 --batch 256 --length 128 --steps 5 --rounds 5 \
    ${TORCH:+--torch "$TORCH"}
if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck synccheck initcheck; do
        step "$tool-engine" 60 compute-sanitizer --tool "$tool" \
            --error-exitcode 9 "$build/tests/test_cuda_engine" --device
    done
    step memcheck-train 90 compute-sanitizer --tool memcheck \
        --error-exitcode 9 "$build/tests/test_cuda_train" --device
    step memcheck-rollout 90 compute-sanitizer --tool memcheck \
        --error-exitcode 9 "$build/tests/test_cuda_rollout" --device
else
    echo "not run  compute-sanitizer: it is not on PATH" | tee -a "$summary"
fi
echo "$failed failed; the outputs are in $out" | tee -a "$summary"
[ "$failed" -eq 0 ]
