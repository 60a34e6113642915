"""Names to addresses, and a TCP connection fit for transfers."""

import socket

from .models import Server


def resolve(server: Server) -> list[str]:
    """The addresses behind the server's host, in the order to try. Raises socket.gaierror."""
    found = socket.getaddrinfo(server.host.strip(), server.effective_port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def tune(sock: socket.socket) -> None:
    """No waiting to fill packets, and signs of life through routers that forget idle connections."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


def open_socket(server: Server, timeout: float) -> socket.socket:
    """A TCP connection to the server. Raises OSError."""
    sock = socket.create_connection((server.host.strip(), server.effective_port), timeout)
    tune(sock)
    return sock
