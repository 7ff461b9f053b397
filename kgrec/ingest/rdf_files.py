"""An RDF file as a stream of bytes: its syntax, decompression, byte order mark, content hash and faults."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO

from kgrec.config.recipe import RdfFormat
from kgrec.errors import DataError

SUFFIXES = {
    ".nt": "nt",
    ".nq": "nq",
    ".ttl": "ttl",
    ".turtle": "ttl",
    ".trig": "trig",
    ".rdf": "xml",
    ".xml": "xml",
    ".owl": "xml",
    ".jsonld": "jsonld",
    ".json": "jsonld",
}
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20


class RdfFile:
    """One RDF file.

    Args:
        path: the file; ``.gz`` is decompressed.
        declared: the recipe's ``format``; ``auto`` goes by the file name.

    Raises:
        DataError: no such file, or a name that tells no syntax.
    """

    def __init__(self, path: str | Path, declared: RdfFormat = "auto") -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise DataError("no such file", file=self.path, remedy="mend the recipe's `file`, or give --data")
        self.compressed = self.path.suffix.lower() == ".gz"
        suffix = Path(self.path.stem).suffix if self.compressed else self.path.suffix
        syntax = SUFFIXES.get(suffix.lower()) if declared == "auto" else declared
        if syntax is None:
            known = ", ".join(SUFFIXES)
            raise DataError(
                "the file name tells no RDF syntax",
                file=self.path,
                value=self.path.name,
                expected=f"one of {known} (.gz too)",
                remedy="give the source a `format`",
            )
        self.syntax: str = syntax

    @cached_property
    def digest(self) -> str:
        """First 128 bits of the SHA-256 of the decompressed content, in hexadecimal."""
        sha = hashlib.sha256()
        with self.open() as stream:
            while chunk := stream.read(_CHUNK):
                sha.update(chunk)
        return sha.hexdigest()[:32]

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return self.path.stat().st_size

    @contextmanager
    def open(self, seen: Callable[[int], None] | None = None) -> Iterator[Stream]:
        """The decompressed content without its byte order mark.

        Args:
            seen: told the number of bytes on disk that each read consumed.

        Raises:
            DataError: the file cannot be read, or its compression is damaged.
        """
        try:
            raw = self.path.open("rb")
        except OSError as error:
            raise DataError(f"cannot read the file: {error.strerror}", file=self.path) from error
        with raw:
            yield Stream(self.path, raw, self.compressed, seen)

    def line(self, number: int) -> str:
        """The text of one line (1-based, cut to 200 characters), for messages."""
        with self.open() as stream:
            for text in islice(stream.lines(), number - 1, number):
                return text[:800].decode("utf-8", errors="replace").strip()[:200]
        return ""

    def find(self, text: str) -> int | None:
        """Number of the first line with this text."""
        wanted = text.encode()
        with self.open() as stream:
            for number, line in enumerate(stream.lines(), 1):
                if wanted in line:
                    return number
        return None


class Stream:
    """Bytes to read, with failures told as the file's."""

    def __init__(self, path: Path, raw: IO[bytes], compressed: bool, seen: Callable[[int], None] | None) -> None:
        self._path, self._raw, self._seen = path, raw, seen
        self._file: IO[bytes] = gzip.GzipFile(fileobj=raw) if compressed else raw  # type: ignore[assignment]
        self._position = 0
        start = self._take(len(_BOM))
        self._kept = b"" if start == _BOM else start

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; empty at the end."""
        if self._kept:
            kept, self._kept = self._kept, b""
            if size < 0:
                return kept + self._take(size)
            kept, self._kept = kept[:size], kept[size:]
            return kept
        return self._take(size)

    def _take(self, size: int) -> bytes:
        try:
            data = self._file.read(size)
        except (OSError, EOFError, zlib.error) as error:
            if self._file is self._raw:
                raise DataError(f"cannot read the file: {error}", file=self._path) from error
            remedy = "fetch it again, or take the .gz off its name where it is not compressed"
            raise DataError(f"the compressed file is damaged: {error}", file=self._path, remedy=remedy) from error
        if self._seen is not None:
            position = self._raw.tell()
            self._seen(position - self._position)
            self._position = position
        return data

    def lines(self) -> Iterator[bytes]:
        """Lines, of a file that is read for a message only."""
        rest = b""
        while chunk := self.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
        yield rest
