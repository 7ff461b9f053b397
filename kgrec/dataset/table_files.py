"""What every tabular reader needs: opening a file, its format by name, columns that must be there."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from kgrec.config.recipe import TableFile
from kgrec.errors import DataError, nearest

LINE = "\x00line"
"""Column with the 1-based line of a text file, or row of a Parquet file."""

BATCH = 100_000
"""Rows read at a time from Parquet and JSON lines."""

_RECBOLE = {".inter", ".kg", ".link", ".item", ".user", ".net"}


class RejectSink(Protocol):
    """Takes bad rows; raises where there are too many (:class:`kgrec.ingest.rejects.Rejects`)."""

    def add(
        self,
        problem: str,
        *,
        file: str | Path,
        line: int | None = None,
        column: str | None = None,
        value: object = None,
        expected: str | None = None,
    ) -> None: ...


def file_format(path: Path, spec: TableFile) -> str:
    """``csv``, ``tsv``, ``recbole``, ``parquet`` or ``jsonl``: as the recipe says, else by the file's name."""
    if spec.format != "auto":
        return spec.format
    name = Path(path.name.removesuffix(".gz"))
    if name.suffix in _RECBOLE:
        return "recbole"
    by_suffix = {".tsv": "tsv", ".parquet": "parquet", ".pq": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
    return by_suffix.get(name.suffix, "csv")


def need_columns(wanted: Sequence[str], known: Sequence[str], path: Path) -> None:
    """Raises :class:`DataError` for the first wanted column that the file does not have; names the nearest."""
    for column in wanted:
        if column in known:
            continue
        close = nearest(column, known)
        shown = ", ".join(known[:20]) + (", …" if len(known) > 20 else "")
        raise DataError(
            "no such column",
            file=path,
            column=column,
            expected=f"one of {shown}",
            remedy=f"did you mean {close[0]!r}?" if close else None,
        )


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, decompressed, after a UTF-8 byte order mark.

    Raises:
        DataError: missing or unreadable file, damaged gzip, or UTF-16.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise missing(path, error) from error
    with raw:
        stream: Any = raw
        if raw.peek(2)[:2] == b"\x1f\x8b":
            stream = io.BufferedReader(cast(Any, gzip.GzipFile(fileobj=raw)))
        try:
            head = stream.peek(3)[:3]
            if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise DataError("the file is UTF-16", file=path, expected="UTF-8", remedy="convert it to UTF-8")
            if head == b"\xef\xbb\xbf":
                stream.read(3)
            yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise DataError(f"the gzip file is damaged: {error}", file=path, remedy="fetch it again") from error


def missing(path: Path, error: OSError) -> DataError:
    """The error for a file that cannot be opened; names files beside it with a like name."""
    if not isinstance(error, FileNotFoundError):
        return DataError(f"the file cannot be read: {error.strerror}", file=path)
    folder = path.parent
    where = "check the path in the recipe, or say with --data DIR where the files are"
    if not folder.is_dir():
        return DataError("the file does not exist, nor does its folder", file=path, remedy=where)
    close = nearest(path.name, sorted(entry.name for entry in folder.iterdir()))
    return DataError(
        "the file does not exist", file=path, remedy=f"nearest here: {', '.join(close)}" if close else where
    )
