"""Text vectors by content: one SQLite file, so that a second run encodes only what changed.

SQLite's own locking makes it safe for two processes, its journal for a kill at any moment.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgrec.errors import StorageError

FILE = "text-vectors.sqlite"
WAIT = 60.0
"""Seconds to wait for another process's write."""
LOOKUP = 500
"""Keys a query."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    encoder TEXT NOT NULL,
    text BLOB NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (encoder, text)
)
"""


def text_key(text: str) -> bytes:
    """SHA-256 of the text's UTF-8 bytes; an unpaired surrogate stands for itself."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


class VectorCache:
    """Maps (encoder fingerprint, hash of a text) to a float32 vector.

    Args:
        folder: where ``text-vectors.sqlite`` lies or will lie.

    Raises:
        StorageError: the file is no cache, or cannot be read or written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / FILE
        with self._reported():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self.path, timeout=WAIT)
            self._connection.execute(SCHEMA)

    def __enter__(self) -> VectorCache:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def get(self, encoder: str, keys: Collection[bytes], dim: int) -> Iterator[tuple[bytes, NDArray[np.float32]]]:
        """The vectors that are there, in no particular order.

        Args:
            encoder: fingerprint of the encoder.
            keys: of the texts, see :func:`text_key`.
            dim: length of a vector; an entry of another length is passed over.
        """
        with self._reported():
            ordered = list(keys)
            for start in range(0, len(ordered), LOOKUP):
                part = ordered[start : start + LOOKUP]
                marks = ",".join("?" * len(part))
                query = f"SELECT text, vector FROM vectors WHERE encoder = ? AND text IN ({marks})"
                for key, blob in self._connection.execute(query, (encoder, *part)):
                    if len(blob) == 4 * dim:
                        yield key, np.frombuffer(blob, dtype="<f4").astype(np.float32, copy=False)

    def put(self, encoder: str, keys: Sequence[bytes], vectors: NDArray[np.float32]) -> None:
        """Adds vectors, shape ``[len(keys), dim]``, in one transaction."""
        rows = ((encoder, key, vector.astype("<f4").tobytes()) for key, vector in zip(keys, vectors, strict=True))
        with self._reported(), self._connection:
            self._connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StorageError(
                f"{self.path}: the cache of text vectors cannot be used: {error}\n"
                "  make room, or delete the file: it is only a cache"
            ) from error
