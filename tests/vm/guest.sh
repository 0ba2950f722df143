# shellcheck shell=sh disable=SC2034,SC2154 # shared with what sources it
# Sourced by the scripts that run within the machine, with `riposte`, `tools`
# and `source` set: programs that play and listen beside riposte.
cd /run/vm || exit 1
export XDG_STATE_HOME=/run/vm/state
failed=0
# Thinking is what takes this machine's time; one call is answered as usual.
candidates=8

scene() { # scene NAME: how long it takes is said outside
    echo "vm: scene $1"
    "$1"
}

fail() {
    failed=$((failed + 1))
    echo "failed: $*"
}

wait_for() { # as seq_wait; without that there is no going on
    "$tools/seq_wait" "$@" || {
        tail -n 20 ./*.log
        exit 1
    }
}

end_of() { # end_of PROCESS NAME
    wait "$1"
    ended=$?
    [ "$ended" -eq 0 ] || fail "$2: status $ended"
}

stop_riposte() {
    kill -TERM "$player"
    end_of "$player" "$name: riposte"
}

# start_listener NAME LOG [IDLE]: its process is `listener`.
start_listener() {
    "$tools/seq_listen" "$@" &
    listener=$!
    wait_for client "$1"
}

stop_listener() {
    kill "$1"
    end_of "$1" listener
}

# start_keys COMMAND...: somebody plays as soon as it is connected.
start_keys() {
    "$tools/seq_play" Keyboard "$@" >keys.log &
    keys=$!
    wait_for client Keyboard
}

pull() { # pull PROCESS: as when its cable is pulled
    kill -9 "$1"
    wait "$1" 2>/dev/null
}
