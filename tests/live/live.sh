# shellcheck shell=sh disable=SC2034 # set here, used where sourced
# Sourced by tests/live_*.sh: a JACK server of the test's own, riposte on it.
# live_begin RIPOSTE TOOLS SOURCE_ROOT comes first.

live_skip() {
    echo "skipped: $*"
    exit 77
}

live_begin() {
    riposte=$1 tools=$2 source=$3
    failed=0 server='' player='' others=''
    command -v jackd >/dev/null 2>&1 || live_skip "no jackd here"
    [ -x "$tools/jack_caller" ] || live_skip "built without libjack"
    work=$(mktemp -d) || exit 1
    trap live_end EXIT
    trap 'exit 1' INT TERM HUP
    # A name of its own: a server that somebody plays on is left alone.
    JACK_DEFAULT_SERVER=rp-test-$$
    JACK_NO_START_SERVER=1 JACK_NO_AUDIO_RESERVATION=1
    export JACK_DEFAULT_SERVER JACK_NO_START_SERVER JACK_NO_AUDIO_RESERVATION
    # Only what this test starts is heard and seen.
    XDG_DATA_HOME=$work/data XDG_CONFIG_HOME=$work/config
    export XDG_DATA_HOME XDG_CONFIG_HOME
}

live_end() {
    for pid in $player $others $server; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    rm -rf "$work" "/dev/shm/jack_${JACK_DEFAULT_SERVER}_"* \
        /dev/shm/jack_sem.*_"${JACK_DEFAULT_SERVER}"_*
}

live_fail() {
    failed=$((failed + 1))
    echo "failed: $*"
}

# live_server [JACKD OPTIONS]: real-time where that is permitted; `realtime`
# says which it was.
live_server() {
    for scheduling in -R -r; do
        jackd "$scheduling" -n "$JACK_DEFAULT_SERVER" "$@" -d dummy -r 48000 \
            -p 128 >"$work/jackd.log" 2>&1 &
        server=$!
        if "$tools/jack_idle" --wait 5 2>/dev/null; then
            realtime=yes
            if [ "$scheduling" = -r ] || grep -qi 'cannot use real-time' \
                "$work/jackd.log"; then
                realtime=no
                echo "no real-time scheduling here"
            fi
            return 0
        fi
        kill "$server" 2>/dev/null
        wait "$server" 2>/dev/null
    done
    sed 's/^/jackd: /' "$work/jackd.log"
    server=''
    live_fail "jackd did not start"
    exit 1
}

# live_play [OPTIONS OF riposte play]: starts it and waits for its ports.
live_play() {
    "$riposte" play --backend jack --headless --tempo 97 --metre 4/4 \
        --seed 1 "$@" >"$work/play.log" 2>&1 </dev/null &
    player=$!
    "$tools/jack_idle" --wait 10 riposte:in riposte:out riposte:thru || {
        sed 's/^/riposte: /' "$work/play.log"
        live_fail "riposte did not come up"
        exit 1
    }
}

# Ends riposte as a session manager would; it must end well and soon.
live_stop() {
    kill -TERM "$player"
    live_wait=0
    while kill -0 "$player" 2>/dev/null && [ "$live_wait" -lt 50 ]; do
        sleep 0.1
        live_wait=$((live_wait + 1))
    done
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

live_expect_zero() {
    for live_name; do
        live_value=$(live_stat "$live_name")
        [ "$live_value" = 0 ] || live_fail "$live_name: ${live_value:-not said}"
    done
}

live_close() {
    [ "$failed" -eq 0 ] && echo "passed"
    exit "$((failed > 0))"
}
