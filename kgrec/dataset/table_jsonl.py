"""JSON lines, every value as a string; nested values as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from kgrec.config.recipe import TableFile
from kgrec.dataset.table_files import BATCH, LINE, RejectSink, need_columns, open_bytes


def read_json_lines(
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
    return json.dumps(value, ensure_ascii=False)
