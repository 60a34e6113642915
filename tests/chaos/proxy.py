"""A TCP proxy on loopback that makes a line slow and cuts a connection at a given byte. One thread, many ports."""

import asyncio
import contextlib
import threading
from functools import partial

BLOCK = 65536


class Proxy:
    """Forwards ports of `host` to the same ports of 127.0.0.1, `latency` seconds late, `rate` bytes a second and connection."""

    def __init__(self, host: str, ports: list[int], *, latency: float, rate: int) -> None:
        self.host, self.ports, self.latency, self.rate = host, ports, latency, rate
        self.cut_after: int | None = None
        self.cuts = 0
        self.loop = asyncio.new_event_loop()
        self.servers: list[asyncio.Server] = []
        self.tasks: set[asyncio.Future[None] | None] = set()  # the loop itself refers to its tasks weakly
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> None:
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    async def _end(self) -> None:
        for server in self.servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def cut(self, after: int) -> None:
        """The connection that next sends that many bytes towards the server is reset there."""
        self.cut_after = after

    async def _listen(self) -> None:
        for port in self.ports:
            serve = partial(self._serve, port)
            self.servers.append(await asyncio.start_server(serve, self.host, port))

    async def _serve(self, port: int, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task, both = asyncio.current_task(), [back]
        self.tasks.add(task)
        try:
            far, onward = await asyncio.open_connection("127.0.0.1", port)
            both.append(onward)
            await asyncio.gather(self._forward(near, onward, both, counted=True), self._forward(far, back, both, counted=False))
        except (OSError, asyncio.CancelledError):  # cancelled by the end of the proxy, which asyncio would report as an error
            back.transport.abort()
        finally:
            self.tasks.discard(task)
            for writer in both:
                writer.close()

    async def _forward(self, source, sink, both, *, counted: bool) -> None:
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(64)
        reader = asyncio.ensure_future(self._read(source, waiting))
        self.tasks.add(reader)
        reader.add_done_callback(self.tasks.discard)
        sent = 0
        try:
            while True:
                due, block = await waiting.get()
                await asyncio.sleep(max(0.0, due - self.loop.time()))
                if not block:
                    break
                if counted and self.cut_after is not None and sent + len(block) >= self.cut_after:
                    sink.write(block[: self.cut_after - sent])
                    self.cut_after = None
                    self.cuts += 1
                    for writer in both:
                        writer.transport.abort()
                    return
                sent += len(block)
                sink.write(block)
                await sink.drain()
                await asyncio.sleep(len(block) / self.rate)
            sink.write_eof() if sink.can_write_eof() else sink.close()
        except OSError:
            for writer in both:
                writer.transport.abort()
        finally:
            reader.cancel()

    async def _read(self, source, waiting) -> None:
        with contextlib.suppress(OSError):
            while block := await source.read(BLOCK):
                await waiting.put((self.loop.time() + self.latency, block))
        await waiting.put((self.loop.time() + self.latency, b""))
