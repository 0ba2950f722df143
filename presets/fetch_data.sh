#!/bin/sh
# Fetches the music that presets/melody.safetensors was trained on and turns
# it into .mid: three public repositories at fixed commits, by git.
#
#   presets/fetch_data.sh FOLDER      about 100 MB over the network
#
# Needs git, python3 and abc2midi (Debian: abcmidi). Of Open Hymnal and
# OpenEWLD only the files listed in presets/data_*.sha256 are taken: those
# whose words and music are in the public domain in the USA, too. They are
# found by their content, so a changed file is left out and said.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -eq 1 ] || {
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
}
for tool in git python3 abc2midi sha256sum; do
    command -v "$tool" >/dev/null || {
        echo "fetch_data: $tool is missing" >&2
        exit 1
    }
done
mkdir -p "$1"
to=$(cd "$1" && pwd)

# fetch NAME REPOSITORY COMMIT: a shallow copy in FOLDER/sources/NAME
fetch() {
    dir=$to/sources/$1
    [ -f "$dir/.fetched" ] && return
    echo "fetch_data: $2 at $3"
    mkdir -p "$dir"
    git -C "$dir" init -q
    git -C "$dir" fetch -q --depth 1 "https://github.com/$2" "$3"
    git -C "$dir" checkout -q FETCH_HEAD
    : >"$dir/.fetched"
}

# pick NAME LIST ENDING: copies the listed files, by content, to
# FOLDER/picked/NAME
pick() {
    mkdir -p "$to/picked/$1"
    find "$to/sources/$1" -name "*.$3" -exec sha256sum {} + |
        sed 's/^\\//' | sort -u -k 1,1 >"$to/picked/$1.found"
    while read -r hash name; do
        from=$(sed -n "s/^$hash  //p" "$to/picked/$1.found")
        if [ "$from" ]; then
            cp "$from" "$to/picked/$1/$name"
        else
            echo "fetch_data: $1: $name is not there as it was" >&2
        fi
    done <"$2"
    rm "$to/picked/$1.found"
}

fetch openscore-lieder OpenScore/Lieder \
    bca122458de6da362abe62dd6aec62e25d7759b1
fetch open-hymnal mzealey/openhymnal d35811b2d5c9b0bbc5887d60a2936454815416e8
fetch openewld 00sapo/OpenEWLD ec03cbd809ca5296ee708591b970d0423dcbe31c
pick open-hymnal "$here/data_open_hymnal.sha256" abc
pick openewld "$here/data_openewld.sha256" mxl

python3 "$here/mxl2mid.py" --tree "$to/sources/openscore-lieder/scores" \
    "$to/openscore-lieder"
python3 "$here/mxl2mid.py" --tree "$to/picked/openewld" "$to/openewld-us-pd"
mkdir -p "$to/open-hymnal"
for abc in "$to/picked/open-hymnal"/*.abc; do
    name=${abc##*/}
    abc2midi "$abc" -o "$to/open-hymnal/${name%.abc}.mid" >/dev/null ||
        echo "fetch_data: abc2midi could not read $name" >&2
done
for name in openscore-lieder open-hymnal openewld-us-pd; do
    echo "$to/$name: $(find "$to/$name" -name '*.mid' | wc -l) files"
done
