# shellcheck shell=sh disable=SC2034 # set here, used where sourced
# Sourced by tests/live_*.sh: a JACK server of the test's own, riposte on it.
# live_begin RIPOSTE TOOLS SOURCE_ROOT comes first.
#
# jackd2 has room for eight servers on a machine. One that was killed keeps
# its place until a server of its name comes up again, so these tests have
# few names, each locked by whoever uses it, and start what they killed once
# more before they end. What they start ends with them (setpriv).

live_skip() {
    echo "skipped: $*"
    exit 77
}

live_begin() {
    riposte=$1 tools=$2 source=$3
    failed=0 server='' player='' others='' live_killed='' live_number=0
    command -v jackd >/dev/null 2>&1 || live_skip "no jackd here"
    [ -x "$tools/jack_caller" ] || live_skip "built without libjack"
    work=$(mktemp -d) || exit 1
    trap live_end EXIT
    trap 'live_fail "ended from outside: out of time?"; exit 1' INT TERM HUP
    JACK_NO_START_SERVER=1 JACK_NO_AUDIO_RESERVATION=1
    export JACK_DEFAULT_SERVER JACK_NO_START_SERVER JACK_NO_AUDIO_RESERVATION
    # Only what this test starts is heard and seen.
    XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config
    XDG_STATE_HOME=$work/state
    export XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME
    if [ "${RIPOSTE_SERVER:-jackd}" = pipewire ]; then
        # shellcheck source=tests/live/pipewire.sh
        . "$source/tests/live/pipewire.sh"
        live_pipewire_begin
    else
        live_name
    fi
}

# The next server name that no other run has, in a minute at most. Those that
# this run starts have the lock, too: it is free when the last of them has
# ended.
live_name() {
    live_tried=$live_number live_wait=60
    until [ "$live_wait" -eq 0 ]; do
        while [ "$live_number" -lt 4 ]; do
            live_number=$((live_number + 1))
            JACK_DEFAULT_SERVER=rp-test-$live_number
            exec 9>"/tmp/riposte-test-$(id -u)-$live_number.lock"
            flock -n 9 && return
        done
        live_number=$live_tried live_wait=$((live_wait - 1))
        sleep 1
    done
    live_fail "all of rp-test-1 to rp-test-4 are in use by other runs"
    exit 1
}

# live_run COMMAND...: to be put in the background; ends when this test does,
# however that ends.
live_run() {
    command -v setpriv >/dev/null 2>&1 && exec setpriv --pdeathsig TERM "$@"
    exec "$@"
}

# live_reap PID...: ends them, and waits, but not for ever.
live_reap() {
    for live_pid; do
        kill "$live_pid" 2>/dev/null || continue
        live_until 5 live_ended "$live_pid" || {
            kill -9 "$live_pid"
            [ "$live_pid" != "$server" ] || live_killed=yes
        }
        wait "$live_pid" 2>/dev/null
    done
}

# Kills the server as a crash would.
live_kill_server() {
    kill -9 "$server"
    wait "$server" 2>/dev/null
    server='' live_killed=yes
}

# live_free NAME: the place that a dead server of this name has is free again.
# A living one is left alone: jackd refuses to be a second one.
live_free() {
    live_run jackd -r -n "$1" -d dummy >"$work/free.log" 2>&1 &
    live_pid=$!
    JACK_DEFAULT_SERVER=$1 "$tools/jack_idle" --wait 5 2>/dev/null
    kill "$live_pid" 2>/dev/null
    wait "$live_pid" 2>/dev/null
}

# What dead servers of this user have, whoever left it. "default" is not
# touched: a musician may be about to start it.
live_free_all() {
    echo "no place for another server: those of dead ones are freed"
    for live_dead in $(tr '\0' '\n' </dev/shm/jack-shm-registry |
        LC_ALL=C sed -n "s/^jack-$(id -u):\([A-Za-z0-9_.-]*\):\$/\1/p"); do
        [ "$live_dead" = default ] || live_free "$live_dead"
    done
}

live_end() {
    live_code=$?
    # shellcheck disable=SC2086 # process ids
    live_reap $player $others $server
    [ "$live_killed" ] && live_free "${JACK_DEFAULT_SERVER:-}"
    [ -z "${JACK_DEFAULT_SERVER:-}" ] ||
        rm -f "/dev/shm/jack_${JACK_DEFAULT_SERVER}_"* \
            /dev/shm/jack_sem.*_"${JACK_DEFAULT_SERVER}"_*
    # The reasons once more, at the end, where they are looked for.
    if [ "$live_code" -ne 0 ] && [ "$live_code" -ne 77 ]; then
        live_show
        echo "---"
        [ -s "$work/reasons" ] || echo "failed: ended with $live_code" \
            >"$work/reasons"
        cat "$work/reasons"
    fi
    rm -rf "$work"
}

live_fail() {
    failed=$((failed + 1))
    live_show
    echo "failed: $*" | tee -a "$work/reasons"
}

# live_tool COMMAND...: a program beside riposte; it says why it fails in
# lines that begin with "failed:".
live_tool() {
    "$@" >"$work/tool" 2>&1
    live_code=$?
    live_show
    return "$live_code"
}

live_show() {
    [ -f "$work/tool" ] || return 0
    tee -a "$work/said" <"$work/tool"
    grep '^failed:' "$work/tool" >>"$work/reasons"
    rm "$work/tool"
}

# live_call OPTIONS...: plays calls and checks what comes back.
live_call() {
    live_tool "$tools/jack_caller" --bpm 97 "$@"
}

# live_jackd -R|-r: true when it is up within half a minute.
live_jackd() {
    live_run jackd "$1" -S -n "$JACK_DEFAULT_SERVER" -d dummy -r 48000 -p 128 \
        >"$work/jackd.log" 2>&1 &
    server=$!
    live_wait=0
    while [ "$live_wait" -lt 30 ]; do
        "$tools/jack_idle" --wait 1 2>/dev/null && return
        kill -0 "$server" 2>/dev/null || break
        live_wait=$((live_wait + 1))
    done
    live_reap "$server"
    server=''
    return 1
}

# A server, real-time where that is permitted. In synchronous mode a period
# waits for all programs: a busy machine makes it late, but nothing gets lost
# and every frame is known.
live_server() {
    live_freed=''
    until live_jackd -R; do
        if ! [ "$live_freed" ] && grep -q 'Too many servers' "$work/jackd.log"
        then
            live_free_all
            live_freed=yes
        elif grep -q "server already active" "$work/jackd.log"; then
            live_name # its process id is somebody else's now
        elif live_jackd -r; then
            break
        else
            sed 's/^/jackd: /' "$work/jackd.log"
            live_fail "jackd did not start: $(tail -n 1 "$work/jackd.log")"
            exit 1
        fi
    done
    live_killed=''
    grep -qiE 'cannot use real-time|non-realtime' "$work/jackd.log" &&
        echo "no real-time scheduling here"
}

# live_play [OPTIONS OF riposte play]: starts it and waits for its ports. On
# `backend`, "jack" unless the test sets it.
live_play() {
    case ${backend:=jack} in
    rtmidi*) live_ports='riposte-in:in riposte-out:out riposte-thru:thru' ;;
    *) live_ports='riposte:in riposte:out riposte:thru' ;;
    esac
    live_run "$riposte" play --backend "$backend" --headless --tempo 97 \
        --metre 4/4 --seed 1 "$@" >"$work/play.log" 2>&1 </dev/null &
    player=$!
    # shellcheck disable=SC2086 # three names
    "$tools/jack_idle" --wait 20 $live_ports || {
        sed 's/^/riposte: /' "$work/play.log"
        live_fail "riposte did not come up"
        exit 1
    }
    live_until 20 grep -q ' waiting$' "$work/play.log" ||
        live_fail "riposte does not say that it is waiting"
}

live_ended() { ! kill -0 "$1" 2>/dev/null; }

# live_until SECONDS COMMAND...: true as soon as the command is.
live_until() {
    live_wait=$(($1 * 20))
    shift
    until "$@"; do
        [ "$live_wait" -gt 0 ] || return
        live_wait=$((live_wait - 1))
        sleep 0.05
    done
}

# Watches from now on how long the machine keeps others waiting; live_starved
# ends it and sets `held_all` and `held_performer`, in microseconds: what is
# none of riposte's doing.
live_watch() {
    live_run "$tools/starved" "$player" >"$work/starved" &
    live_watcher=$!
    others="$others $live_watcher"
}

live_starved() {
    kill "$live_watcher"
    wait "$live_watcher"
    cat "$work/starved"
    held_all=$(sed -nE 's/.*machine ([0-9]+) us.*/\1/p' "$work/starved")
    held_performer=$(sed -nE 's/.*performer ([0-9]+) us.*/\1/p' \
        "$work/starved")
}

# Ends riposte as a session manager would; it must end well and soon.
live_stop() {
    kill -TERM "$player"
    live_until 5 live_ended "$player" || {
        # A disk that does not answer either is no fault of riposte's.
        live_disk=$(date +%s)
        dd if=/dev/zero of="$work/disk" bs=4k count=4 conv=fsync 2>/dev/null
        live_disk=$(($(date +%s) - live_disk))
        live_until "$((4 * live_disk))" live_ended "$player"
    }
    kill -9 "$player" 2>/dev/null && live_fail "riposte did not end in 5 s"
    wait "$player"
    live_code=$?
    player=''
    [ "$live_code" -eq 0 ] || {
        sed 's/^/riposte: /' "$work/play.log" | tail -n 20
        live_fail "riposte ended with status $live_code"
    }
}

# live_stat NAME: the last number that riposte printed for a counter.
live_stat() {
    grep -oE "(^|[ ,])$1[ =:]+[0-9]+" "$work/play.log" | tail -n 1 |
        grep -oE '[0-9]+$'
}

# The notes of a take's track: 24ths of a beat since the first of the call,
# pitch, velocity.
live_notes() {
    "$tools/take_check" --list "$1" | awk -v track="$2" '
        $3 == 144 && $1 == 1 && begin == "" { begin = $2 }
        $3 == 144 && $1 == track { print int(($2 - begin) / 40 + 0.5), $4, $5 }'
}

# live_same NAME BPM: what the take NAME.mid says was played gives the same
# notes on the null backend, at the same beats.
live_same() {
    if ! "$tools/take_call" "$work/$1.mid" "$work/$1.call.mid" >"$work/same" ||
        ! "$riposte" play --backend null --headless --seed 1 --metre 4/4 \
            --tempo "$2" --call "$work/$1.call.mid" \
            --take "$work/$1.null.mid" >>"$work/same" 2>&1; then
        cat "$work/same"
        live_fail "$1: its call through the null backend"
        return
    fi
    live_notes "$work/$1.mid" 2 >"$work/$1.notes"
    live_notes "$work/$1.null.mid" 2 >"$work/$1.null.notes"
    [ -s "$work/$1.notes" ] || live_fail "$1: no answers in the take"
    diff "$work/$1.notes" "$work/$1.null.notes" ||
        live_fail "$1: not the notes of the null backend"
    echo "$1: the same $(grep -c '' "$work/$1.notes") notes as on the null" \
        "backend, at the same beats"
}

live_expect_zero() {
    for live_name; do
        live_value=$(live_stat "$live_name")
        [ "$live_value" = 0 ] || live_fail "$live_name: ${live_value:-not said}"
    done
}

# live_judge WHAT TIME LIMIT HELD: TIME is under LIMIT, all in microseconds;
# what the machine held up meanwhile does not count.
live_judge() {
    if [ -z "$2" ]; then
        live_fail "$1: riposte did not say it"
    elif [ "$2" -ge "$(($3 + $4))" ]; then
        live_fail "$1: $2 us, not under $3 us; the machine held up $4 us"
    else
        echo "$1: $2 us of $3 us; the machine held up $4 us at most"
    fi
}

# live_judge_late: notes are late only where the server's time jumped, and
# dropped only where it jumped by more than riposte waits for a note.
live_judge_late() {
    jumps=$(sed -nE \
        's/^time jumped .* ([0-9]+)\.. ms at most; ([0-9]+) .*/\1 \2/p' \
        "$work/said" | tail -n 1)
    late=$(live_stat late) dropped=$(live_stat dropped)
    [ "${late:-9999}" -le "${jumps#* }" ] ||
        live_fail "late: ${late:-not said}, ${jumps#* } after a jump of time"
    [ "${dropped:-9999}" -eq 0 ] || [ "${jumps% *}" -ge 200 ] ||
        live_fail "dropped: ${dropped:-not said}, no jump of 200 ms"
}

live_close() {
    [ "$failed" -eq 0 ] && echo "passed"
    exit "$((failed > 0))"
}
