"""Logging in over paramiko 5.x, without two faults of its newer transport: an endless wait, and an answer that is lost.

It is the newer one because the older asks for the log-in service before each method, which strict servers take for an attack.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import paramiko
from paramiko.auth_handler import AuthOnlyHandler
from paramiko.common import cMSG_SERVICE_REQUEST, cMSG_USERAUTH_REQUEST
from paramiko.message import Message
from paramiko.ssh_exception import BadAuthenticationType


class _Handler(AuthOnlyHandler):  # type: ignore[misc]
    def send_auth_request(self, username: str, method: str, finish_message: Callable[[Message], None]) -> list[str]:
        """As in paramiko, but the event is there before the request goes out: a quick answer would set it in vain."""
        self.auth_method, self.username = method, username
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (username, "ssh-connection", method):
            message.add_string(text)
        finish_message(message)
        self.auth_event = threading.Event()
        with self.transport.lock:
            self.transport._send_message(message)
        left: list[str] = self.wait_for_response(self.auth_event)
        return left


class Transport(paramiko.ServiceRequestingTransport):  # type: ignore[misc]
    def ensure_session(self) -> None:
        """Asks for the log-in service once. As in paramiko, but a server that never answers is waited for `auth_timeout` only."""
        if self._service_userauth_accepted:
            return
        message = Message()
        message.add_byte(cMSG_SERVICE_REQUEST)
        message.add_string("ssh-userauth")
        self._send_message(message)
        end = time.monotonic() + self.auth_timeout
        while not self._service_userauth_accepted:
            if not self.is_active():
                raise EOFError
            if time.monotonic() > end:
                raise TimeoutError
            time.sleep(0.01)
        self.auth_handler = self.get_auth_handler()

    def get_auth_handler(self) -> Any:
        return _Handler(self)


def log_in(transport: paramiko.Transport, username: str, password: str, key: paramiko.PKey | None) -> None:
    """Logs in with the key, the password (asked for plainly or by keyboard-interactive), or both where the server wants both.

    Raises AuthenticationException when the server accepts none; SSHException, EOFError or TimeoutError when the connection fails.
    """
    left: list[str] | None = None
    if key is not None:
        try:
            left = transport.auth_publickey(username, key)
            if not left:
                return
        except paramiko.AuthenticationException:
            if not password:
                raise
    if not password:
        raise BadAuthenticationType("More than the key is asked for.", left or [])
    try:
        left = transport.auth_password(username, password, fallback=False) if left is None or "password" in left else left
    except BadAuthenticationType as error:
        left = error.allowed_types
        if "keyboard-interactive" not in left:
            raise
    if left:
        left = transport.auth_interactive(username, lambda title, notes, prompts: [password] * len(prompts))
    if left:
        raise BadAuthenticationType("More is asked for.", left)
