"""Reads tabular files: CSV, TSV and RecBole files, Parquet, JSON lines; each also gzipped where it is text.

Every cell comes as a string, so that an id ``007`` stays what it is, and every row knows its physical line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from kgrec.config.recipe import TableFile
from kgrec.dataset.table_delimited import read_delimited
from kgrec.dataset.table_files import LINE, RejectSink, file_format
from kgrec.dataset.table_jsonl import read_json_lines
from kgrec.dataset.table_parquet import read_parquet
from kgrec.errors import DataError

__all__ = ["LINE", "RejectSink", "read_batches", "read_frame"]


def read_batches(
    path: Path,
    spec: TableFile,
    columns: Sequence[str] | None = None,
    *,
    rejects: RejectSink,
    may_be_empty: bool = False,
) -> Iterator[pl.DataFrame]:
    """The file's rows, some at a time.

    Args:
        path: the file; ``spec.file`` is not looked at but for ``format = "auto"``, which goes by this name.
        spec: how it is read.
        columns: columns wanted, in this order; all where None.
        rejects: takes rows with too few or too many fields, unbalanced quotes, invalid UTF-8 or bad JSON.
        may_be_empty: a file without rows is no error.

    Yields:
        Frames of String columns and ``LINE`` (Int64); an empty cell is ``""`` or null.

    Raises:
        DataError: missing, unreadable or empty file, missing column, wrong delimiter; or ``rejects`` raised it.
    """
    kind = file_format(path, spec)
    reader = {"parquet": read_parquet, "jsonl": read_json_lines}.get(kind, read_delimited)
    rows = 0
    for frame in reader(path, spec, columns, rejects):
        rows += frame.height
        yield frame
    if not rows and not may_be_empty:
        raise DataError("the file has no rows", file=path, expected="at least one row of data")


def read_frame(
    path: Path,
    spec: TableFile,
    columns: Sequence[str] | None = None,
    *,
    rejects: RejectSink,
    may_be_empty: bool = False,
) -> pl.DataFrame:
    """All rows at once; see :func:`read_batches`."""
    frames = list(read_batches(path, spec, columns, rejects=rejects, may_be_empty=may_be_empty))
    if not frames:
        return pl.DataFrame(schema={**dict.fromkeys(columns or (), pl.String), LINE: pl.Int64})
    return pl.concat(frames, how="diagonal")
