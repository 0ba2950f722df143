#!/bin/sh
# The loss curve of bf16 beside that of fp32: trains the same network on the
# same data both ways and prints both, epoch by epoch.
# Usage: loss_curve.sh RIPOSTE OUT DIR... [-- OPTION...]
#   OUT      a folder for the two runs, OUT/fp32 and OUT/bf16
#   OPTION   of `riposte train`, for both
set -u
[ $# -ge 3 ] || {
    sed -n '2,/^set/s/^# //p' "$0"
    exit 2
}
riposte=$1 out=$2
shift 2
mkdir -p "$out" || exit 1

for precision in fp32 bf16; do
    set -- "$@" --precision "$precision" --out "$out/$precision"
    "$riposte" train "$@" >"$out/$precision.log" 2>&1 || {
        tail -3 "$out/$precision.log"
        exit 1
    }
done
fp32=$(find "$out/fp32" -name run.csv | sort | tail -1)
bf16=$(find "$out/bf16" -name run.csv | sort | tail -1)
paste -d, "$fp32" "$bf16" | awk -F, '
    NR == 1 {
        for (i = 1; i <= NF; i++) {
            if ($i == "train") column[++t] = i
            if ($i == "valid") valid[++v] = i
        }
        printf "%5s  %9s %9s %8s   %9s %9s %8s\n", "epoch", "train", "bf16",
            "apart", "valid", "bf16", "apart"
        next
    }
    {
        a = $column[1]; b = $column[2]; c = $valid[1]; d = $valid[2]
        x = 100 * (b - a) / a; y = c > 0 ? 100 * (d - c) / c : 0
        printf "%5d  %9.4f %9.4f %+7.2f %%   %9.4f %9.4f %+7.2f %%\n", $1, a,
            b, x, c, d, y
        x = x < 0 ? -x : x; y = y < 0 ? -y : y
        most = x > most ? x : most; most = y > most ? y : most
    }
    END {
        printf "at most %.2f %% apart\n", most
        exit !(NR > 1 && most <= 1)
    }'
