#!/bin/sh
# Builds, signs and indexes RPMs on the serving host: reads commands, which are the functions below, from standard
# input. Called by rpm_repositories.py.
set -eu
umask 022
here=/srv/rpm
work=/srv/work
export GNUPGHOME=/srv/gnupg HOME=$work GPG_TTY=
# What upstream's Erlang package has, without documentation, ssh, odbc and graphics.
parts='base asn1 crypto eldap eunit inets mnesia os-mon parsetools public-key reltool runtime-tools snmp ssl
    syntax-tools tools xmerl'

# The tools, the keys, and Debian's files; prints the versions of the broker and of Erlang.
prepare() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq -o Dpkg::Options::=--force-unsafe-io install --no-install-recommends rpm createrepo-c gpg gpg-agent > /dev/null
    mkdir -p /srv/keys $work
    install -d -m 0700 $GNUPGHOME
    for owner in right wrong; do
        [ ! -e /srv/keys/$owner.asc ] || continue
        gpg --batch --quiet --passphrase '' --quick-generate-key "$owner@repository.test" rsa3072 sign never
        gpg --armor --export "$owner@repository.test" > /srv/keys/$owner.asc
    done
    unpack rabbitmq-server rabbitmq-server
    unpack erlang $(for part in $parts; do echo erlang-$part; done)
    ls $work/rabbitmq-server/usr/lib/rabbitmq/lib | sed 's/rabbitmq_server-//'
    cat $work/erlang/usr/lib/erlang/releases/*/OTP_VERSION
}

# unpack FOLDER PACKAGE...
unpack() {
    folder=$work/$1
    shift
    [ ! -d $folder ] || return 0
    mkdir -p $folder.new/debs
    (cd $folder.new/debs && apt-get -qq -o APT::Sandbox::User=root download "$@")
    for deb in $folder.new/debs/*.deb; do
        dpkg-deb --extract $deb $folder.new
    done
    rm -r $folder.new/debs
    mv $folder.new $folder
}

# system NAME PACKAGE...: the files of Debian's packages and of those that they need, for a package of the family's system;
# prints the version of the first one, without epoch and revision.
system() {
    name=$1
    shift
    unpack $name $(apt-get --simulate --no-install-recommends install "$@" | awk '/^Inst/ { print $2 }')
    apt-cache show --no-all-versions "$1" | sed -n 's/^Version: \([0-9]*:\)\?\([^-]*\).*/\2/p'
}

# build OF NAME VERSION RELEASE REQUIRES: prints the files of the package; one that was built is not built again.
build() {
    built=$work/built/$1-$2-$3-$4-$(echo "$5" | cksum | cut -d ' ' -f 1)
    if [ ! -d $built ]; then
        rpmbuild -bb --quiet --define "_topdir $work/rpmbuild" --define "_rpmdir $built.new" \
            --define "_sourcedir $here" --define "tree $(tree "$1" "$2")" --define "name_ $2" --define "version_ $3" \
            --define "release_ $4" ${5:+--define} ${5:+"requires_ $5"} \
            $here/$1.spec > $work/build.log 2>&1 || {
            cat $work/build.log >&2
            return 1
        }
        mv $built.new $built
    fi
    ls $built/*/*.rpm
}

# tree OF NAME: where the files of a package are
tree() {
    case $1 in
        debian | java) echo $work/$2 ;;
        *) echo $work/$1 ;;
    esac
}

# publish REPOSITORY SIGNER OF NAME VERSION RELEASE REQUIRES
publish() {
    mkdir -p /srv/$1
    for file in $(build "$3" "$4" "$5" "$6" "$7"); do
        ln -f $(signed $2 $file) /srv/$1/
    done
}

# signed SIGNER FILE: prints the file of the package with this signature; what was signed is not signed again.
signed() {
    one=$(dirname $2)/$1/$(basename $2)
    if [ $1 = nobody ]; then
        one=$2
    elif [ ! -e $one ]; then
        mkdir -p $(dirname $one)
        cp $2 $one.new
        rpmsign --define '__gpg /usr/bin/gpg' --define "_gpg_name $1@repository.test" --addsign $one.new > /dev/null
        mv $one.new $one
    fi
    echo $one
}

# index REPOSITORY SIGNER: metadata, signed unless by nobody
index() {
    mkdir -p /srv/$1
    createrepo_c --quiet --update /srv/$1
    rm -f /srv/$1/repodata/repomd.xml.asc
    [ "$2" = nobody ] || gpg --batch --yes --local-user "$2@repository.test" --armor --detach-sign \
        /srv/$1/repodata/repomd.xml
}

eval "$(cat)"
