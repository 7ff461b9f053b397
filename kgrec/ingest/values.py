"""A table cell → the values in it: scalars, separated lists, JSON arrays, buckets, patterns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from decimal import ROUND_FLOOR, Decimal, InvalidOperation
from typing import NamedTuple, NoReturn

from kgrec.config.iris import clean_key
from kgrec.config.recipe import Attribute, JsonList
from kgrec.errors import RecipeError

_LARGEST = Decimal(10) ** 15


class Value(NamedTuple):
    """One value: what identifies the entity and what names it."""

    key: str
    label: str


class ValueFault(Exception):  # noqa: N818
    """A cell that cannot be read; becomes a rejected row."""

    def __init__(self, problem: str, value: str, expected: str) -> None:
        super().__init__(problem)
        self.problem, self.value, self.expected = problem, value, expected


def cell_parser(attribute: Attribute) -> Callable[[str], tuple[Value, ...]]:
    """The function that reads one cell of this column.

    A cell is split (or read as JSON), then each value goes through skip, pattern, bucket and normalise; a value that
    the pattern does not fit is nothing.

    Raises:
        RecipeError: the pattern is no regular expression with a group.
    """
    pattern = _compiled(attribute)
    skip = frozenset(clean_key(value) for value in attribute.skip)
    width = None if attribute.bucket is None else Decimal(str(attribute.bucket))

    def parse(cell: str) -> tuple[Value, ...]:
        values: dict[Value, None] = {}
        for raw, raw_label in _parts(cell, attribute):
            key, label = clean_key(raw), clean_key(raw_label)
            if not key or key in skip or label in skip:
                continue
            if pattern is not None:
                found = pattern.search(key)
                key = clean_key(found.group(1) or "") if found else ""
                if not key:
                    continue
                label = key
            if width is not None:
                key = label = _bucket(key, width)
            if attribute.normalise == "casefold":
                key = key.casefold()
            values[Value(key, label or key)] = None
        return tuple(values)

    return parse


def _compiled(attribute: Attribute) -> re.Pattern[str] | None:
    if attribute.pattern is None:
        return None
    where = f"attributes.{attribute.column}.pattern"
    try:
        pattern = re.compile(attribute.pattern)
    except re.error as error:
        raise RecipeError(f"not a regular expression: {error}", column=where, value=attribute.pattern) from error
    if not pattern.groups:
        raise RecipeError(
            "the pattern has no group", column=where, value=attribute.pattern, expected="(…) around the value"
        )
    return pattern


def _parts(cell: str, attribute: Attribute) -> Iterator[tuple[str, str]]:
    if attribute.json_list is not None:
        yield from _json_parts(cell, attribute.json_list)
    elif attribute.separator is not None:
        for part in cell.split(attribute.separator):
            yield part, part
    else:
        yield cell, cell


def _json_parts(cell: str, keys: JsonList) -> Iterator[tuple[str, str]]:
    if not cell.strip():
        return
    try:
        array = json.loads(cell, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ValueFault(f"the cell is not JSON ({error})", cell, "a JSON array, with double quotes") from error
    if array is None:
        return
    if not isinstance(array, list):
        raise ValueFault("the cell is JSON but no array", cell, "a JSON array")
    for element in array:
        if element is None:
            continue
        if keys.id is None:
            key = _scalar(element)
            if key is None:
                raise ValueFault("an array element is no scalar", cell, "scalars; for objects name json_list.id")
            yield key, key
            continue
        if not isinstance(element, dict):
            raise ValueFault("an array element is no object", cell, f"objects with the key {keys.id!r}")
        key = _scalar(element.get(keys.id))
        if key is None:
            raise ValueFault("an array element lacks its id", cell, f"objects with the key {keys.id!r}")
        label = None if keys.label is None else _scalar(element.get(keys.label))
        yield key, label if label is not None else key


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _scalar(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, int | float) else None


def _bucket(text: str, width: Decimal) -> str:
    """The number floored to a multiple of ``width``, exact in decimal."""
    try:
        number = Decimal(text)
        if number.is_finite() and number.copy_abs() <= _LARGEST:
            floored = (number / width).to_integral_value(ROUND_FLOOR) * width
            return format(floored.normalize() + 0, "f")
    except InvalidOperation:
        pass
    raise ValueFault("the value to put in a bucket is no number", text, "a finite number of at most 10^15")
