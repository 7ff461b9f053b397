"""A TCP proxy between a driver and a server that makes things go wrong, as networks and clusters do.

It reads Bolt (https://neo4j.com/docs/bolt/current/): what its hooks see are whole messages, however the network, the
driver or the server cut them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import BinaryIO
from urllib.parse import urlsplit

COMMIT = b"\xb0\x12"
"""Bolt's COMMIT: a structure without fields, tag 0x12."""
MANIFEST = b"\x00\x00\x01\xff"
"""A server's answer to a handshake: it goes on with a list of versions, of which the client takes one."""
CHUNK = 65_535


class Proxy:
    """Listens on loopback and passes everything on, but for what its hooks do.

    Args:
        uri: of the server.
        piece: bytes that are sent at once.

    Attributes:
        port: where it listens.
        to_server: takes a message of a client and the connection to answer it on; what it returns goes on to the
            server. None breaks the connection in the middle of the message.
        to_client: takes a message of the server; likewise.
    """

    def __init__(self, uri: str, piece: int = CHUNK) -> None:
        parts = urlsplit(uri)
        self.target = (parts.hostname or "127.0.0.1", parts.port or 7687)
        self.piece = piece
        self.to_server: Callable[[bytes, socket.socket], bytes | None] = lambda message, client: message
        self.to_client: Callable[[bytes], bytes | None] = lambda message: message
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
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._connect, args=(client, server), daemon=True).start()

    def _connect(self, client: socket.socket, server: socket.socket) -> None:
        try:
            with client.makefile("rb") as asked, server.makefile("rb") as answered:
                self._handshake(asked, answered, client, server)
                back = threading.Thread(
                    target=self._pump, args=(answered, client, lambda message: self.to_client(message)), daemon=True
                )
                back.start()
                self._pump(asked, server, lambda message: self.to_server(message, client))
                _break(client)
                _break(server)
                back.join()
        except (EOFError, OSError):
            pass
        finally:
            _break(client)
            _break(server)

    def _handshake(self, asked: BinaryIO, answered: BinaryIO, client: socket.socket, server: socket.socket) -> None:
        self._send(server, exactly(asked, 20))
        answer = exactly(answered, 4)
        self._send(client, answer)
        if answer == MANIFEST:
            number, count = varint(answered)
            self._send(client, number + exactly(answered, 4 * count) + varint(answered)[0])
            self._send(server, exactly(asked, 4) + varint(asked)[0])

    def _pump(self, source: BinaryIO, sink: socket.socket, hook: Callable[[bytes], bytes | None]) -> None:
        with contextlib.suppress(EOFError, OSError):
            while True:
                message = read_message(source)
                # an empty one keeps the connection alive
                passed = hook(message) if message else message
                if passed is None:
                    framed = chunked(message)
                    self._send(sink, framed[: len(framed) // 2])
                    break
                if passed or not message:
                    self._send(sink, chunked(passed))
        _break(sink)

    def _send(self, sink: socket.socket, data: bytes) -> None:
        for start in range(0, len(data), self.piece):
            sink.sendall(data[start : start + self.piece])


def read_message(source: BinaryIO) -> bytes:
    """The next message, put together of its chunks.

    Raises:
        EOFError: the stream has ended.
    """
    message = b""
    while size := int.from_bytes(exactly(source, 2), "big"):
        message += exactly(source, size)
    return message


def chunked(message: bytes) -> bytes:
    """Chunks of a message, and its end."""
    chunks = [message[start : start + CHUNK] for start in range(0, len(message), CHUNK)]
    return b"".join(len(chunk).to_bytes(2, "big") + chunk for chunk in chunks) + b"\x00\x00"


def exactly(source: BinaryIO, size: int) -> bytes:
    """So many bytes, or EOFError."""
    data = source.read(size)
    if len(data) < size:
        raise EOFError
    return data


def varint(source: BinaryIO) -> tuple[bytes, int]:
    """The next number of variable length, to the letter and by value."""
    data, value = b"", 0
    while not data or data[-1] & 0x80:
        data += exactly(source, 1)
        value |= (data[-1] & 0x7F) << 7 * (len(data) - 1)
    return data, value


def _break(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def failure(code: str) -> bytes:
    """Bolt's FAILURE (tag 0x7f) with a status code, as version 5.7 and later have it, in its chunk."""
    fields = {
        "neo4j_code": code,
        "message": "made up by a proxy",
        "gql_status": "50N42",
        "description": "error: general processing exception - unexpected error",
    }
    body = b"\xb1\x7f" + bytes([0xA0 + len(fields)])
    for key, value in fields.items():
        body += _text(key) + _text(value)
    return chunked(body)


def _text(text: str) -> bytes:
    data = text.encode()
    return (bytes([0x80 + len(data)]) if len(data) < 16 else b"\xd0" + bytes([len(data)])) + data
