"""One error tree.

A :class:`UserError` is the user's input at fault and ends the command line with exit code 2; any other
:class:`KgrecError` ends it with 1.  An error says where (file, line or row, column), what was found, what was
expected and what to do about it; the command line prints exactly that and never a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

VALUE_LIMIT = 80


def shorten(value: object, limit: int = VALUE_LIMIT) -> str:
    """The value as one line of at most ``limit`` characters, for messages."""
    text = str(value).replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(wanted: str, known: Iterable[str], n: int = 3) -> list[str]:
    """The ``n`` known names that are most likely meant, best first; upper and lower case are the same.

    Those that begin with what was typed, then those that contain it, shorter ones first; where there are none, those
    that are spelled most like it.
    """
    typed = wanted.strip().casefold()
    by_fold = {name.casefold(): name for name in reversed(list(known))}
    within = [fold for fold in by_fold if typed and typed in fold]
    within.sort(key=lambda fold: (not fold.startswith(typed), len(fold), fold))
    return [by_fold[hit] for hit in within[:n] or get_close_matches(typed, by_fold, n=n, cutoff=0.5)]


class KgrecError(Exception):
    """Base of everything kgrec raises on purpose."""

    exit_code = 1


class UserError(KgrecError):
    """The user's input is at fault.

    Args:
        problem: what is wrong, one clause.
        file: the file it was found in.
        line: 1-based line of a text file, or row of a table without lines (Parquet).
        column: column name of a table, key of a recipe, or 1-based column of a text file.
        value: the offending value; cut in the message.
        expected: what would have been right.
        remedy: what the user can do.
    """

    exit_code = 2

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: str | int | None = None,
        value: object = None,
        expected: str | None = None,
        remedy: str | None = None,
    ) -> None:
        self.problem = problem
        self.file = None if file is None else str(file)
        self.line = line
        self.column = column
        self.value = value
        self.expected = expected
        self.remedy = remedy
        super().__init__(self.message())

    def in_file(self, file: str | Path) -> None:
        """Names the file where the error named none yet."""
        if self.file is None:
            self.file = str(file)
            self.args = (self.message(),)

    def message(self) -> str:
        where = ""
        if self.file is not None:
            where = self.file + (f":{self.line}" if self.line is not None else "")
        elif self.line is not None:
            where = f"line {self.line}"
        if self.column is not None:
            where += f" [{self.column}]" if where else f"[{self.column}]"
        text = f"{where}: {self.problem}" if where else self.problem
        if self.value is not None:
            text += f" (got {shorten(self.value)!r})"
        if self.expected:
            text += f"; expected {self.expected}"
        if self.remedy:
            text += f"\n  {self.remedy}"
        return text


class RecipeError(UserError):
    """The recipe says something that cannot be."""


class DataError(UserError):
    """A data file is missing, malformed or does not fit the recipe."""


class UnknownIdError(UserError):
    """An id that was asked for does not exist; the message names the nearest ones.

    Args:
        kind: of what.
        wanted: the id.
        known: all ids.
        labels: label → id of those that people call by another name; ids are looked at first.

    Attributes:
        near: the nearest, as they are told.
    """

    def __init__(self, kind: str, wanted: str, known: Iterable[str], labels: Mapping[str, str] | None = None) -> None:
        told = {label: f"{key} ({label})" for label, key in (labels or {}).items()}
        ids = list(known)
        told |= {key: key for key in ids}
        self.near = tuple(told[name] for name in nearest(wanted, told))
        hint = f"ids are such as {', '.join(ids[:3])}" if ids else None
        if self.near:
            hint = f"nearest: {', '.join(self.near)}"
        super().__init__(f"no {kind} with this id", value=wanted, remedy=hint)


class QueryError(UserError):
    """A query is malformed or asks for what is refused (SERVICE, updates)."""


class BusyError(UserError):
    """Another process holds the run directory or the store."""


class StaleError(UserError):
    """An artefact is missing, or was made from other inputs or by another version; names the stage to rerun."""


class StorageError(KgrecError):
    """The disk is full or cannot be written; the earlier state is left as it was."""
