"""The history of a person whom the model never saw: what they had, in which order, how they liked it."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.iris import clean_key
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, UserError
from kgrec.progress import SILENT, Progress
from kgrec.recommend.ids import known_ids

SHOWN = 5
"""Unknown ids that are named."""


@dataclass(frozen=True)
class History:
    """What a person had, as they write it down.

    Attributes:
        items: keys or IRIs, the latest last unless there are times; of a repeated item the last mention counts.
        ratings: one for each item, None where there is none; None where nothing is rated.
        times: one for each item, greater is later; None: the order is that of ``items``.
    """

    items: tuple[str, ...]
    ratings: tuple[float | None, ...] | None = None
    times: tuple[float, ...] | None = None

    @classmethod
    def parse(cls, items: str, ratings: str | None = None) -> History:
        """From ``item1,item2,…`` and ``r1,r2,…``; an id with a comma stands in double quotes.

        Raises:
            UserError: a rating is no number, or there is not one for each item.
        """
        names = tuple(key for cell in next(csv.reader([items], skipinitialspace=True), []) if (key := clean_key(cell)))
        if ratings is None:
            return cls(names)
        return cls(names).rated([_number(cell, "ratings") for cell in ratings.split(",")])

    @classmethod
    def read(cls, path: str | Path) -> History:
        """From a UTF-8 file: a line has an id, then a rating and a time where they are known.

        Columns are separated by tabs where a line has one, else by commas; a rating may be left empty; times are
        numbers or ISO 8601, for all lines or for none.

        Raises:
            DataError: the file cannot be read, or a line is malformed; names the line.
        """
        try:
            text = Path(path).read_bytes().decode("utf-8-sig")
        except OSError as error:
            raise DataError(f"cannot read the history: {error.strerror}", file=path) from error
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise DataError("not UTF-8", file=path, line=line, value=error.object[error.start : error.end]) from error
        names: list[str] = []
        ratings: list[float | None] = []
        times: list[float] = []
        for number, row in enumerate(text.splitlines(), 1):
            if not row.strip():
                continue
            mark = "\t" if "\t" in row else ","
            cells = [cell.strip() for cell in next(csv.reader([row], delimiter=mark, skipinitialspace=True))]
            if len(cells) > 3:
                raise DataError("too many columns", file=path, line=number, expected="id, rating, time")
            rating, time = (*cells[1:], "", "")[:2]
            try:
                ratings.append(_number(rating, "rating") if rating else None)
                times += [_time(time)] if time else []
            except UserError as error:
                header = "a history has no header row" if number == 1 else None
                raise DataError(error.problem, file=path, line=number, value=error.value, remedy=header) from error
            names.append(clean_key(cells[0]))
            if times and len(times) < len(names):
                raise DataError("some lines have a time, others have none", file=path, line=number)
        some = any(rating is not None for rating in ratings)
        return cls(tuple(names), tuple(ratings) if some else None, tuple(times) or None)

    def rated(self, ratings: Sequence[float | None]) -> History:
        """The same history with ratings.

        Raises:
            UserError: there is not one for each item.
        """
        if len(ratings) != len(self.items):
            raise UserError("a rating for each item is needed", value=len(ratings), expected=str(len(self.items)))
        return replace(self, ratings=tuple(ratings))

    def check(self, limits: tuple[float, float] | None) -> None:
        """Refuses a rating that lies outside what ratings may be.

        Raises:
            UserError: names the first.
        """
        for value in self.ratings or ():
            if limits is not None and value is not None and not limits[0] <= value <= limits[1]:
                expected = f"{limits[0]:g} to {limits[1]:g}, as interactions.value_range says"
                raise UserError("a rating is out of range", value=value, expected=expected)

    def rows(self, snapshot: Snapshot, progress: Progress = SILENT) -> tuple[sp.csr_array, sp.csr_array]:
        """The history in a snapshot's ids.

        Args:
            snapshot: what the model was trained on.
            progress: is told which items are unknown; the rest is used.

        Returns:
            weights and times, CSR ``[1, num_items]`` of one pattern: a weight is 1 where nothing is rated, else
            :func:`rating_weights`; times are greater than zero.

        Raises:
            UnknownIdError: none of the items is known; names the nearest.
            UserError: ratings or times are not one for each item, or not finite.
        """
        count = len(self.items)
        for what, values in (("rating", self.ratings), ("time", self.times)):
            if values is not None and len(values) != count:
                raise UserError(f"a {what} for each item is needed", value=len(values), expected=str(count))
            if any(value is not None and not math.isfinite(value) for value in values or ()):
                raise UserError(f"a {what} is not a finite number", value=values)
        ids, unknown = known_ids(snapshot, snapshot.item_type, self.items)
        if unknown:
            shown = ", ".join(unknown[:SHOWN]) + (", …" if len(unknown) > SHOWN else "")
            progress.say(f"{len(unknown)} of {count} items of the history are unknown and left out: {shown}")
        times = np.arange(1.0, count + 1) if self.times is None else np.asarray(self.times, dtype=np.float64)
        times = times - times.min(initial=np.inf) + 1.0
        weights = np.ones(count, dtype=np.float32)
        if self.ratings is not None:
            given = np.array([np.nan if rating is None else rating for rating in self.ratings])
            weights = rating_weights(snapshot, given)
        # a later entry of the same item takes the place of an earlier one
        place = {int(ids[n]): n for n in np.argsort(times, kind="stable") if ids[n] >= 0}
        items = np.array(sorted(place), dtype=np.int64)
        chosen = np.array([place[int(item)] for item in items], dtype=np.int64)
        shape, indptr = (1, snapshot.num_items), np.array([0, len(items)])
        return (
            sp.csr_array((weights[chosen], items, indptr), shape=shape),
            sp.csr_array((times[chosen], items, indptr), shape=shape),
        )


def rating_weights(snapshot: Snapshot, ratings: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much each item of a history weighs: ``max(0, r / m)`` with m the mean of the training ratings.

    An average rating weighs 1 as an unrated item does, two stars half as much as four.  Never below 0: that somebody
    dislikes an item says little of what they like.  Where ratings may be negative (votes of -1 and 1), the least of
    them, l, takes the place of zero: ``max(0, (r - l) / (m - l))``; where the training ratings are all alike (clicks),
    m is the mean of the ones given.

    On the validation part of MovieLens 100K, whose training ratings are 4 and 5, this neither gains nor loses; from
    the least rating upwards, so that a 4 would weigh nothing, it lost .033 of .222 NDCG@10.

    Args:
        snapshot: whose training interactions have values.
        ratings: ``[n]``; NaN where there is none.

    Returns:
        float32 ``[n]``.
    """
    values = snapshot.pairs("train")["value"].drop_nulls().to_numpy()
    mean, least = (float(values.mean()), float(values.min())) if len(values) else (0.0, 0.0)
    if not mean - least > 1e-9:
        given = ratings[np.isfinite(ratings)]
        mean, least = (float(given.mean()), float(given.min())) if len(given) else (1.0, 0.0)
    zero = min(least, 0.0)
    weights = np.maximum(0.0, (ratings - zero) / max(mean - zero, 1e-9))
    return np.where(np.isnan(ratings), 1.0, weights).astype(np.float32)


def _number(cell: str, what: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise UserError(f"a {what.removesuffix('s')} is not a number", value=cell)
    return value


def _time(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(cell)
    except ValueError as error:
        raise UserError("a time is neither a number nor ISO 8601", value=cell) from error
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
