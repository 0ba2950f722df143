# shellcheck shell=sh disable=SC2034 # the lists are used where sourced
# What riposte needs from Debian 12 or Ubuntu 24.04, and how to install it.
# Sourced by jam, check and .ci/run (POSIX sh). A|B: either will do.

rp_build_packages='gcc|clang libc6-dev meson ninja-build pkgconf|pkg-config
libjack-jackd2-dev|libjack-dev libasound2-dev libncurses-dev liblo-dev
librtmidi-dev'
rp_test_packages='g++|clang jackd2|jackd1 shellcheck tmux python3-mido procps
man-db desktop-file-utils'
# For the ALSA sequencer in a virtual machine; .ci/run installs them.
rp_vm_packages='qemu-system-x86 busybox-static alsa-utils cpio kmod binutils
python3 file zstd xz-utils'

# For PipeWire in the place of jackd; .ci/run installs them.
rp_pipewire_packages='pipewire pipewire-jack wireplumber'

# Prints those of the packages given that are not installed, one a line.
rp_missing() {
    # shellcheck disable=SC2046 # one word per package
    rp_installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
        $(printf '%s\n' "$@" | tr '|' ' ') 2>/dev/null |
        sed -n 's/^installed //p')
    for rp_wanted; do
        rp_found=
        for rp_one in $(printf '%s' "$rp_wanted" | tr '|' ' '); do
            printf '%s\n' "$rp_installed" | grep -qxF "$rp_one" &&
                rp_found=yes
        done
        [ "$rp_found" ] || printf '%s\n' "${rp_wanted%%|*}"
    done
}

# Installs what is missing of the packages given; prints the list first.
rp_install() {
    if ! command -v dpkg-query >/dev/null 2>&1; then
        command -v meson >/dev/null 2>&1 && return 0
        echo "No Debian packages here: please install a C compiler, Meson" \
            "1.0, Ninja, pkg-config and the headers of JACK, ALSA, ncurses." >&2
        return 1
    fi
    rp_list=$(rp_missing "$@" | tr '\n' ' ')
    [ "$rp_list" ] || return 0
    echo "Not installed yet: $rp_list"
    if [ "$(id -u)" -eq 0 ]; then
        rp_root='env'
    elif command -v sudo >/dev/null 2>&1; then
        rp_root='sudo env'
        echo "Installing needs root: sudo may ask for your password."
    else
        echo "Installing needs root and there is no sudo. As root, run:" >&2
        echo "    apt-get install $rp_list" >&2
        return 1
    fi
    rp_apt install || { rp_apt update && rp_apt install; } || {
        echo "apt-get could not install: $rp_list" >&2
        return 1
    }
}

rp_apt() {
    # shellcheck disable=SC2086 # lists of words
    if [ "$1" = update ]; then
        $rp_root DEBIAN_FRONTEND=noninteractive \
            apt-get -q -o Acquire::Retries=3 update </dev/null
    else
        $rp_root DEBIAN_FRONTEND=noninteractive \
            apt-get -q -y -o Acquire::Retries=3 --no-install-recommends \
            install $rp_list </dev/null
    fi
}

# A build folder is of no use once its tree has moved: Ninja would go on with
# the old place. rp_drop_moved BUILD TOP: removed then, to be set up again.
rp_drop_moved() {
    rp_made=$(sed -n 's/.*"source": "\([^"\\]*\)".*/\1/p' \
        "$1/meson-info/meson-info.json" 2>/dev/null) || return 0
    [ "$rp_made" ] && [ "$rp_made" != "$(cd "$2" && pwd -P)" ] || return 0
    echo "${1##*/} was made for $rp_made: set up again"
    rm -rf "$1"
}
