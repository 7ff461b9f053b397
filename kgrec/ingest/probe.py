"""Looks into a table: how it is separated, whether it has a header, and its first rows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import polars as pl

from kgrec.config.iris import is_iri
from kgrec.config.recipe import TableFile
from kgrec.dataset.frames import LINE, read_batches
from kgrec.dataset.table_delimited import DELIMITERS
from kgrec.dataset.table_files import file_format, open_bytes
from kgrec.errors import DataError
from kgrec.ingest.rejects import Rejects

_NUMBER = re.compile(r"[-+]?\d[\d.,:eE+-]*$")
_PEEK = 262_144


@dataclass(frozen=True)
class Probe:
    """A table that was looked into.

    Attributes:
        path: the file.
        spec: how to read it; ``spec.file`` is empty.
        sample: its first rows, String columns.
    """

    path: Path
    spec: TableFile
    sample: pl.DataFrame

    @property
    def columns(self) -> list[str]:
        return self.sample.columns

    def values(self, column: str) -> list[str]:
        """The cells of the sample that are not empty."""
        return [value.strip() for value in self.sample[column].drop_nulls().to_list() if value.strip()]


def probe(path: Path, rows: int = 20_000) -> Probe:
    """Looks into a file.

    Raises:
        DataError: it is missing, empty, or has one column only.
    """
    spec = TableFile(file="")
    if file_format(path, spec) in ("csv", "tsv"):
        spec = _separated(path)
    batches = read_batches(path, spec, rejects=Rejects(limit=10**9))
    frame = next(islice(batches, 1), None)
    if frame is None:
        raise DataError("the file has no rows that can be read", file=path)
    return Probe(path, spec, frame.drop(LINE).head(rows))


def _separated(path: Path) -> TableFile:
    with open_bytes(path) as stream:
        head = stream.read(_PEEK)
    lines = [line for line in head.decode("utf-8", "replace").splitlines()[:50] if line.strip()]
    if not lines:
        raise DataError("the file is empty", file=path)
    delimiter = max(DELIMITERS, key=lambda candidate: _fits(lines, candidate))
    if not _fits(lines, delimiter):
        raise DataError(
            "the lines are not separated into columns",
            file=path,
            line=1,
            value=lines[0],
            expected=f"one of {', '.join(DELIMITERS.values())} between columns",
            remedy="put a tab in the place of a longer delimiter such as ::" if "::" in lines[0] else None,
        )
    usual = "\t" if file_format(path, TableFile(file="")) == "tsv" else ","
    first = [cell.strip().strip('"') for cell in lines[0].split(delimiter)]
    header = len(set(first)) == len(first) and not any(
        _NUMBER.match(cell) or is_iri(cell) or not cell for cell in first
    )
    return TableFile(file="", delimiter=None if delimiter == usual else delimiter, header=header)


def _fits(lines: list[str], delimiter: str) -> float:
    """How well a delimiter fits: the share of lines with the first line's number of it, then that number."""
    wanted = lines[0].count(delimiter)
    if not wanted:
        return 0.0
    share = sum(line.count(delimiter) == wanted for line in lines) / len(lines)
    # Quoted fields hold commas of their own, and the last line of the peek may be cut: no share is asked for, but
    # spaces occur in any text.
    if delimiter == " " and share < 0.9:
        return 0.0
    return share + min(wanted, 50) / 1000
