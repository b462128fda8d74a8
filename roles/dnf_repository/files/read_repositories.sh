#!/bin/sh
# Has dnf read repositories that are about to be added, with a cache of its own below the staged files: the host's
# repositories, keys and cache are neither read nor touched.
#
# usage: read_repositories.sh STAGE [NAME PREFIX PACKAGE VERSION URI]...
# exit code 0: each key verifies its repository, which holds the package in that version; 1: one does not, and standard
# output says why in one sentence that names the operator's variable (PREFIX and the rest of its name).
set -u
stage=$1
shift

refuse() {
    printf '%s\n' "$prefix$1; nothing was changed"
    exit 1
}

private() {
    LC_ALL=C dnf --quiet --assumeyes --noplugins --setopt="reposdir=$work" --setopt="cachedir=$work/cache" \
        --setopt="persistdir=$work/state" --setopt="logdir=$work/log" --setopt=timeout=15 --setopt=retries=1 \
        --disablerepo='*' --enablerepo=candidate "$@" 2>&1
}

name_repository() {
    work=$stage/.dnf/$name
    mkdir -p "$work"
    cat > "$work/candidate.repo" <<END
[candidate]
name=candidate
baseurl=$uri
enabled=1
gpgcheck=1
repo_gpgcheck=1
gpgkey=file://$stage/etc/pki/rpm-gpg/RPM-GPG-KEY-brokerkit-$name
END
}

read_metadata() {
    said=$(private makecache)
    code=$?
    [ "$code" -ne 0 ] || return 0
    words=$(printf '%s\n' "$said" | grep -v '^Importing GPG key\|^ *Userid\|^ *Fingerprint\|^ *From' | tail -n 2 | tr '\n' ' ')
    words=${words% }
    case $said in
        *repomd.xml.asc*)
            refuse "repository_uri: the metadata of $uri are not signed ($words); sign them, which makes repodata/repomd.xml.asc" ;;
        *GPG* | *gpg* | *"signature"*)
            refuse "repository_key: does not verify the metadata of $uri ($words); give the file with the key that this repository is signed with" ;;
    esac
    refuse "repository_uri: dnf cannot read $uri from this host ($words); correct the URI, or open the way to it"
}

look_for_the_package() {
    held=$(private repoquery --showduplicates --queryformat '%{version}\n' "$package" | grep '^[0-9]' | sort -u | tr '\n' ' ')
    [ -n "$held" ] ||
        refuse "repository_uri: $uri holds no package $package for this architecture; correct the URI, or put it there"
    [ -n "$version" ] || return 0
    pattern=$(printf '%s' "$version" | sed 's/[.]/[.]/g')
    printf '%s' "$held" | tr ' ' '\n' | grep -Eq "^$pattern([^0-9].*)?\$" ||
        refuse "version: $uri does not hold $package $version, but ${held% }; set ${prefix}version to one of these, or put that version there"
}

while [ $# -ge 5 ]; do
    name=$1 prefix=$2 package=$3 version=$4 uri=$5
    shift 5
    name_repository
    read_metadata
    look_for_the_package
done
