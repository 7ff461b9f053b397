"""A TCP proxy between a driver and a server that makes things go wrong, as networks and clusters do."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

COMMIT = b"\x00\x02\xb0\x12\x00\x00"
"""Bolt's COMMIT: a chunk of two bytes (a structure without fields, tag 0x12) and the end of the message."""


class Proxy:
    """Listens on loopback and passes everything on, but for what its hooks do.

    Attributes:
        port: where it listens.
        to_server: takes what a client sends and the connection to answer it on; what it returns goes on to the server,
            None breaks the connection.
        to_client: takes what the server sends; likewise.
    """

    def __init__(self, uri: str) -> None:
        parts = urlsplit(uri)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 7687)
        self.to_server: Callable[[bytes, socket.socket], bytes | None] = lambda data, client: data
        self.to_client: Callable[[bytes], bytes | None] = lambda data: data
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def uri(self) -> str:
        return f"bolt://127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *exc: object) -> None:
        for one in (self._listener, *self._open):
            _break(one)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(self.target)
                except OSError:
                    # the server is gone
                    client.close()
                    continue
                self._open += [client, server]
                for pump in (
                    (client, server, lambda data, client=client: self.to_server(data, client)),
                    (server, client, lambda data: self.to_client(data)),
                ):
                    threading.Thread(target=_pump, args=pump, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, hook: Callable[[bytes], bytes | None]) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            passed = hook(data)
            if passed is None:
                break
            sink.sendall(passed)
    _break(source)
    _break(sink)


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def failure(code: str) -> bytes:
    """Bolt's FAILURE (tag 0x7f) with a status code, as version 5.7 and later have it."""
    fields = {
        "neo4j_code": code,
        "message": "made up by a proxy",
        "gql_status": "50N42",
        "description": "error: general processing exception - unexpected error",
    }
    body = b"\xb1\x7f" + bytes([0xA0 + len(fields)])
    for key, value in fields.items():
        body += _text(key) + _text(value)
    return len(body).to_bytes(2, "big") + body + b"\x00\x00"


def _text(text: str) -> bytes:
    data = text.encode()
    return (bytes([0x80 + len(data)]) if len(data) < 16 else b"\xd0" + bytes([len(data)])) + data
