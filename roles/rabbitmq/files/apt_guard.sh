#!/bin/sh
# Managed by Brokerkit (role rabbitmq); changes made here are overwritten.
#
# apt runs this before it changes packages (DPkg::Pre-Install-Pkgs, protocol 3 of apt.conf(5)): after "VERSION 3", its
# configuration and an empty line come the packages, as "NAME OLD ARCH MULTI DIRECTION NEW ARCH MULTI ACTION".
# Ends with 10, which stops apt, where a running member of a cluster would be stopped by it. What else may go wrong here
# is no reason to keep packages from being upgraded: the caller looks for 10 alone.
#
# usage: rabbitmq-apt-guard CLUSTER
cluster=${1:-}

begun=
stops=
names=
while read -r name old _ _ _ new _; do # to its end: apt minds a reader that goes early
    if [ -z "$begun" ]; then
        [ -n "$name" ] || begun=yes
        continue
    fi
    # A package that is new beside the others, such as Erlang's documentation, replaces no file of a running node.
    case $name in
    rabbitmq-server | erlang-*) [ "$old" != - ] || continue ;;
    *) continue ;;
    esac
    case " $names " in *" $name "*) continue ;; esac # listed once to be unpacked, and once to be configured
    names="$names $name"
    case $new in
    -) what=removed ;;
    "$old") what=reinstalled ;;
    *) what="$old to $new" ;;
    esac
    stops="$stops${stops:+, }$name ($what)"
done

[ -n "$stops" ] || exit 0
[ "${BROKERKIT_MEMBER_MAY_STOP:-}" != yes ] || exit 0
case $(systemctl show --property=ActiveState rabbitmq-server.service 2>/dev/null) in
ActiveState=inactive | ActiveState=failed | "") exit 0 ;; # nothing runs that could be stopped
esac

cat >&2 <<TEXT

Brokerkit: stopped before anything was changed.
RabbitMQ runs on this host as a member of the cluster '$cluster', and this would replace the files under it or restart it
without asking the other members: $stops.

  On the controller, playbooks/rabbitmq_upgrade.yml upgrades the members one after the other, and asks the others first.
  To upgrade everything else on this host:
    apt-mark hold$names; apt-get upgrade; apt-mark unhold$names
  To go on all the same:
    env BROKERKIT_MEMBER_MAY_STOP=yes apt-get ...

TEXT
exit 10
