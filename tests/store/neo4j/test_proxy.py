"""The proxy sees whole messages, wherever the network cut them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from neo4j import GraphDatabase

from .proxy import Proxy, chunked, read_message, varint

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j


class Dribble(io.RawIOBase):
    """Gives seven bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        piece, self.rest = self.rest[: min(7, len(buffer))], self.rest[min(7, len(buffer)) :]
        buffer[: len(piece)] = piece
        return len(piece)


def test_messages_are_put_together() -> None:
    long = bytes(range(256)) * 1_000
    # a long one, an empty one, and one in chunks of three bytes
    cut = b"".join(b"\x00\x03" + long[start : start + 3] for start in range(0, 999, 3)) + b"\x00\x00"
    source = io.BufferedReader(Dribble(chunked(long) + b"\x00\x00" + cut))
    assert [read_message(source) for _ in range(3)] == [long, b"", long[:999]]
    with pytest.raises(EOFError):
        read_message(source)
    assert varint(io.BufferedReader(Dribble(b"\x96\x01"))) == (b"\x96\x01", 150)


def test_a_pattern_is_found_in_pieces_of_seven_bytes(neo4j_server: LiveNeo4j) -> None:
    """The driver's bytes, and the server's, are cut into pieces before they come to the proxy that looks at them."""
    query = "CREATE (n:Note {text: $text}) RETURN n.text AS text"
    asked: list[bytes] = []
    answered: list[bytes] = []
    with (
        Proxy(neo4j_server.connection.uri, piece=7) as cuts_answers,
        Proxy(cuts_answers.uri) as looking,
        Proxy(looking.uri, piece=7) as cuts_questions,
    ):
        looking.to_server = lambda message, _: asked.append(message) or message
        looking.to_client = lambda message: answered.append(message) or message
        with GraphDatabase.driver(cuts_questions.uri, auth=neo4j_server.connection.auth) as driver:
            text = "a text that is not short " * 20
            assert driver.execute_query(query, text=text).records[0]["text"] == text
    assert sum(query.encode() in message for message in asked) == 1
    assert sum(text.encode() in message for message in asked) == 1
    assert sum(text.encode() in message for message in answered) == 1
