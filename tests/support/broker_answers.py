"""What brokers answer to a client that speaks another protocol, byte for byte."""

from __future__ import annotations

# As 5.17.2 and 3.10.8 answer a version of STOMP that nobody has; cut off where it goes on for long.
ACTIVEMQ = (
    b"ERROR\ncontent-type:text/plain\nmessage:Invalid Protocol version[0.0], supported versions "
    b"are: [1.2, 1.1, 1.0]\n\n"
    b"org.apache.activemq.transport.stomp.ProtocolException: Invalid Protocol version[0.0]\n\0"
)
RABBITMQ = (
    b"ERROR\nmessage:Version mismatch\ncontent-type:text/plain\nversion:1.0,1.1,1.2\ncontent-length:35\n\n"
    b"Supported versions are 1.0,1.1,1.2\n\0\n"
)
OPENWIRE = b"\x00\x00\x01R\x01ActiveMQ\x00\x00\x00\x0c\x01\x00\x00\x01@"
