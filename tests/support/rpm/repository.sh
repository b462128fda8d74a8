#!/bin/sh
# Builds, signs and indexes RPMs on the serving host: repository.sh VERB ARGUMENTS. Called by rpm_repositories.py.
set -eu
umask 022
here=/srv/rpm
work=/srv/work
export GNUPGHOME=/srv/gnupg HOME=$work
# What upstream's Erlang package has, without documentation, ssh, odbc and graphics.
parts='base asn1 crypto eldap eunit inets mnesia os-mon parsetools public-key reltool runtime-tools snmp ssl
    syntax-tools tools xmerl'

# The tools, the keys, and Debian's files; prints the versions of the broker and of Erlang.
prepare() {
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq install --no-install-recommends rpm createrepo-c gpg gpg-agent > /dev/null
    mkdir -p /srv/keys $work
    install -d -m 0700 $GNUPGHOME
    for owner in right wrong; do
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
    mkdir -p $folder/debs
    (cd $folder/debs && apt-get -qq -o APT::Sandbox::User=root download "$@")
    for deb in $folder/debs/*.deb; do
        dpkg-deb --extract $deb $folder
    done
    rm -r $folder/debs
}

# system NAME PACKAGE...: the files of Debian's packages and of those that they need, for a package of the family's system;
# prints the version of the first one, without epoch and revision.
system() {
    name=$1
    shift
    if [ ! -d $work/$name ]; then
        # shellcheck disable=SC2046 - a list
        unpack $name $(apt-get --simulate --no-install-recommends install "$@" | awk '/^Inst/ { print $2 }')
    fi
    apt-cache show --no-all-versions "$1" | sed -n 's/^Version: \([0-9]*:\)\?\([^-+]*\).*/\2/p'
}

# build OF NAME VERSION RELEASE REQUIRES: prints the files of the package; one that was built is not built again.
build() {
    built=$work/built/$2-$3-$4
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
    find $built -name '*.rpm'
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
    file=$(build "$3" "$4" "$5" "$6" "$7")
    for one in $file; do
        cp $one /srv/$1/
        [ "$2" = nobody ] || rpmsign --define '__gpg /usr/bin/gpg' --define "_gpg_name $2@repository.test" \
            --addsign /srv/$1/$(basename $one) > /dev/null
    done
}

# index REPOSITORY SIGNER: metadata, signed unless by nobody
index() {
    mkdir -p /srv/$1
    createrepo_c --quiet --update /srv/$1
    rm -f /srv/$1/repodata/repomd.xml.asc
    [ "$2" = nobody ] || gpg --batch --yes --local-user "$2@repository.test" --armor --detach-sign \
        /srv/$1/repodata/repomd.xml
}

"$@"
