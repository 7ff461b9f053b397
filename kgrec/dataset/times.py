"""Times as they stand in tables → seconds since 1970-01-01 UTC."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl

MILLISECONDS_FROM = 1e11
"""``auto`` takes a number from here on as milliseconds: as seconds it would be after the year 5000."""
_LAST = 253_402_300_799  # 9999-12-31T23:59:59
_FIRST = -62_135_596_800  # 0001-01-01


def to_seconds(column: pl.Series, time_format: str = "auto") -> pl.Series:
    """Whole seconds (rounded down), Int64; null where there is no time or none that can be read.

    Args:
        column: strings.
        time_format: ``s``, ``ms``, ``auto`` (numbers as one of the two, else ISO 8601) or a strptime format.  A time
            without a zone is UTC.
    """
    whole = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(column))
    if time_format in ("s", "ms", "auto"):
        whole = _whole_numbers(column, time_format)
    parse = _number if time_format in ("s", "ms", "auto") else _strptime
    distinct = column.filter(whole.is_null()).drop_nulls().unique().to_list()
    seconds = {value: _within(parse, value.strip(), time_format) for value in distinct}
    if not seconds:
        return whole
    return whole.zip_with(whole.is_not_null(), column.replace_strict(seconds, return_dtype=pl.Int64, default=None))


def _whole_numbers(column: pl.Series, unit: str) -> pl.Series:
    """Seconds of the cells that are whole numbers, by far the most often met and fast to read; null elsewhere."""
    number = column.cast(pl.Int64, strict=False)
    limit = {"s": 2**62, "ms": 0, "auto": int(MILLISECONDS_FROM)}[unit]
    seconds = number.zip_with(number.abs() < limit, number // 1000)
    return seconds.set(~seconds.is_between(_FIRST, _LAST).fill_null(False), None)


def _within(parse: Callable[[str, str], float], value: str, time_format: str) -> int | None:
    try:
        seconds = math.floor(parse(value, time_format))
    except (ValueError, OverflowError):
        return None
    return seconds if _FIRST <= seconds <= _LAST else None


def _number(value: str, unit: str) -> float:
    try:
        number: float = int(value)
    except ValueError:
        try:
            number = float(value)
        except ValueError:
            if unit != "auto":
                raise
            return _utc(datetime.fromisoformat(value))
    if unit == "ms" or (unit == "auto" and abs(number) >= MILLISECONDS_FROM):
        return number / 1000
    return number


def _strptime(value: str, time_format: str) -> float:
    return _utc(datetime.strptime(value, time_format))


def _utc(time: datetime) -> float:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
