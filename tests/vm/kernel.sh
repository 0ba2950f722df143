#!/bin/sh
# A Linux kernel with the ALSA sequencer for the tests in a virtual machine.
#   kernel.sh          prints the folder it lies in: vmlinux, modules/; fails
#                      when there is none and none is installed
#   kernel.sh fetch    downloads one where there is none (Debian, Ubuntu)
# The folder is a cache: $RIPOSTE_VM_CACHE, or riposte/vm in the user's.
set -u
cache=${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/riposte/vm
cache=${RIPOSTE_VM_CACHE:-$cache}
here=$(cd "$(dirname "$0")" && pwd)

# What the machine loads, in this order, with what they depend on.
sound='snd-hrtimer snd-seq snd-seq-dummy snd-seq-midi snd-virmidi'
files='virtio_pci 9pnet_virtio 9p'

give_up() {
    echo "kernel: $*" >&2
    rm -rf "$cache.new"
    exit 1
}

# unpack MODULE: as insmod wants it, on stdout.
unpack() {
    case $1 in
    *.zst) zstd -dqc "$1" ;;
    *.xz) xz -dc "$1" ;;
    *.gz) gzip -dc "$1" ;;
    *) cat "$1" ;;
    esac
}

# keep ROOT VERSION LIST MODULE...: modules/*.ko, their order in modules/LIST.
keep() {
    root=$1 version=$2 list=$3
    shift 3
    for module; do
        modprobe -d "$root" -S "$version" --show-depends "$module" || return 1
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' |
        while read -r path; do
            name=$(basename "$path" | sed 's/\.ko.*//')
            unpack "$path" >"$cache.new/modules/$name.ko" || exit 1
            strip --strip-debug "$cache.new/modules/$name.ko" || exit 1
            echo "$name"
        done >"$cache.new/modules/$list" &&
        [ -s "$cache.new/modules/$list" ]
}

# take ROOT IMAGE VERSION: the cache from an unpacked or installed kernel.
take() {
    rm -rf "$cache.new"
    mkdir -p "$cache.new/modules" || return 1
    [ -e "$1/lib/modules/$3/modules.dep" ] || depmod -b "$1" "$3"
    # shellcheck disable=SC2086 # lists
    keep "$1" "$3" sound $sound && keep "$1" "$3" files $files || return 1
    # The ELF within boots in a third of the time; the image does, too.
    python3 "$here/vmlinux.py" "$2" "$cache.new/vmlinux" ||
        cp "$2" "$cache.new/vmlinux" || return 1
    echo "$3" >"$cache.new/version"
    rm -rf "$cache"
    mv "$cache.new" "$cache"
}

from_installed() {
    for image in /boot/vmlinuz-*; do
        version=${image#/boot/vmlinuz-}
        [ -r "$image" ] && [ -d "/lib/modules/$version/kernel/sound" ] &&
            take / "$image" "$version" 2>/dev/null && return 0
    done
    return 1
}

# download NAME...: their packages into $work, unpacked into $work/root.
download() {
    for package; do
        apt-cache show "$package" >/dev/null 2>&1 || continue
        (cd "$work" && apt-get -q -o Acquire::Retries=3 download "$package") ||
            return 1
        dpkg-deb -x "$work/$package"_*.deb "$work/root" || return 1
    done
}

# The package of the distribution's kernel, with its version.
newest() {
    for meta in linux-image-amd64 linux-image-generic; do
        apt-cache depends "$meta" 2>/dev/null
    done | sed -nE 's/.*Depends: (linux-image-(unsigned-)?[0-9][^ ]*)$/\1/p' |
        head -n 1
}

from_archive() {
    work=$(mktemp -d) || return 1
    trap 'rm -rf "$work"' EXIT
    image=$(newest)
    if [ -z "$image" ] && [ "$(id -u)" -eq 0 ]; then
        apt-get -q -o Acquire::Retries=3 update
        image=$(newest)
    fi
    [ "$image" ] || give_up "no package of a kernel (apt-get update?)"
    version=$(echo "$image" | sed 's/^linux-image-//; s/^unsigned-//')
    download "$image" "linux-modules-$version" || return 1
    find "$work/root" -name 'snd-seq.ko*' | grep -q . ||
        download "linux-modules-extra-$version" || return 1
    if [ ! -d "$work/root/lib" ]; then # a merged /usr
        ln -s usr/lib "$work/root/lib"
    fi
    take "$work/root" "$work/root/boot/vmlinuz-$version" "$version"
}

if [ ! -s "$cache/version" ]; then
    mkdir -p "$(dirname "$cache")" || exit 1
    from_installed || {
        [ "${1:-}" = fetch ] && from_archive
    } || give_up "none here with the ALSA sequencer (tests/vm/kernel.sh fetch)"
fi
echo "$cache"
