"""A delay proxy, as a process of its own: what comes in on loopback goes on after half a round trip, in both directions.

It models delay and a TCP window of 8 MiB, no loss and no congestion. Arguments: port to listen on, port to reach, seconds
of one way.
"""

import asyncio
import sys
from collections import deque
from typing import cast

WINDOW = 8 << 20


class Half(asyncio.Protocol):
    """One side of a connection; hands what it receives to `other` when its time has come."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.other: Half | None = None
        self.waiting: deque[bytes] = deque()
        self.under_way = 0
        self.paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(high=WINDOW)

    def data_received(self, data: bytes) -> None:
        assert self.transport
        self.waiting.append(data)
        self.under_way += len(data)
        if self.under_way > WINDOW and not self.paused:
            self.paused = True
            self.transport.pause_reading()
        self.loop.call_later(self.delay, self.pass_on)

    def pass_on(self) -> None:
        data = self.waiting.popleft()
        self.under_way -= len(data)
        if self.other and self.other.transport:
            self.other.transport.write(data)
        if self.paused and self.under_way <= WINDOW and self.transport and not self.transport.is_closing():
            self.paused = False
            self.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        self.loop.call_later(self.delay, self.close_other)

    def close_other(self) -> None:
        if self.other and self.other.transport:
            self.other.transport.close()


class Near(Half):
    """The client's side; connects to the target, one round trip after the client."""

    def __init__(self, target: int, delay: float) -> None:
        super().__init__(delay)
        self.target = target

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport
        self.transport.pause_reading()
        self.opening = self.loop.create_task(self.reach())

    async def reach(self) -> None:
        await asyncio.sleep(2 * self.delay)
        assert self.transport
        try:
            _, far = await self.loop.create_connection(lambda: Half(self.delay), "127.0.0.1", self.target)
        except OSError:
            self.transport.close()
            return
        far.other, self.other = self, far
        self.transport.resume_reading()


async def serve(port: int, target: int, delay: float) -> None:
    server = await asyncio.get_running_loop().create_server(lambda: Near(target, delay), "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
