"""Reads tabular files: CSV, TSV and RecBole files, Parquet, JSON lines; each also gzipped where it is text.

Every cell comes as a string, so that an id ``007`` stays what it is, and every row knows its physical line.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import numpy as np
import polars as pl

from kgrec.config.recipe import TableFile
from kgrec.dataset.delimited import Records, scan
from kgrec.errors import DataError, RecipeError, nearest, shorten

LINE = "\x00line"
"""Column with the 1-based line of a text file, or row of a Parquet file."""

BATCH = 100_000
DELIMITERS = {",": "a comma", "\t": "a tab", ";": "a semicolon", "|": "a vertical bar", " ": "a space"}
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
    reader = {"parquet": _read_parquet, "jsonl": _read_json_lines}.get(kind, _read_delimited)
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
    close = nearest(path.name, sorted(entry.name for entry in folder.iterdir())) if folder.is_dir() else []
    remedy = f"nearest here: {', '.join(close)}" if close else "files are looked for below --data DIR"
    return DataError("the file does not exist", file=path, remedy=remedy)


# --- delimited text ------------------------------------------------------------------------------------------------


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


def _read_delimited(
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
                value=record[max(error.start - 20, 0) : error.end + 20],
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


# --- Parquet -------------------------------------------------------------------------------------------------------


def _read_parquet(
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
        texts = [None if value is None else _json_text(value) for value in column.to_list()]
        return pl.Series(column.name, texts, dtype=pl.String)
    if column.dtype == pl.Binary:
        return column.cast(pl.String, strict=False)
    return column.cast(pl.String)


# --- JSON lines ----------------------------------------------------------------------------------------------------


def _read_json_lines(
    path: Path, spec: TableFile, wanted: Sequence[str] | None, rejects: RejectSink
) -> Iterator[pl.DataFrame]:
    seen: dict[str, None] = {}
    with open_bytes(path) as stream:
        numbered = enumerate(stream, start=1)
        part = [(0, b"")]
        while part:
            part = list(islice(numbered, BATCH))
            rows = []
            for line, raw in part:
                row = _json_row(raw, line, path, rejects)
                if row is not None:
                    seen.update(dict.fromkeys(row))
                    rows.append({**row, LINE: line})
            # A key may be missing in many rows: only when all are read is a column known to be missing.
            if len(part) < BATCH and seen and wanted is not None:
                need_columns(wanted, list(seen), path)
            if rows:
                columns = list(wanted if wanted is not None else seen)
                data = {column: [row.get(column) for row in rows] for column in columns}
                schema = {**dict.fromkeys(columns, pl.String), LINE: pl.Int64}
                yield pl.DataFrame({**data, LINE: [row[LINE] for row in rows]}, schema=schema)


def _json_row(raw: bytes, line: int, path: Path, rejects: RejectSink) -> dict[str, Any] | None:
    """One line's object with its values as strings; None for a blank or rejected line."""
    if not raw.strip():
        return None
    try:
        text = raw.decode("utf-8")
        row = json.loads(text)
        if isinstance(row, dict):
            cells = {key: None if value is None else _cell_text(value) for key, value in row.items()}
            "".join(value for value in cells.values() if value).encode("utf-8")
            return cells
        problem = "the line is not a JSON object"
    except UnicodeDecodeError:
        problem = "the text is not UTF-8"
    except UnicodeEncodeError:
        problem = "a JSON string holds half a surrogate pair"
    except (ValueError, RecursionError):
        problem = "the line is not JSON"
    value = raw.decode("utf-8", "replace").strip()
    rejects.add(problem, file=path, line=line, value=value, expected="one JSON object a line, UTF-8")
    return None


def _cell_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return _json_text(value)


def _json_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
