# bash completion for riposte. Commands, options and their values come from
# --help, so that what is offered is what the program takes.

# The help of "riposte COMMAND", or of "riposte bench WHAT".
_riposte_help() { # RIPOSTE WORD...
    "$@" --help 2>/dev/null </dev/null
}

# First column of a list: commands, presets, engines.
_riposte_names() {
    sed -nE 's/^ *([a-z0-9][a-zA-Z0-9_.-]*) .*/\1/p'
}

# The words an option takes: of "--mode answer|trade", or of "--backend NAME
# auto, jack or null (auto)". $1: the value as --help calls it, $2: its help.
_riposte_words() {
    local word list='^([a-z0-9:]+)((, [a-z0-9:]+)* or [a-z0-9:]+)( |$)'
    if [[ $1 == *'|'* ]]; then
        for word in ${1//|/ }; do
            [[ $word =~ ^[a-z][a-z0-9:-]*$ ]] && echo "$word"
        done
    elif [[ $1 == NAME && $2 =~ $list ]]; then
        echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}" | tr -d , |
            sed 's/ or / /'
    fi
}

# What may stand after an option. $1: riposte, $2: the option, $3: the help.
_riposte_values() {
    local value help
    # A long option has its help on the next line.
    read -r _ value help < <(awk -v option="--$2" '/^  -/ && $1 == option {
        print; if (getline && /^          /) print; exit }' <<<"$3" |
        tr '\n' ' '; echo)
    case $2 in
    preset) "$1" presets 2>/dev/null | grep -v '^ ' | _riposte_names ;;
    engine) "$1" engines 2>/dev/null | _riposte_names && echo auto ;;
    in | out)
        [[ $value == PORT ]] && "$1" ports 2>/dev/null |
            sed -nE "s/^[^ ]+ +$2 +[0-9]+ +([^ :]+).*/\1/p" | sort -u
        ;;
    *) _riposte_words "$value" "$help" ;;
    esac
    case $value in
    *FILE* | *DIR* | *.mid | *.ini) echo / ;; # paths, too
    esac
}

_riposte() {
    local riposte=${COMP_WORDS[0]} cur=${COMP_WORDS[COMP_CWORD]} at=$COMP_CWORD
    local command=${COMP_WORDS[1]} help option='' words what=()

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words=$(_riposte_help "$riposte" | _riposte_names)
        mapfile -t COMPREPLY < <(
            compgen -W "$words help --help --version" -- "$cur")
        return
    fi
    if [[ $command == help ]]; then
        words=$(_riposte_help "$riposte" | _riposte_names)
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
        return
    fi
    if [[ $command == bench ]]; then
        if ((COMP_CWORD == 2)); then
            words=$(_riposte_help "$riposte" bench | _riposte_names)
            mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$cur")
            return
        fi
        what=("${COMP_WORDS[2]}")
    fi
    help=$(_riposte_help "$riposte" "$command" "${what[@]}")
    # "--mode=an" is three words here.
    [[ $cur == = ]] && cur='' && ((at++))
    if [[ ${COMP_WORDS[at - 1]} == = && ${COMP_WORDS[at - 2]} == --* ]]; then
        option=${COMP_WORDS[at - 2]#--}
    elif [[ ${COMP_WORDS[at - 1]} == --?* ]] &&
        grep -qE "^  ${COMP_WORDS[at - 1]} [^ ]" <<<"$help"; then
        option=${COMP_WORDS[at - 1]#--}
    fi
    if [[ $option ]]; then
        words=$(_riposte_values "$riposte" "$option" "$help")
    elif [[ $cur == -* || ${help%%$'\n'*} == *'[OPTION]...' ]]; then
        words=$(sed -nE 's/^  (--[a-z0-9-]+).*/\1/p' <<<"$help")
    else
        words=/
    fi
    mapfile -t COMPREPLY < <(compgen -W "${words//\//}" -- "$cur")
    if [[ $words == */* ]]; then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames 2>/dev/null
    fi
}

complete -F _riposte riposte
