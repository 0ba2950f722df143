# shellcheck shell=sh disable=SC2034 # set here, used where sourced
# Sourced by tests that need the ALSA sequencer of a real kernel: a small
# machine in QEMU, on virtual time, so that what is measured there is the same
# however busy this one is.
# vm_arguments RIPOSTE TOOLS TAKE_CHECK SOURCE_ROOT first and vm_begin, then
# vm_run as often as it takes.

vm_skip() {
    echo "skipped: $*"
    exit 77
}

# What a test of the sequencer is called with, and needs.
vm_arguments() {
    riposte=$(realpath "$1") tools=$(realpath "$2")
    take_check=$(realpath "$3") source=$(realpath "$4")
    latency=5333.3 # us: two periods of 128 frames at 48000 Hz
    limit=300      # us, the most that an answer may be off the clock
    [ -x "$tools/seq_listen" ] || vm_skip "built without ALSA"
    for vm_tool in aplaymidi aconnect; do
        command -v $vm_tool >/dev/null 2>&1 || vm_skip "no $vm_tool here"
    done
}

# Sets `work`, a folder to which comes what the machine leaves in /run/vm.
vm_begin() {
    vm_tools=$source/tests/vm
    [ "$(uname -m)" = x86_64 ] || vm_skip "no x86-64 here"
    for vm_tool in qemu-system-x86_64 busybox cpio depmod modprobe strip \
        python3; do
        PATH=$PATH:/usr/sbin:/sbin command -v $vm_tool >/dev/null 2>&1 ||
            vm_skip "no $vm_tool here"
    done
    PATH=$PATH:/usr/sbin:/sbin
    file -L "$(command -v busybox)" 2>/dev/null | grep -q dynamically &&
        vm_skip "busybox is not static here"
    vm_kernel=$("$vm_tools/kernel.sh" 2>/dev/null) ||
        vm_skip "no kernel for QEMU here (tests/vm/kernel.sh fetch)"
    work=$(mktemp -d) || exit 1
    trap vm_end EXIT
    trap 'exit 1' INT TERM HUP
    vm_initrd || {
        echo "failed: no initrd"
        exit 1
    }
}

vm_end() {
    rm -rf "$work"
}

vm_initrd() {
    mkdir -p "$work/root/bin" &&
        cp -L "$(command -v busybox)" "$work/root/bin/busybox" &&
        cp "$vm_tools/init" "$work/root/init" &&
        cp -r "$vm_kernel/modules" "$work/root/modules" &&
        chmod 755 "$work/root/init" &&
        (cd "$work/root" && find . | cpio -o -H newc --quiet -R 0:0) \
            >"$work/initrd" &&
        rm -rf "$work/root"
}

# Lets through what the machine says, but for its own lines; says last what
# of this machine's time each scene took.
vm_listen() {
    vm_scene=boot vm_began=$(date +%s) vm_took=''
    while IFS= read -r vm_line; do
        case $vm_line in
        'vm: scene '* | 'vm: ended '*)
            vm_now=$(date +%s)
            vm_took="$vm_took, $vm_scene $((vm_now - vm_began)) s"
            vm_scene=${vm_line#vm: scene } vm_began=$vm_now
            ;;
        *'reboot: Power down'*) ;;
        *) printf '%s\n' "$vm_line" ;;
        esac
    done
    echo "took${vm_took#,}"
}

# vm_run SECONDS SCRIPT ARGUMENT...: runs the script in the machine, at most so
# long (of this one's time). Its status is the script's.
vm_run() {
    vm_limit=$1 vm_script=$2
    shift 2
    {
        echo "set --"
        for vm_word; do
            printf "set -- \"\$@\" '%s'\n" "$vm_word"
        done
        cat "$vm_script"
    } >"$work/guest.sh"
    vm_files=local,security_model=none
    # Never KVM: it may be there and yet hang a stock kernel for minutes.
    # Virtual time: 1 ns an instruction, and sleeping takes none.
    timeout -k 5 "$vm_limit" qemu-system-x86_64 -accel tcg -cpu max \
        -icount shift=0,sleep=off -m 512 -smp 1 -nodefaults -no-user-config \
        -display none -no-reboot -serial stdio \
        -kernel "$vm_kernel/vmlinux" -initrd "$work/initrd" \
        -append "console=ttyS0 quiet loglevel=3 panic=-1 tsc=reliable" \
        -fsdev "$vm_files,id=root,path=/,readonly=on,multidevs=remap" \
        -device virtio-9p-pci,fsdev=root,mount_tag=hostroot \
        -fsdev "$vm_files,id=work,path=$work" \
        -device virtio-9p-pci,fsdev=work,mount_tag=work \
        </dev/null | tee "$work/said" | vm_listen
    grep -q '^vm: ended with 0$' "$work/said"
}
