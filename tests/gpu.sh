#!/bin/sh
# Everything that wants a GPU, on a machine that has one, in one call of at most
# nine minutes: builds, the engine's tests on the device, what things cost,
# where the time goes, and NVIDIA's compute-sanitizer. Needs nvcc, Meson, Ninja,
# a C and a C++ compiler and cuDNN, which may be the one that came with
# python3's PyTorch; no audio. The folder OUT has SUMMARY.txt, which says how
# each step went and ends with the paths side by side, and one file for each
# part with all output.
# Usage: tests/gpu.sh [OUT [PART...]]
#   PART     build engine bench train ncu sanitize (all, in this order)
#   LIMIT    seconds for the whole call (540)
#   MUSIC    a folder of .mid files, 200 phrases of which, held back, are the
#            calls that candidates are thought of for (else riposte's own: what
#            is here of others is enough for five)
#   TORCH    a Python with PyTorch to compare with (python3)
set -u
top=$(cd "$(dirname "$0")/.." && pwd)
build=$top/build-gpu
out=${1:-$build/results}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- build engine bench train ncu sanitize
began=$(date +%s) failed=0 asked=$*
mkdir -p "$out" "$build" || exit 1
summary=$out/SUMMARY.txt
: >"$summary"

say() { echo "$*" | tee -a "$summary"; }

# What a step said last, short enough to be looked at.
show() { tail -n "$1" "$output" | cut -c 1-200 | sed 's/^/    | /' |
    tee -a "$summary"; }

# step NAME SECONDS COMMAND...: at most so long, and never past the end; what
# does not end is killed. Its output is in $output, and in the part's file.
step() {
    name=$1 most=$2
    shift 2
    left=$((${LIMIT:-540} - $(date +%s) + began))
    [ "$left" -lt "$most" ] && most=$left
    : >"$output"
    if [ "$most" -lt 5 ]; then
        say "not run  $name: no time was left"
        return 1
    fi
    from=$(date +%s)
    timeout -k 5 "$most" "$@" >"$output" 2>&1
    rc=$?
    took=$(($(date +%s) - from))
    { echo "==== $name: $*"; cat "$output"
      echo "==== $name: exit $rc after $took s"; } >>"$file"
    case $rc in
    0) say "passed   $name (${took} s)" ;;
    77) say "skipped  $name: $(tail -n 1 "$output")" ;;
    124 | 137) say "FAILED   $name: not done after $most s, killed" ;;
    *) say "FAILED   $name: exit $rc (${took} s)" ;;
    esac
    if [ $rc -ne 0 ] && [ $rc -ne 77 ]; then
        failed=$((failed + 1))
        show 5
    fi
    return $rc
}

# The card as it is now: it is left as it was found.
clocks() {
    of=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.draw
    of=$of,temperature.gpu
    say "$1: $(nvidia-smi --query-gpu=$of --format=csv,noheader 2>&1 |
        head -n 1)"
}

# find_tool NAME: on PATH, or where NVIDIA's packages put it.
find_tool() {
    command -v "$1" && return
    for at in /opt/nvidia/nsight-compute/*/"$1" /usr/local/cuda/*/"$1"; do
        [ -x "$at" ] && echo "$at" && return
    done
    return 1
}

# Meson, cuDNN and cuBLAS as Python packages bring them: headers only where the
# toolkit has none, or they would hide its own; of the libraries these alone,
# or the packages' CUPTI would hide the one of NVIDIA's tools.
find_libraries() {
    PATH=$PATH:/usr/local/cuda/bin
    torch=${TORCH:-$(command -v python3)}
    [ "$torch" ] && "$torch" -c 'import importlib.util, sys
sys.exit(not importlib.util.find_spec("torch"))' 2>/dev/null || torch=
    python=${torch:-$(command -v python3)}
    [ "$python" ] || return
    PATH=$PATH:$("$python" -c 'import sysconfig
print(sysconfig.get_path("scripts"))')
    toolkit=$(readlink -f "$(command -v nvcc)" 2>/dev/null)
    toolkit=${toolkit%/bin/nvcc}
    mkdir -p "$build/headers" "$build/libraries"
    for part in $("$python" -c 'import importlib.util, os
found = importlib.util.find_spec("nvidia")
for site in found.submodule_search_locations if found else []:
    for part in sorted(os.listdir(site)):
        print(os.path.join(site, part))' 2>/dev/null); do
        for header in "$part"/include/cudnn*.h "$part"/include/cublas*.h; do
            [ -f "$header" ] &&
                ! [ -f "$toolkit/include/$(basename "$header")" ] &&
                ln -sf "$header" "$build/headers/"
        done
        for library in "$part"/lib/libcudnn*.so.* "$part"/lib/libcublas*.so.* \
            "$part"/lib/libnvrtc*.so.*; do
            [ -f "$library" ] && ln -sf "$library" "$build/libraries/"
        done
    done
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$build/libraries
    CPATH=${CPATH:+$CPATH:}$build/headers
    export CPATH LD_LIBRARY_PATH
}

# ---- the parts ----

paths="plain graph cluster-fp32 cluster-bf16 grid-fp32 grid-bf16 bf16"

targets="cuda/riposte-cuda.so tui/riposte tests/test_engine
tests/test_cuda_engine tests/test_cuda_rollout tests/test_cuda_train
tests/test_cuda_steps"

part_build() {
    arch=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader \
        2>/dev/null | head -n 1 | tr -cd '0-9')
    step nvcc 20 nvcc --version
    if [ ! -f "$build/build.ninja" ]; then
        step setup 60 meson setup "$build" "$top" --buildtype=release \
            -Dgpu_arch="${arch:-90}" -Dcuda=enabled -Djack=disabled \
            -Dalsa=disabled -Drtmidi=disabled -Dcurses=disabled \
            -Dfluidsynth=disabled -Dosc=disabled || return
    fi
    # shellcheck disable=SC2086 # a list
    step ninja 240 ninja -k 0 -j "$(nproc)" -C "$build" $targets ||
        return
    dump=$(find_tool cuobjdump) &&
        step registers 30 "$dump" --dump-resource-usage \
            "$build/cuda/riposte-cuda.so"
}

part_engine() {
    step engines 30 "$riposte" engines
    grep -F cuda "$output" | tee -a "$summary"
    step test-engine 90 "$build/tests/test_cuda_engine" --device
    step test-rollout 90 "$build/tests/test_cuda_rollout" --device && show 3
    step test-train 90 "$build/tests/test_cuda_train" --device && show 3
    step test-steps 60 "$build/tests/test_cuda_steps" --device && show 3
    step test-all-engines 60 "$build/tests/test_engine"
    for engine in cpu cuda; do
        step "play-$engine" 60 "$riposte" play --headless --backend null \
            --engine $engine --call "$top/presets/call.mid" --seed 5 \
            --candidates 64 --take "$work/$engine.mid"
    done
    step same-answer 5 cmp "$work/cpu.mid" "$work/cuda.mid"
}

part_bench() {
    if step bench 150 "$riposte" bench engine --engine cuda --seconds 0.7; then
        sed -n '/^kept/,$p' "$output" >"$work/paths"
        sed '/^kept/,$d; /^riposte: /d' "$output" | tee -a "$summary"
    elif grep -q '^riposte: bench: ' "$output"; then
        # A path that took the device along, or the time: each by itself.
        show 40
        for path in $paths; do
            step "bench-$path" 30 "$riposte" bench engine --engine cuda \
                --path "$path" --seconds 0.3
            sed '/^riposte: /d' "$output" >>"$work/paths"
        done
    fi
    if [ "$music" ]; then
        set -- --count 200 "$music"
    else
        step notes 60 "$riposte" generate --engine cpu --count 16 --bars 48 \
            --seed 3 --out "$work/notes"
        set -- --split train --count 12 "$work/notes"
    fi
    for engine in cuda cpu; do
        of=1,16,256,1024,4096
        [ $engine = cpu ] && of=1,16,256
        step "candidates-$engine" 90 "$riposte" bench candidates \
            --engine $engine --of $of "$@" && show 30
    done
    step fallback 30 "$riposte" bench fallback --engine cuda && show 12
}

part_train() {
    # What the goal is said for.
    step train 180 "$riposte" bench train --engine cuda --layers 2 \
        --hidden 512 --batch 256 --length 128 --steps 10 --rounds 9 \
        ${torch:+--torch "$torch"} && show 40
}

# Where the time goes: clocks are left alone, and few kernels looked at.
part_ncu() {
    ncu=$(find_tool ncu) || { say "not run  ncu: it was not found"; return; }
    look="--section SpeedOfLight --section LaunchStats --section Occupancy
        --section WarpStateStats --section MemoryWorkloadAnalysis"
    profile="$ncu --clock-control none --kernel-name-base function"
    bench="$riposte bench engine --engine cuda --seconds 0.01"
    # shellcheck disable=SC2086 # lists
    {
        for path in cluster-bf16 grid-bf16 cluster-fp32 grid-fp32; do
            step "ncu-$path" 45 $profile $look -k regex:chain -s 2 -c 1 \
                $bench --path $path --what rollout --candidates 1 --notes 32
        done
        for path in plain bf16; do
            step "ncu-$path" 60 $profile $look -s 60 -c 24 $bench \
                --path $path --what rollout --candidates 1024
        done
        step ncu-live 60 $profile $look -s 30 -c 12 $bench --path plain \
            --what live
        step ncu-train 90 $profile --metrics gpu__time_duration.sum --csv \
            --print-units base -c 4000 "$riposte" bench train \
            --engine cuda --layers 2 --hidden 512 --batch 256 \
            --length 128 --steps 1 --rounds 1 --precision bf16
    }
    count_kernels "$output" >>"$file"
}

# The times of ncu --csv, nanoseconds, by kernel.
count_kernels() {
    echo "==== microseconds of training's first 4,000 kernels, times, kernel"
    awk -F '","' '/gpu__time_duration/ {
        gsub(/[",]/, "", $NF)
        us[$5] += $NF / 1000
        times[$5]++
    } END { for (k in us) printf "%10.1f %6d %s\n", us[k], times[k], k }' \
        "$1" | sort -rn | head -n 40
}

part_sanitize() {
    tool=$(find_tool compute-sanitizer) ||
        { say "not run  compute-sanitizer: it was not found"; return; }
    for check in memcheck racecheck synccheck initcheck; do
        for test in rollout engine train; do
            step "$check-$test" 60 "$tool" --tool $check --error-exitcode 9 \
                --print-limit 20 "$build/tests/test_cuda_$test" --device \
                --brief
        done
    done
}

# ---- the whole ----

RIPOSTE_CUDA_DEADLINE=20000
export PATH RIPOSTE_CUDA_DEADLINE
music=
if [ "${MUSIC:-}" ]; then
    music=$(cd "$MUSIC" && pwd) || exit 1
fi
cd "$top" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
output=$work/output file=$out/build.txt riposte=$build/tui/riposte
: >"$work/paths"
find_libraries
clocks before
[ -x "$riposte" ] || case " $asked " in
*" build "*) ;;
*) set -- build "$@" ;;
esac
for part in "$@"; do
    file=$out/$part.txt
    : >"$file"
    case $part in
    build | engine | bench | train | ncu | sanitize)
        if [ "$part" != build ] && [ ! -x "$riposte" ]; then
            say "not run  $part: nothing was built"
            failed=$((failed + 1))
            continue
        fi
        say "-- $part"
        "part_$part"
        ;;
    *) say "'$part' is no part: expected build, engine, bench, train, ncu" \
        "or sanitize"
       failed=$((failed + 1)) ;;
    esac
    # What comes back from far away should be small: its two ends.
    if [ "$(wc -c <"$file")" -gt 4000000 ]; then
        { head -c 2000000 "$file"; echo; echo "==== cut here"
          tail -c 2000000 "$file"; } >"$work/cut"
        cp "$work/cut" "$file"
    fi
done
clocks after
say "$failed failed, $(($(date +%s) - began)) s; all output is in $out"
[ -s "$work/paths" ] && tee -a "$summary" <"$work/paths"
[ "$failed" -eq 0 ]
