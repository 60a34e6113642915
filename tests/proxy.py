"""A TCP proxy on loopback that cuts its connections at a byte, or goes silent there, to stand between a client and a server."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards to `target`; after `cut_after` bytes towards the server every connection is cut, or with `silent` left hanging."""

    def __init__(self, target, cut_after=None, *, silent=False):
        self.target = target
        self.left = cut_after
        self.silent = silent
        self.pairs = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.listener.close()
        self.cut()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                near = self.listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self.target))
                self.pairs += [near, far]
                threading.Thread(target=self.forward, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self.forward, args=(far, near, False), daemon=True).start()

    def forward(self, source, sink, counted):
        with contextlib.suppress(OSError):
            while block := source.recv(16384):
                if counted and self.left is not None:
                    block = block[: self.left]
                    self.left -= len(block)
                sink.sendall(block)
                if self.left == 0 and self.silent:
                    return
                if self.left == 0:
                    self.cut()
            sink.shutdown(socket.SHUT_WR)

    def cut(self):
        for sock in self.pairs:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
