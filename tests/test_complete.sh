#!/bin/bash
# bash completion: every command, every option of each --help, and the values
# that options take, as the shell would ask for them.
# Usage: test_complete.sh RIPOSTE SOURCE_ROOT
set -u
riposte=$(realpath "${1:?the command}") top=${2:?source root}
# shellcheck source=tui/riposte.bash
. "$top/tui/riposte.bash"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
mkdir songs && : >"a song.mid" && : >net.safetensors
export XDG_DATA_HOME=$work HOME=$work
failed=0 checks=0

# ask WORD...: completes the last one. compopt works in the shell alone.
compopt() { :; }
ask() {
    COMP_WORDS=("$riposte" "$@") COMP_CWORD=$# COMPREPLY=()
    _riposte "$riposte" "${*: -1}" ''
}
offers() { # offers WHAT: is it among them
    local one
    checks=$((checks + 1))
    for one in "${COMPREPLY[@]}"; do
        [[ $one == "$1" ]] && return
    done
    failed=$((failed + 1))
    echo "failed: '${COMP_WORDS[*]:1}' does not offer '$1': ${COMPREPLY[*]}"
}
is() { # is WORD...: exactly these, in any order
    local got want
    got=$(printf '%s\n' "${COMPREPLY[@]}" | sort | xargs)
    want=$(printf '%s\n' "$@" | sort | xargs)
    checks=$((checks + 1))
    [[ $got == "$want" ]] && return
    failed=$((failed + 1))
    echo "failed: '${COMP_WORDS[*]:1}' offers '$got', expected '$want'"
}

ask ''
all=("${COMPREPLY[@]}")
commands=$("$riposte" --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
for command in $commands; do
    offers "$command"
done
# shellcheck disable=SC2086 # a list of words
is $commands help --help --version
[[ ${#all[@]} -gt 10 ]] || { echo "failed: ${#all[@]} commands"; failed=1; }
ask pre
is prepare presets
ask help ev
is eval

# Every option that --help has, and no other.
every() { # every COMMAND [WHAT]
    local options
    options=$("$riposte" "$@" --help | sed -nE 's/^ +(--[a-z0-9-]+).*/\1/p')
    ask "$@" --
    # shellcheck disable=SC2086 # a list of words
    is $options
}
for command in $commands; do
    [[ $command == bench ]] || every "$command"
done
ask bench ''
whats=$("$riposte" bench --help | sed -nE 's/^  ([a-z]+) .*/\1/p')
# shellcheck disable=SC2086 # a list of words
is $whats --help
for what in $whats; do
    every bench "$what"
done

# Values: of a list, of one that help tells, of what there is.
ask play --mode ''
is answer trade
ask play --mode = tr
is trade
ask play --mode =
is answer trade
ask play --backend j
is jack
ask play --backend ''
offers null
offers auto
ask play --preset mel
offers melody
ask play --preset ''
is melody
ask play --engine c
offers cpu
ask play --end-turn ''
offers none
ask eval --split t
is train test
ask bench phrases --split v
is valid
ask play --call ''
offers "a song.mid"
offers songs
ask play --model net
is net.safetensors
ask play --tempo ''
[[ ${#COMPREPLY[@]} -eq 0 ]] || is ''
ask play --headless '' # takes no value: another option
offers --tempo
ask train so
is songs
ask nonsense --
[[ ${#COMPREPLY[@]} -eq 0 ]] || is ''

# Ports by the first word of their names, of the direction that is asked for.
cat >ports <<EOF
#!/bin/sh
[ "\$1" != ports ] || exec cat <<END
jack    in    1  system:midi_capture_1 -> riposte:in
jack    out   1  synth:midi_00
alsa    in    1  Midi Through:Midi Through Port-0 14:0
remembered:
jack    in      Keys:MIDI 1
END
exec "$riposte" "\$@"
EOF
chmod +x ports
riposte=$work/ports
ask play --in ''
is system Midi
ask play --out ''
is synth

echo "$checks checks, $failed failed"
[[ $failed -eq 0 && $checks -gt 40 ]]
