
# From here on: makes of it a stand-in for a server of the Enterprise Linux family. Its userland stays Debian's; what
# is the family's is all that Ansible, dnf, rpm and the packages' scripts look at: release files, package manager and
# its database, presets, paths.

# What the family calls the packages that this image has: theirs, then Debian's, from which the version comes.
named='bash bash
ca-certificates ca-certificates
coreutils coreutils
dbus dbus
dnf dnf
dnf-plugins-core dnf-plugins-core
glibc libc6
gnupg2 gnupg
gzip gzip
iproute iproute2
libselinux-utils selinux-utils
logrotate logrotate
openssh-server openssh-server
openssl openssl
procps-ng procps
python3 python3-minimal
python3-dnf python3-dnf
python3-dnf-plugin-versionlock dnf-plugins-core
python3-libselinux python3-selinux
rpm rpm
shadow-utils passwd
sudo sudo
systemd systemd
tar tar
tzdata tzdata
util-linux util-linux'

ln -sf bash "$root/usr/bin/sh" # as there; the packages' scripts say /bin/sh
install -d "$root/etc/rpm" "$root/etc/sysconfig" "$root/etc/profile.d" "$root/etc/dnf/vars" "$root/etc/yum.repos.d" "$root/etc/pki/rpm-gpg"
chroot "$root" groupadd --system wheel

cat > "$root/usr/lib/os-release" <<'END'
NAME="Rocky Linux"
VERSION="9.5 (Blue Onyx)"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.5"
PLATFORM_ID="platform:el9"
PRETTY_NAME="Rocky Linux 9.5 (Blue Onyx)"
ANSI_COLOR="0;32"
LOGO="fedora-logo-icon"
CPE_NAME="cpe:/o:rocky:rocky:9::baseos"
END
echo 'Rocky Linux release 9.5 (Blue Onyx)' > "$root/etc/rocky-release"
ln -s rocky-release "$root/etc/redhat-release"
ln -s rocky-release "$root/etc/system-release"
rm -f "$root/etc/debian_version"

# what says there which ciphers programs may use; nothing here obeys it
install -d "$root/etc/crypto-policies/state"
echo DEFAULT | tee "$root/etc/crypto-policies/config" > "$root/etc/crypto-policies/state/current"

# dnf as the family has it: it wants the best version of everything, or says why there is none.
cat > "$root/etc/dnf/dnf.conf" <<'END'
[main]
gpgcheck=1
installonly_limit=3
clean_requirements_on_remove=True
best=True
skip_if_unavailable=False
END
# These plugins are no part of what the family installs, the last one lacks a library here.
for plugin in local post-transaction-actions pre-transaction-actions modulesync show_leaves leaves system_upgrade; do
    rm -f "$root/usr/lib/python3/dist-packages/dnf-plugins/$plugin.py"
done
ln -sf dnf/dnf.conf "$root/etc/yum.conf"
ln -sf dnf "$root/usr/bin/yum"

# Debian's rpm has a database in each user's home.
cat > "$root/etc/rpm/macros" <<'END'
%_dbpath /var/lib/rpm
%__gpg /usr/bin/gpg
%dist .el9
%rhel 9
END

# A service of a package is not enabled there by its installation, except for these.
cat > "$root/usr/lib/systemd/system-preset/90-default.preset" <<'END'
enable dbus.*
enable logrotate.timer
enable ssh.*
enable sshd.*
END
echo 'disable *' > "$root/usr/lib/systemd/system-preset/99-default-disable.preset"
# It would take dnf's lock at a random moment of a test.
chroot "$root" systemctl mask --quiet dnf-makecache.timer

# The packages that are there, for rpm: empty ones of the family's names, so that others can require them.
{
    printf 'Name: rocky-release\nVersion: 9.5\nRelease: 1%%{?dist}\nSummary: release files\nLicense: none\nBuildArch: noarch\n'
    printf 'Provides: system-release = 9.5\nProvides: system-release(releasever) = 9\nProvides: redhat-release = 9.5\n'
    printf '%%description\nA stand-in.\n%%files\n'
    echo "$named" | while read -r theirs debian; do
        version=$(chroot "$root" dpkg-query --show --showformat='${Version}' "$debian")
        version=$(echo "$version" | sed -e 's/^[0-9]*://' -e 's/[-+].*//')
        printf '%%package -n %s\nVersion: %s\nSummary: %s\n' "$theirs" "$version" "$theirs"
        case $theirs in
            bash) printf 'Provides: /bin/sh, /usr/bin/sh, /bin/bash, /usr/bin/bash\n' ;;
            python3) printf 'Provides: /usr/bin/python3\n' ;;
            shadow-utils) printf 'Provides: /usr/sbin/useradd, /usr/sbin/groupadd\n' ;;
            glibc) printf 'Provides: /sbin/ldconfig\n' ;;
        esac
        printf '%%description -n %s\nA stand-in.\n%%files -n %s\n' "$theirs" "$theirs"
    done
    # what systemd's package there does after a transaction that brings such files
    trigger='%%transfiletriggerin -n systemd -- %s\n[ ! -d /run/systemd/system ] || %s || :\n'
    printf "$trigger" /usr/lib/sysusers.d systemd-sysusers
    printf "$trigger" /usr/lib/systemd/system 'systemctl daemon-reload'
    printf "$trigger" /usr/lib/tmpfiles.d 'systemd-tmpfiles --create'
} > "$root/tmp/base.spec"
chroot "$root" rpmbuild -bb --quiet --define '_topdir /tmp/base' /tmp/base.spec
chroot "$root" sh -c 'rpm --install /tmp/base/RPMS/noarch/*.rpm'
rm -rf "$root/tmp/base" "$root/tmp/base.spec"

# No other package manager: its programs and its list of packages go where nothing looks for them.
install -d "$root/usr/lib/debian"
mv "$root"/usr/bin/apt* "$root"/usr/bin/dpkg* "$root"/usr/sbin/dpkg* "$root/usr/lib/debian/"
mv "$root/var/lib/dpkg" "$root/usr/lib/debian/packages"
install -d "$root/var/lib/dpkg"
: > "$root/var/lib/dpkg/status" # mmdebstrap reads it
