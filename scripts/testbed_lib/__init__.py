"""Test hosts on one machine: systemd containers with sshd, made from Debian's packages.

What lives where:

* ``/var/lib/brokerkit-testbed``  container storage of its own, the package cache, the keys. It belongs to
  the machine, so that every checkout of the project shares images, packages and hosts.
* ``/run/brokerkit-testbed``  what does not outlive a reboot: podman's run state and, where the machine needs
  one, the mount namespace that podman runs in.
* ``.testbed/`` in the project  copies of the keys and a known_hosts file: what an inventory points to.

The storage is apart from the machine's own podman storage. That is how containers, images and networks that
the test bed did not make stay out of its reach: it cannot even see them.
"""
