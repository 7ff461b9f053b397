"""Parquet, every column as strings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from kgrec.config.recipe import TableFile
from kgrec.dataset.table_files import BATCH, LINE, RejectSink, missing, need_columns
from kgrec.errors import DataError, shorten


def read_parquet(
    path: Path, spec: TableFile, wanted: Sequence[str] | None, rejects: RejectSink
) -> Iterator[pl.DataFrame]:
    try:
        with path.open("rb"):
            pass
        lazy = pl.scan_parquet(path)
        names = lazy.collect_schema().names()
    except OSError as error:
        raise missing(path, error) from error
    except pl.exceptions.PolarsError as error:
        raise DataError(f"not a Parquet file: {shorten(error)}", file=path) from error
    columns = list(wanted if wanted is not None else names)
    need_columns(columns, names, path)
    first = 0
    while True:
        try:
            part = lazy.select(columns).slice(first, BATCH).collect()
        except pl.exceptions.PolarsError as error:
            raise DataError(f"the Parquet file is damaged: {shorten(error)}", file=path) from error
        if not part.height:
            return
        texts = [_as_text(part[column]) for column in columns]
        yield pl.DataFrame([*texts, pl.Series(LINE, np.arange(first + 1, first + 1 + part.height), dtype=pl.Int64)])
        first += part.height


def _as_text(column: pl.Series) -> pl.Series:
    """Any column as strings: whole floats as integers (7.0 → ``7``), nested values as JSON."""
    if column.dtype == pl.String:
        return column
    if column.dtype.is_float():
        whole = column.is_finite() & (column.round() == column) & (column.abs() < 2**53)
        integers = column.set(~whole.fill_null(False), 0.0).cast(pl.Int64).cast(pl.String)
        return column.cast(pl.String).zip_with(~whole.fill_null(False), integers)
    if column.dtype.is_nested():
        texts = [
            None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_list()
        ]
        return pl.Series(column.name, texts, dtype=pl.String)
    if column.dtype == pl.Binary:
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)
