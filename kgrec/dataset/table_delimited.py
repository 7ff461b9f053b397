"""Delimited text: CSV, TSV and RecBole's atomic files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kgrec.config.recipe import TableFile
from kgrec.dataset.delimited import Records, scan
from kgrec.dataset.table_files import LINE, RejectSink, file_format, need_columns, open_bytes
from kgrec.errors import DataError, RecipeError

DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a vertical bar", " ": "a space"}


def separators(path: Path, spec: TableFile) -> tuple[str, str | None]:
    """Delimiter and quote character (None for none) of a delimited file.

    Raises:
        RecipeError: one of them is no ASCII character.
    """
    kind = file_format(path, spec)
    delimiter = spec.delimiter or ("," if kind == "csv" else "\t")
    quote = spec.quote
    if quote is None:
        quote = "" if kind == "recbole" or delimiter in "\t " else '"'
    for name, value in (("delimiter", delimiter), ("quote", quote)):
        if not value.isascii():
            raise RecipeError("must be an ASCII character", file=path, column=name, value=value)
    return delimiter, quote or None


def read_delimited(
    path: Path, spec: TableFile, wanted: Sequence[str] | None, rejects: RejectSink
) -> Iterator[pl.DataFrame]:
    delimiter, quote = separators(path, spec)

    def reject(line: int, problem: str, value: bytes) -> None:
        expected = "quotes around whole fields, doubled inside them"
        rejects.add(problem, file=path, line=line, value=value.decode("utf-8", "replace"), expected=expected)

    names: list[str] = []
    with open_bytes(path) as stream:
        for records in scan(stream, delimiter, quote, reject):
            if not names:
                names = _names(records, path, spec, delimiter, quote, wanted)
                if spec.header:
                    records = records.select(slice(1, None))
            records = _same_width(records, len(names), path, rejects)
            records = _utf8(records, path, rejects)
            if len(records):
                yield _parse(records, names, delimiter, quote, wanted if wanted is not None else names)
    if not names:
        raise DataError("the file is empty", file=path, expected="a header and rows" if spec.header else "rows")


def _names(
    records: Records, path: Path, spec: TableFile, delimiter: str, quote: str | None, wanted: Sequence[str] | None
) -> list[str]:
    """Column names out of the first record."""
    try:
        first = records.record(0).decode("utf-8")
    except UnicodeDecodeError as error:
        line = int(records.lines[0])
        raise DataError("the text is not UTF-8", file=path, line=line, remedy="convert the file to UTF-8") from error
    options: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    cells = next(csv.reader(io.StringIO(first, newline=""), delimiter=delimiter, **options))
    if spec.header:
        names = [cell.strip() for cell in cells]
        if file_format(path, spec) == "recbole":
            names = [name.rpartition(":")[0] or name for name in names]
    else:
        names = list(spec.columns) or [f"column_{number}" for number in range(1, len(cells) + 1)]
    needed = [*(wanted or ()), *(() if spec.header else spec.columns)]
    if (len(cells) == 1 and any(column not in names for column in needed)) or len(cells) == 1 < len(names):
        likely = max(DELIMITERS, key=cells[0].count)
        if likely in cells[0]:
            raise DataError(
                f"only one column was found: the delimiter {delimiter!r} is not in the first line",
                file=path,
                line=int(records.lines[0]),
                value=cells[0],
                remedy=f"it looks separated by {DELIMITERS[likely]}: set delimiter = {json.dumps(likely)}",
            )
    if len(names) != len(cells):
        raise DataError(
            f"the recipe names {len(names)} columns, the first line has {len(cells)}",
            file=path,
            line=int(records.lines[0]),
            value=first,
        )
    for name in names:
        if names.count(name) > 1:
            raise DataError(
                "two columns have the same name", file=path, line=int(records.lines[0]), column=name, value=first
            )
    if wanted is not None:
        need_columns(wanted, names, path)
    return names


def _same_width(records: Records, width: int, path: Path, rejects: RejectSink) -> Records:
    sound = records.fields == width
    if sound.all():
        return records
    for index in np.flatnonzero(~sound).tolist():
        rejects.add(
            f"the row has {records.fields[index]} field(s)",
            file=path,
            line=int(records.lines[index]),
            value=records.record(index).decode("utf-8", "replace"),
            expected=f"{width}, as the first line has",
        )
    return records.select(sound)


def _utf8(records: Records, path: Path, rejects: RejectSink) -> Records:
    if not len(records):
        return records
    try:
        records.data[records.starts[0] : records.ends[-1]].decode("utf-8")
        return records
    except UnicodeDecodeError:
        pass
    sound = np.ones(len(records), dtype=bool)
    for index in range(len(records)):
        record = records.record(index)
        try:
            record.decode("utf-8")
        except UnicodeDecodeError as error:
            sound[index] = False
            rejects.add(
                "the text is not UTF-8",
                file=path,
                line=int(records.lines[index]) + record.count(b"\n", 0, error.start),
                value=record[max(error.start - 20, 0) : error.end + 20].decode("utf-8", "backslashreplace"),
                expected="UTF-8",
            )
    return records.select(sound)


def _parse(
    records: Records, names: list[str], delimiter: str, quote: str | None, wanted: Sequence[str]
) -> pl.DataFrame:
    frame = pl.read_csv(
        records.joined(),
        has_header=False,
        separator=delimiter,
        quote_char=quote,
        schema=dict.fromkeys(names, pl.String),
        infer_schema=False,
    )
    return frame.select(*wanted, pl.Series(LINE, records.lines, dtype=pl.Int64))
