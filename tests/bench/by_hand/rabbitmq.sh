#!/bin/sh
# What an operator types on the host: one configured start, as the role does it, and nothing it does not need.
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
ln -s /dev/null /etc/systemd/system/rabbitmq-server.service
apt-get install -qq --no-install-recommends rabbitmq-server >/dev/null 2>&1
echo '[rabbitmq_management,rabbitmq_stomp].' > /etc/rabbitmq/enabled_plugins
printf 'management.tcp.port = 8080\nloopback_users.guest = true\n' > /etc/rabbitmq/rabbitmq.conf
rm /etc/systemd/system/rabbitmq-server.service
systemctl daemon-reload
systemctl enable --now rabbitmq-server >/dev/null 2>&1
