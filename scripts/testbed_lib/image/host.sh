#!/bin/sh
# Runs once for each image, outside of it: $1 is the new root folder, $2 the package cache's address:port.
# Makes of a minimal Debian what a test host is: a bare server with sshd and one administrator.
set -eu
root=$1
cache=$2

# A login with sudo and no password, as cloud images have it. The key comes with each host.
chroot "$root" useradd --create-home --shell /bin/bash ops
printf 'ops ALL=(ALL) NOPASSWD:ALL\n' > "$root/etc/sudoers.d/ops"
chmod 0440 "$root/etc/sudoers.d/ops"
install -d -m 0700 -o "$(chroot "$root" id -u ops)" -g "$(chroot "$root" id -g ops)" "$root/home/ops/.ssh"
rm -f "$root"/etc/ssh/ssh_host_*

# The hosts' kernel is the kernel of the machine that runs them: no modules, sysctls, devices or consoles from here.
# Timers of apt would take its lock at a random moment of a test.
chroot "$root" systemctl mask --quiet \
    systemd-modules-load.service systemd-sysctl.service systemd-udevd.service systemd-udev-trigger.service \
    systemd-binfmt.service systemd-remount-fs.service proc-sys-fs-binfmt_misc.automount \
    dev-hugepages.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount \
    sys-fs-fuse-connections.mount getty.target console-getty.service \
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer fstrim.timer

# Packages come through the cache. Only the mirror's hosts do: a repository that a test serves itself is asked
# directly, or a package rebuilt under the same version would come stale from the cache.
for mirror in $(sed -n 's#^deb .*http://\([^/ ]*\).*#\1#p' "$root/etc/apt/sources.list" | sort -u); do
    printf 'Acquire::http::Proxy::%s "http://%s";\n' "$mirror" "$cache"
done > "$root/etc/apt/apt.conf.d/80testbed-cache"
# The journal is the host's own: without this it begins with the messages of the machine's kernel.
install -d "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nReadKMsg=no\n' > "$root/etc/systemd/journald.conf.d/testbed.conf"
printf 'Acquire::Languages "none";\n' > "$root/etc/apt/apt.conf.d/80testbed"

# A host knows no name server: whatever it needs from outside comes through the cache or from the controller.
printf '# test host: names are in /etc/hosts\n' > "$root/etc/resolv.conf"
: > "$root/etc/machine-id"
