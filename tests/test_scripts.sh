#!/bin/sh
# jam, check and the other scripts: shellcheck where it is installed, and what
# jam and check do, seen with a package system and a Meson of our own making.
# Usage: test_scripts.sh SOURCE_ROOT
set -u
top=${1:?source root}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0 checks=0

check() { # check WHAT COMMAND...
    what=$1
    shift
    checks=$((checks + 1))
    "$@" && return
    failed=$((failed + 1))
    echo "failed: $what"
    sed 's/^/    | /' "$work/out" 2>/dev/null
}
has() { grep -qF -- "$1" "$work/out"; }
hasnt() { ! grep -qF -- "$1" "$work/out"; }
called() { grep -qF -- "$1" "$work/calls"; }
uncalled() { ! called "$1"; }
is() { [ "$1" = "$2" ]; }

if command -v shellcheck >/dev/null; then
    cd "$top" || exit 1
    for script in jam check .ci/run .ci/*.sh presets/*.sh tests/*.sh \
        tests/live/*.sh tests/vm/*.sh tests/vm/init; do
        [ -f "$script" ] || continue
        shellcheck -x "$script" >"$work/out" 2>&1
        check "shellcheck $script" is $? 0
    done
else
    echo "no shellcheck here: the scripts were only run"
fi

# Every setting is in the presets' reference.
for key in $(sed -nE 's/^    \{"([a-z-]+)", ".*/\1/p' \
    "$top/model/setting.c") about model; do
    keys=$((${keys:-0} + 1))
    grep -qF "| \`$key\` |" "$top/presets/README.md"
    check "presets/README.md says what $key is" is $? 0
done
check "settings were found" [ "${keys:-0}" -gt 10 ]

# A tree of its own, with a path that has a space, and commands that only
# write down how they were called.
tree="$work/a tree"
bin=$work/bin
mkdir -p "$tree/.ci" "$tree/presets" "$bin"
cp "$top/jam" "$top/check" "$tree/"
cp "$top/.ci/packages.sh" "$tree/.ci/"

fake() { # fake NAME: the script comes on stdin
    { echo '#!/bin/sh'
      echo "echo \"\${0##*/}\" \"\$@\" >>\"$work/calls\""
      cat; } >"$bin/$1"
    chmod +x "$bin/$1"
}
fake dpkg-query <<EOF
for word; do case \$word in -*|*{*) continue ;; esac
    grep -qxF "\$word" "$work/lacks" || echo "installed \$word"
done
EOF
fake id <<EOF
cat "$work/uid"
EOF
fake apt-get <<EOF
[ -f "$work/no-network" ] && exit 100
case "\$*" in
*update*) touch "$work/updated" ;;
*) [ -f "$work/updated" ] || [ ! -f "$work/stale" ] || exit 100
   : >"$work/lacks" ;;
esac
EOF
fake meson <<EOF
case \$1 in
setup) for last; do :; done
    shift; while [ \$# -gt 1 ]; do dir=\$1; shift; done
    mkdir -p "\$dir/tui" "\$dir/meson-logs"; touch "\$dir/build.ninja"
    [ ! -f "$work/gpu" ] || echo cuda/riposte-cuda.so >"\$dir/build.ninja" ;;
test) mkdir -p "\$3/meson-logs"
    [ -f "$work/testlog" ] && cp "$work/testlog" "\$3/meson-logs/testlog.json"
    exit 1 ;;
esac
EOF
fake nvidia-smi <<EOF
cat "$work/gpu" 2>/dev/null
EOF
fake ninja <<EOF
[ -f "$work/broken" ] && { echo "x.c:1: error: no"; exit 1; }
case \$3 in cuda/*) [ ! -f "$work/broken-gpu" ]; exit ;; esac
cat >"\$2/tui/riposte" <<'IN'
#!/bin/sh
for word; do echo "<\$word>"; done
IN
chmod +x "\$2/tui/riposte"
EOF
for tool in sh cat cp grep sed awk uniq tr rm mkdir touch chmod dirname env \
    script; do
    found=$(command -v "$tool") && ln -sf "$found" "$bin/$tool"
done

begin() { # begin UID MISSING...: a machine without these packages
    rm -rf "$tree"/build* "$bin/sudo" "$work"/stale "$work"/updated \
        "$work"/no-network "$work"/broken* "$work"/gpu "$work"/calls
    echo "$1" >"$work/uid"
    shift
    printf '%s\n' "$@" >"$work/lacks"
    : >"$work/calls"
}
run() { # run SCRIPT ARGUMENTS...
    script=$1
    shift
    (cd "$work" && PATH=$bin "$tree/$script" "$@" >"$work/out" 2>&1 </dev/null)
    code=$?
}

begin 1000 ninja-build meson
run jam
check "neither root nor sudo: fails" is $code 1
check "says what is missing" has "Not installed yet: meson ninja-build"
check "says the command" has "apt-get install meson ninja-build"
check "does not call apt" uncalled apt-get

begin 1000 meson
fake sudo <<'EOF'
exec "$@"
EOF
run jam
check "sudo: works" is $code 0
check "asks sudo" called "sudo env DEBIAN_FRONTEND=noninteractive apt-get"
check "installs what is missing alone" called "install meson"
check "prints the list" has "Not installed yet: meson"

begin 0 libncurses-dev
touch "$work/stale"
run jam
check "root, old package lists: works" is $code 0
check "updates the lists" called "update"
check "needs no sudo" uncalled sudo

begin 0 libncurses-dev
touch "$work/no-network"
run jam
check "no network: fails" is $code 1
check "says so" has "apt-get could not install: libncurses-dev"

begin 1000 libjack-jackd2-dev pkgconf gcc
run jam
check "other packages that do as well" is $code 0
check "nothing installed" uncalled apt-get

begin 1000 ""
run jam
check "first start" is $code 0
check "release build" called "meson setup --buildtype=release"
check "without a terminal: says so" has "No terminal here"
check "plays the call" has "<$tree/presets/call.mid>"
check "through the null backend" has "<null>"
check "says where the take is" has "The take is in $work/riposte-take.mid"
: >"$work/calls"
run jam --seed 7 --take "$work/my take.mid"
check "second start" is $code 0
check "no second set-up" uncalled "meson setup"
check "no apt" uncalled apt-get
check "arguments go through" has "<7>"
check "with spaces, too" has "<$work/my take.mid>"
check "the take named wins" hasnt "riposte-take.mid"
mkdir -p "$tree/build/meson-info"
echo '{"directories": {"source": "'"$tree"'", "build": ""}}' \
    >"$tree/build/meson-info/meson-info.json"
run jam
check "a build made here is kept" uncalled "meson setup"
echo '{"directories": {"source": "/once/there", "build": ""}}' \
    >"$tree/build/meson-info/meson-info.json"
run jam
check "a tree that has moved: works" is $code 0
check "and is set up again" called "meson setup"
run jam --headless --tempo 97
check "headless: no shipped call" hasnt "call.mid"
check "headless: as asked" has "<--headless>"

begin 1000 ""
touch "$work/broken"
run jam
check "a build that fails: fails" is $code 1
check "and shows why" has "x.c:1: error: no"

begin 1000 ""
run jam
check "no GPU: nothing is built for one" called "-Dcuda=disabled"
check "nor asked for" uncalled "riposte-cuda.so"
begin 1000 ""
echo 12.0 >"$work/gpu"
run jam
check "a GPU: built for it" called "-Dgpu_arch=80,120"
check "a GPU: its module" called "build cuda/riposte-cuda.so"
begin 1000 ""
echo 9.0 >"$work/gpu"
touch "$work/broken-gpu"
run jam
check "a GPU's module that fails: plays" is $code 0
check "and says so" has "the processor does the work"
begin 1000 ""
echo 7.5 >"$work/gpu"
run jam
check "a GPU that is too old: none" called "-Dcuda=disabled"

if command -v script >/dev/null; then
    begin 1000 ""
    (cd "$work" && PATH=$bin TERM=xterm script -qec "'$tree/jam' --seed 3" \
        /dev/null </dev/null >"$work/out" 2>&1)
    check "on a terminal: plays" has "<play>"
    check "on a terminal: no shipped call" hasnt "call.mid"
fi

last() { sed -n '$p' "$work/out"; }
begin 0 ""
cat >"$work/testlog" <<'EOF'
{"name": "riposte / ring", "stdout": "fine \"result\": \"FAIL\"\n", "result": "OK", "env": {}}
{"name": "riposte:live / jack", "stdout": "a\nskipped: no \"jackd\" here\nb\n", "result": "SKIP"}
EOF
run check
check "passes and skips" is "$(last)" "1 passed, 0 failed, 1 skipped"
check "exit status 0" is $code 0
check "the skip has its reason" has 'skipped: jack: no "jackd" here'
run check --no-suite live
check "leaves a suite out" called "-t 3 --no-suite live"
run check --no-suite slow --asan
check "leaves a suite out, wherever it stands" called "-t 6 --no-suite slow"
cat >>"$work/testlog" <<'EOF'
{"name": "riposte / x", "stdout": "a\nfailed: \"late\": 3\nx.c:7: n is 1, expected 2\n", "result": "FAIL", "env": {}}
{"name": "riposte / y", "stdout": "", "result": "TIMEOUT", "env": {}}
{"name": "riposte / z", "stdout": "", "result": "ERROR", "env": {"A": "failed: no"}, "command": ["z"], "stderr": "z.c:3: runtime error: null\n"}
EOF
run check
check "failures" is "$(last)" "1 passed, 3 failed, 1 skipped"
check "exit status 1" is $code 1
check "says which and why" has 'FAILED x: "late": 3'
check "every reason" has 'FAILED x: x.c:7: n is 1, expected 2'
check "or what there is" has 'FAILED y: TIMEOUT, without a reason'
check "what is said on stderr" has 'FAILED z: z.c:3: runtime error: null'
check "and nothing of the surroundings" hasnt 'failed: no'
check "nothing of those that passed" hasnt 'FAILED ring'
rm "$work/testlog"
run check
check "no test ran" is "$(last)" "0 passed, 1 failed, 0 skipped"
check "exit status 1" is $code 1
touch "$work/broken"
run check
check "broken build" is "$(last)" "0 passed, 1 failed, 0 skipped"
check "exit status 1" is $code 1
rm "$work/broken"
run check --no-such-option
check "unknown option" is $code 2
check "prints what there is" has "--tsan"

echo "$checks checks, $failed failed"
[ "$failed" -eq 0 ]
