#!/bin/sh
# Restarts a relay and waits until it consumes.
#
# usage: restart_relay.sh UNIT SECONDS
# exit code 0: it does; 1: it does not, and standard output says why.
set -u
shown() { systemctl show --property="$1" --value "$2"; }
systemctl stop "$1"
systemctl reset-failed "$1" 2>/dev/null
since=$(date +%s)
systemctl start --no-block "$1"
while sleep 0.5; do
    state=$(shown ActiveState "$1")
    [ "$state" != active ] || exit 0
    [ "$state" != failed ] || break
    [ $(($(date +%s) - since)) -lt "$2" ] || break
done
echo "$1 is $state: $(shown StatusText "$1")"
# What it said before there was a declaration that it could read, and systemd of a unit that it could not start.
journalctl --unit="$1" --since="@$since" --output=cat --no-pager | grep -v -e '^{' -e "$1" | tail -n 5
exit 1
