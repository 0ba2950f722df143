#!/bin/sh
# The same calls through the null backend, with an interruption and a turned
# knob: byte for byte the same take at every period size, twice each, on every
# CPU path, and wherever an engine is lost that computed as the CPU does.
# Usage: test_determinism.sh RIPOSTE TAKE_CHECK SOURCE_ROOT MODULES
set -u
riposte=$1 list=$2 calls=$3/tests/golden/calls modules=$4
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 compared=0

# take NAME OPTIONS...
take() {
    name=$1
    shift
    "$riposte" play --backend null --headless --tempo 97 --metre 4/4 \
        --seed 5 --call "$calls/03_austria_haydn.mid" \
        --call "$calls/interrupted.mid" --call "$calls/16_regent_square.mid" \
        --cue "8.25 temperature=1.4" --cue "31.7 window=8" \
        --take "$work/$name.mid" "$@" >"$work/log" 2>&1 </dev/null || {
        cat "$work/log"
        echo "failed: $name"
        exit 1
    }
}

# same NAME [AS]: as the first take, or as take AS
same() {
    compared=$((compared + 1))
    cmp "$work/${2:-128-1}.mid" "$work/$1.mid" && return
    echo "failed: $1 differs"
    failed=$((failed + 1))
}

for period in 128 32 1024; do
    for time in 1 2; do
        take "$period-$time" --period "$period"
        same "$period-$time"
    done
done
# What was turned and played into must be heard at all.
take knob --cue "2.0 temperature=0.3"
cmp -s "$work/128-1.mid" "$work/knob.mid" && {
    echo "failed: a turned knob changes nothing"
    failed=$((failed + 1))
}
take seed --seed 6
cmp -s "$work/128-1.mid" "$work/seed.mid" && {
    echo "failed: another seed changes nothing"
    failed=$((failed + 1))
}
# A controller that turns a knob, and a pedal that ends the turn: at their own
# frames. Here the knob's curve and the pedal must be heard, too.
turned='cc21=temperature 0.5..1.5 exp jump'
for period in 128 777; do
    take "learn-$period" --period "$period" --call "$calls/controls.mid" \
        --learn "$turned" --end-turn cc66
    same "learn-$period" learn-128
done
take linear --call "$calls/controls.mid" --learn "${turned% exp jump} jump" \
    --end-turn cc66
take late --call "$calls/controls.mid" --learn "$turned"
for other in linear late; do
    cmp -s "$work/learn-128.mid" "$work/$other.mid" && {
        echo "failed: $other is heard no more than learn-128"
        failed=$((failed + 1))
    }
done

paths=portable
for path in avx2 avx512; do
    flag=$path
    [ "$path" = avx512 ] && flag=avx512f
    if grep -qw "$flag" /proc/cpuinfo; then
        paths="$paths $path"
    else
        echo "no $path here: not compared"
    fi
done
for path in $paths; do
    RIPOSTE_KERNELS=$path
    export RIPOSTE_KERNELS
    take "$path"
    same "$path"
done

# How many candidates there are by themselves depends on the engine.
take cpu --engine cpu --candidates 4
for cue in create:1 set_params:1:memory slot_reset:30 step:40:memory \
    step:100 logits:60:numbers state:2; do
    RIPOSTE_MODULES=$modules RIPOSTE_FAIL=$cue take lost --engine fail \
        --candidates 4
    same lost cpu
    said=$(grep -c 'fail is lost: .*; the CPU engine goes on' "$work/log")
    [ "$said" = 1 ] && grep -q 'by cpu (fail is lost)$' "$work/log" || {
        echo "failed: lost at $cue, said in $said lines"
        failed=$((failed + 1))
    }
done

# The interruption is one: the second phrase begins at tick 11840 of 960 to
# the beat, in the middle of the first answer, which yields within one beat;
# the second phrase, over at 20480, is answered too.
"$riposte" play --backend null --headless --tempo 97 --metre 4/4 --seed 5 \
    --call "$calls/interrupted.mid" --take "$work/interrupted.mid" \
    >"$work/log" 2>&1 </dev/null || failed=$((failed + 1))
"$list" --list "$work/interrupted.mid" | awk '
    $1 != 2 { next }
    int($3 / 16) == 9 && $5 > 0 { if ($2 < 11840) before++
        else if ($2 > 12800 && $2 < 20480) during++
        else if ($2 >= 20480) after++
        on[$4]++ }
    int($3 / 16) == 8 { on[$4]--; if ($2 < 20480) last = $2 }
    END { for (p in on) if (on[p]) open++
        printf "%d before, %d during, %d after, silent at %d, %d open\n",
            before, during, after, last, open
        exit !(before && !during && after && last <= 12800 && !open) }' ||
    {
        echo "failed: the answer does not yield within one beat"
        failed=$((failed + 1))
    }

size=$(wc -c <"$work/128-1.mid")
echo "$compared takes of $size bytes compared, CPU paths: $paths"
[ "$size" -gt 400 ] || failed=$((failed + 1))
exit "$((failed > 0))"
