"""Refuses every connection and every look-up of a name but those of this machine itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

HOME_HOSTS = ("127.0.0.1", "::1", "localhost")


class ConnectedError(BaseException):
    """Not an Exception, so that no handler of the package swallows it."""


def refuse_all_but_loopback(patch: Callable[[object, str, Any], None]) -> None:
    """Make connections and look-ups raise; this machine's own addresses and Unix sockets stay.

    Args:
        patch: `setattr`, or that of pytest's monkeypatch.
    """

    def guarded(real: Callable[..., Any], where: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            address = where(*given)
            host = str(address[0] if isinstance(address, tuple) else address)
            if isinstance(address, (tuple, str)) and host not in HOME_HOSTS and not host.startswith("/"):
                raise ConnectedError(f"a connection to {address} was tried")
            return real(*given, **named)

        return call

    for name in ("connect", "connect_ex"):
        patch(socket.socket, name, guarded(getattr(socket.socket, name), lambda self, address: address))
    patch(socket.socket, "sendto", guarded(socket.socket.sendto, lambda self, data, *rest: rest[-1]))
    patch(socket, "getaddrinfo", guarded(socket.getaddrinfo, lambda host, *rest: (host,)))
    patch(socket, "create_connection", guarded(socket.create_connection, lambda address, *rest: address))
