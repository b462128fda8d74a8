#!/bin/sh
# Judges a candidate configuration on a host that has no RabbitMQ yet: the packages that apt would install are downloaded
# (apt finds them in its cache again afterwards) and unpacked in a private directory, and their own parser is asked.
# Nothing is installed and nothing is started.
#
# usage: check_before_install.sh STAGE ESCRIPT PACKAGE     the candidate, the text of check_config.escript, as apt-get takes it
set -eu
stage=$1 script=$2 package=$3
rm -rf /var/tmp/brokerkit-?????? # of a run that was killed
room=$(mktemp -d /var/tmp/brokerkit-XXXXXX)
trap 'rm -rf "$room"' EXIT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

plan=$(apt-get --simulate --no-install-recommends install "$package" | sed -n 's/^Inst \([^ ]*\) .*(\([^ ]*\) .*/\1 \2/p')
apt-get -qq --yes --download-only --no-install-recommends -o DPkg::Lock::Timeout=120 install "$package" >/dev/null
echo "$plan" | while read -r name version; do
    for deb in "/var/cache/apt/archives/${name}_$(echo "$version" | sed 's/:/%3a/g')_"*.deb; do
        dpkg-deb --extract "$deb" "$room"
    done
done

printf '%s\n' "$script" >"$room/check"
root=$room/usr/lib/erlang
for bin in "$root"/erts-*/bin; do break; done
libraries=$(find "$room" -name '*.so*' -exec dirname {} + 2>/dev/null | sort -u | paste -sd: -)
# What the wrapper scripts of erl and escript do, whose paths are those of an installed Erlang.
ROOTDIR=$root BINDIR=$bin EMU=beam PROGNAME=erl LD_LIBRARY_PATH=$libraries RABBITMQ_ROOT=$room \
    "$bin/erlexec" +B -boot no_dot_erlang -noshell -run escript start -extra "$room/check" "$stage"
