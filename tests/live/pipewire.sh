# shellcheck shell=sh disable=SC2034,SC2154 # shared with live.sh
# Sourced by live.sh where RIPOSTE_SERVER is pipewire: PipeWire's JACK instead
# of jackd's, in a run-time folder of this test's own. All programs of the tests
# are the same; the library they find is PipeWire's.

live_pipewire_begin() {
    for live_tool in pipewire wireplumber pw-jack; do
        command -v $live_tool >/dev/null 2>&1 || live_skip "no $live_tool here"
    done
    # shellcheck disable=SC2016 # as pw-jack has it
    LD_LIBRARY_PATH=$(pw-jack sh -c 'echo "$LD_LIBRARY_PATH"')
    XDG_RUNTIME_DIR=$work/run
    # Periods as long as PipeWire makes them unasked, 43 ms: it waits for
    # nobody, so whoever is later than one has lost it, notes and all, and
    # machines that test this are, by 20 ms.
    PIPEWIRE_QUANTUM=2048/48000
    export LD_LIBRARY_PATH XDG_RUNTIME_DIR PIPEWIRE_QUANTUM
    unset PIPEWIRE_REMOTE PIPEWIRE_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
    mkdir -m 0700 "$XDG_RUNTIME_DIR"
}

live_listens() { [ -S "$XDG_RUNTIME_DIR/pipewire-0" ]; }

# It has no server of the name that jackd's has, and leaves nothing behind.
live_free() { :; }

live_server() {
    rm -f "$XDG_RUNTIME_DIR/pipewire-0"
    live_run pipewire >"$work/pipewire.log" 2>&1 &
    server=$!
    live_until 20 live_listens || {
        sed 's/^/pipewire: /' "$work/pipewire.log"
        live_fail "pipewire did not start"
        exit 1
    }
    # It ends when PipeWire does.
    live_run wireplumber >"$work/wireplumber.log" 2>&1 &
    "$tools/jack_idle" --wait 20 || {
        sed 's/^/pipewire: /' "$work/pipewire.log" "$work/wireplumber.log"
        live_fail "pipewire's JACK does not answer"
        exit 1
    }
    live_killed=''
}
