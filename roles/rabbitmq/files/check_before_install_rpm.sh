#!/bin/sh
# Judges a candidate configuration on a host that has no RabbitMQ yet: the packages that dnf would install are downloaded
# and unpacked in a private directory, and their own parser is asked. Nothing is installed and nothing is started.
#
# usage: check_before_install_rpm.sh STAGE ESCRIPT PACKAGE    the candidate, the text of check_config.escript, dnf's name of it
set -eu
stage=$1 script=$2 package=$3
rm -rf /var/tmp/brokerkit-?????? # of a run that was killed
room=$(mktemp -d /var/tmp/brokerkit-XXXXXX)
trap 'rm -rf "$room"' EXIT
export LC_ALL=C

dnf --quiet --assumeyes --enablerepo='brokerkit-*' --setopt=install_weak_deps=False --downloadonly --downloaddir="$room" \
    install "$package" >/dev/null
for rpm in "$room"/erlang-*.rpm "$room"/rabbitmq-server-*.rpm; do
    [ ! -e "$rpm" ] || (cd "$room" && rpm2archive - <"$rpm" | tar -xz)
done

printf '%s\n' "$script" >"$room/check"
root=$room/usr/lib64/erlang
[ -d "$root" ] || root=/usr/lib64/erlang # it is installed already
for bin in "$root"/erts-*/bin; do break; done
# What the wrapper scripts of erl and escript do, whose paths are those of an installed Erlang.
ROOTDIR=$root BINDIR=$bin EMU=beam PROGNAME=erl RABBITMQ_ROOT=$room \
    "$bin/erlexec" +B -boot no_dot_erlang -noshell -run escript start -extra "$room/check" "$stage"
