#!/bin/sh
# What RabbitMQ's commands are in /usr/sbin: the command of this name, as user rabbitmq, in its home. As there,
# rabbitmq-plugins stays root: it writes into /etc/rabbitmq.
name=$(basename "$0")
program=/usr/lib/rabbitmq/bin/$name
cd /var/lib/rabbitmq || exit 1
# As theirs: of the two folders that the broker looks in, rabbitmq-plugins wants each to be there.
[ "$name" != rabbitmq-plugins ] || export PLUGINS_DIR="${PLUGINS_DIR:-$(echo /usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins)}"
case $(id -un):$name in
    rabbitmq:*) exec "$program" "$@" ;;
    root:rabbitmq-plugins) HOME=/var/lib/rabbitmq exec "$program" "$@" ;;
    root:*) exec runuser -u rabbitmq -- env HOME=/var/lib/rabbitmq "$program" "$@" ;;
esac
echo "Only root or rabbitmq can run $name" >&2
exit 1
