"""An HTTP API that costs little: it answers 204 at once, or after 5 ms where the path begins with /soon."""

import asyncio

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Api(asyncio.Protocol):
    """One connection, kept open."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        # A client of this benchmark sends a request without a body, and the next one after the answer.
        if not data.endswith(b"\r\n\r\n"):
            self.transport.abort()
        elif b" /soon/" in data[:20]:
            asyncio.get_running_loop().call_later(0.005, self.transport.write, ANSWER)
        else:
            self.transport.write(ANSWER)


async def main() -> None:
    """Serve for ever."""
    server = await asyncio.get_running_loop().create_server(Api, "127.0.0.1", 8000)
    await server.serve_forever()


asyncio.run(main())
