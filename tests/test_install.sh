#!/bin/sh
# meson install into a folder of its own: everything has its place, the program
# runs from there with its presets, and uninstalling leaves nothing. The man
# page, the .desktop file, the unit and the completion are what their own tools
# say is right.
# Usage: test_install.sh BUILD_ROOT SOURCE_ROOT
set -u
build=${1:?build root} top=${2:?source root}
work=$(mktemp -d) || exit 1
log=$build/meson-logs/install-log.txt
# The log tells "ninja uninstall" what to remove: a real one must stay.
[ ! -f "$log" ] || cp "$log" "$work/install-log.txt"
end() {
    [ ! -f "$work/install-log.txt" ] || cp "$work/install-log.txt" "$log"
    rm -rf "$work"
}
trap end EXIT
failed=0 checks=0

check() { # check WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    "$@" >"$work/out" 2>&1 && return
    failed=$((failed + 1))
    echo "failed: $what"
    sed 's/^/    | /' "$work/out" | head -n 20
}
silent() { # silent COMMAND...: it works and says nothing
    "$@" >"$work/said" 2>&1 && [ ! -s "$work/said" ] && return
    cat "$work/said"
    return 1
}
has() { grep -q -- "$1" "$2"; }

dest="$work/a root"
option() { # option NAME: of this build
    meson introspect --buildoptions "$build" | tr '{' '\n' |
        sed -nE "s/.*\"name\": \"$1\", \"value\": \"([^\"]*)\".*/\1/p" | head -1
}
prefix=$(option prefix)
check "the build's prefix is known" test -n "$prefix"
check "meson install" env DESTDIR="$dest" \
    meson install -C "$build" --no-rebuild --quiet
root=$dest$prefix
bin=$root/bin/riposte
share=$root/share
for file in "$bin" "$share/man/man1/riposte.1" \
    "$share/applications/riposte.desktop" \
    "$share/bash-completion/completions/riposte" \
    "$root/lib/systemd/user/riposte.service" \
    "$share/riposte/presets/melody.ini" \
    "$share/riposte/presets/melody.safetensors" \
    "$share/riposte/presets/README.md"; do
    check "${file#"$dest"} is installed" test -s "$file"
done
check "no tools of the source tree are" \
    test ! -e "$share/riposte/presets/fetch_data.sh"

# It runs from there, with nothing but what was installed.
export HOME="$work/home" XDG_DATA_HOME="$work/home" XDG_CONFIG_HOME="$work/home"
mkdir "$work/home"
cd "$work/home" || exit 1
"$bin" presets --json >"$work/presets" 2>&1
check "its presets are those beside it" \
    has "\"path\": \"$share/riposte/presets/melody.ini\"" "$work/presets"
check "it plays" "$bin" play --backend null --headless \
    --call "$share/riposte/presets/call.mid" --take "$work/take.mid"
check "the take is there" test -s "$work/take.mid"

# What the tools of each kind of file say.
if command -v desktop-file-validate >/dev/null; then
    check ".desktop is valid" silent desktop-file-validate \
        "$share/applications/riposte.desktop"
fi
desktop=$share/applications/riposte.desktop
check ".desktop speaks NSM" has '^X-NSM-Capable=true$' "$desktop"
nsm=$(sed -n 's/^X-NSM-Exec=//p' "$desktop")
check "what NSM starts is installed" test -x "$root/bin/$nsm"
command=$(sed -n 's/^Exec=//p' "$desktop")
# shellcheck disable=SC2086 # a command with its options
check "what .desktop starts is known" "$root/bin/"$command --help
unit=$root/lib/systemd/user/riposte.service
check "the unit starts what is installed" \
    has "^ExecStart=$prefix/bin/riposte play --headless" "$unit"
if command -v systemd-analyze >/dev/null; then
    # The program is not at its place yet: at the one where it is now.
    mkdir "$work/unit" && ln -s "$bin" "$work/unit/riposte"
    sed "s|$prefix/bin/riposte|$work/unit/riposte|; /^Documentation=/d" \
        "$unit" >"$work/unit/riposte.service"
    XDG_RUNTIME_DIR=$work silent systemd-analyze --user verify \
        "$work/unit/riposte.service" >"$work/analyzed" 2>&1 ||
        # Without a user's systemd it can tell nothing.
        grep -q 'Failed to initialize manager' "$work/analyzed"
    check "the unit is valid" [ $? -eq 0 ]
    sed 's/^/    | /' "$work/analyzed" | grep -v 'initialize manager'
fi
page=$share/man/man1/riposte.1
if command -v man >/dev/null; then
    LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" \
        2>"$work/warnings" >"$work/page"
    check "the man page can be shown" test -s "$work/page"
    check "the man page has no warnings" silent cat "$work/warnings"
fi
if command -v bash >/dev/null; then
    echo 'complete -p riposte' | cat \
        "$share/bash-completion/completions/riposte" - >"$work/completion"
    check "completion is for riposte" bash "$work/completion"
fi
# The man page says where things are.
for word in learn.ini service.conf riposte.service; do
    check "the man page has $word" has "$word" "$top/tui/riposte.1"
done

check "uninstall" ninja -C "$build" uninstall
find "$dest" ! -type d 2>/dev/null >"$work/left"
check "nothing is left: $(head -3 "$work/left")" test ! -s "$work/left"

echo "$checks checks, $failed failed"
[ "$failed" -eq 0 ] && [ "$checks" -gt 20 ]
