"""Bad rows are put aside with the reason; more of them than the recipe allows stop the build."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kgrec.errors import DataError, shorten

if TYPE_CHECKING:
    import polars as pl


Reject = tuple[str, int | None, str | None, str | None, str]
"""File, line, column, value and reason."""


@dataclass
class Rejects:
    """Collects bad rows of all sources.

    Attributes:
        limit: the recipe's ``max_rejects``.
    """

    limit: int = 0
    rows: list[Reject] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    def add(
        self,
        problem: str,
        *,
        file: str | Path,
        line: int | None = None,
        column: str | None = None,
        value: object = None,
        expected: str | None = None,
    ) -> None:
        """Puts one row aside.

        Raises:
            DataError: there are now more rejects than the limit; with a limit of 0 it is this row's own error.
        """
        reason = problem + (f"; expected {expected}" if expected else "")
        shown = None if value is None else shorten(value, 200)
        self.rows.append((str(file), line, column, shown, reason))
        if len(self.rows) > self.limit:
            remedy = "mend the row, or let bad rows be put aside with `max_rejects` in the recipe"
            if self.limit:
                remedy = f"{len(self.rows)} rows are bad, max_rejects = {self.limit}; this is the last one"
            raise DataError(problem, file=file, line=line, column=column, value=value, expected=expected, remedy=remedy)

    def frame(self) -> pl.DataFrame:
        """Columns file, line, column, value, reason."""
        import polars as pl

        schema = {
            "file": pl.String,
            "line": pl.Int64,
            "column": pl.String,
            "value": pl.String,
            "reason": pl.String,
        }
        return pl.DataFrame(self.rows, schema=schema, orient="row")
