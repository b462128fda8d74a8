#!/bin/sh
# Runs once for the package cache's image, outside of it: $1 is the new root folder.
set -eu
# Runtime folders that systemd would have made for the service.
install -d -m 0755 "$1/run/apt-cacher-ng"
chroot "$1" chown apt-cacher-ng: /run/apt-cacher-ng
