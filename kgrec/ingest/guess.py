"""Guesses what the columns of a table are, from their names and first values."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kgrec.config.recipe import Attribute, JsonList
from kgrec.dataset.times import to_seconds
from kgrec.ingest.probe import Probe

_USER = r"user|reviewer|customer|member|listener|account|visitor|author|u"
_ITEM = r"item|movie|film|product|asin|artist|book|track|song|article|news|business|brand|sku|game|recipe|course|poi|i"
_VALUE = r"rating|star|score|weight|play|value|overall|grade"
_TIME = r"time|timestamp|datetime|date|day|created|when"
_LABEL = r"title|name|label"
_TEXT = r"overview|description|summary|abstract|plot|text|tagline|synopsis|body|content"
_LATER = r"popularity|vote|revenue|rating|star|score|review|sale|rank|like|view|count|helpful|num|average|avg"
"""Words in names of columns that sum up what people did: they would tell the model about the time after the split."""
_TIME_FORMATS = (
    "auto",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%m %d, %Y",
    "%b %d, %Y",
    "%d %b %Y",
)


@dataclass(frozen=True)
class InteractionGuess:
    """Columns of an interaction table; value and time where there are any."""

    user: str
    item: str
    value: str | None
    timestamp: str | None
    time_format: str


@dataclass(frozen=True)
class ItemGuess:
    """Columns of an item table.

    Attributes:
        left_out: columns that sum up what people did later.
    """

    id: str
    label: str | None
    text: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    left_out: tuple[str, ...]


def guess_interactions(table: Probe) -> InteractionGuess:
    """The first column named like a user, the first named like an item; without such names the first two columns."""
    columns = table.columns
    user = _named(columns, _USER) or next(column for column in columns if not _has_word(column, _ITEM))
    rest = [column for column in columns if column != user]
    item = _named(rest, _ITEM) or rest[0]
    rest = [column for column in rest if column != item]
    values = [column for column in rest if _numeric(table.values(column))]
    value = _named(values, _VALUE)
    times = [column for column in rest if column != value and _has_word(column, _TIME)]
    times += [column for column in values if column not in (value, *times) and _looks_like_time(table.values(column))]
    for column in times:
        for time_format in _TIME_FORMATS:
            cells = pl.Series(table.values(column), dtype=pl.String)
            if len(cells) and to_seconds(cells, time_format).null_count() == 0:
                return InteractionGuess(user, item, value, column, time_format)
    return InteractionGuess(user, item, value, None, "auto")


def guess_items(table: Probe, item_ids: frozenset[str]) -> ItemGuess:
    """The id column is the one that holds the most items of the interactions; other things equal, one called an id."""
    scores = {column: _fit(column, table.values(column), item_ids) for column in table.columns}
    identifier = max(table.columns, key=lambda column: scores[column])
    rest = [column for column in table.columns if column != identifier]
    label = _named([column for column in rest if _wordy(table.values(column))], _LABEL)
    texts = [column for column in rest if column != label and _is_text(column, table.values(column))]
    attributes, left_out = [], []
    if label is not None and _share_matching(table.values(label), r"\((\d{4})\)\s*$") > 0.8:
        attributes.append(
            Attribute(column=label, relation="decade", type="Decade", pattern=r"\((\d{4})\)\s*$", bucket=10)
        )
    for column in rest:
        values = table.values(column)
        if column == label or column in texts or not values:
            continue
        if _has_word(column, _LATER):
            left_out.append(column)
            continue
        attribute = guess_attribute(column, values)
        if attribute is not None:
            attributes.append(attribute)
    label_text = () if label is None else (label,)
    return ItemGuess(identifier, label, (*label_text, *texts), tuple(attributes), tuple(left_out))


def guess_attribute(column: str, values: Sequence[str]) -> Attribute | None:
    """JSON array, date or year, separated list, or a scalar with few values; None for what identifies nothing."""
    if not re.search(r"[A-Za-z]", column):
        return None
    json_list = _json_list(values)
    if json_list is not None:
        return Attribute(column=column, json_list=json_list)
    skip = _nothing(values)
    values = [value for value in values if value not in skip]
    if not values:
        return None
    if _share_matching(values, r"^(1[5-9]|20)\d\d(-\d\d.*)?$") == 1:
        pattern = None if _numeric(values) else r"^(\d{4})"
        return Attribute(column=column, relation="decade", type="Decade", pattern=pattern, bucket=10, skip=skip)
    if any(value.startswith(("http://", "https://", "{", "[")) for value in values[:20]) or _numeric(values):
        return None
    for separator, least in (("|", 0.02), (";", 0.1), (",", 0.3)):
        parts = [part.strip() for value in values for part in value.split(separator)]
        listed = sum(separator in value for value in values) / len(values)
        if listed >= least and _repeated(parts):
            return Attribute(column=column, separator=separator, skip=tuple(sorted({*skip, *_nothing(parts)})))
    return Attribute(column=column, skip=skip) if _repeated(values) else None


def _has_word(name: str, words: str) -> bool:
    """Whether one of the words stands in a name: alone, or with an s or id after it (``movieId``, ``vote_counts``)."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return any(re.fullmatch(rf"({words})(s|ids?|keys?|iris?)?", part, re.IGNORECASE) for part in parts)


def _named(columns: Sequence[str], pattern: str) -> str | None:
    """The first column with such a name; one that says ``id`` goes first."""
    hits = [column for column in columns if _has_word(column, pattern)]
    return next((column for column in hits if re.search(r"id$", column, re.I)), hits[0] if hits else None)


def _numeric(values: Sequence[str]) -> bool:
    numbers = pl.Series(values, dtype=pl.String).cast(pl.Float64, strict=False)
    return len(values) > 0 and numbers.null_count() == 0 and bool(numbers.is_finite().all())


def _looks_like_time(values: Sequence[str]) -> bool:
    return all(value.isdigit() and len(value) in (9, 10, 12, 13) for value in values)


def _fit(column: str, values: Sequence[str], known: frozenset[str]) -> float:
    """Share of the items it holds times share of its values that are no repetition, and a little for its name."""
    distinct = set(values)
    named = 0.2 if re.search(r"id$", column, re.I) else 0.0
    return named + len(distinct & known) / max(len(known), 1) * len(distinct) / max(len(values), 1)


def _share_matching(values: Sequence[str], pattern: str) -> float:
    return sum(re.search(pattern, value) is not None for value in values) / max(len(values), 1)


def _wordy(values: Sequence[str]) -> bool:
    return _share_matching(values, r"[^\W\d_]") > 0.5 and not any(value.startswith("[{") for value in values[:20])


def _is_text(column: str, values: Sequence[str]) -> bool:
    if not values or values[0].startswith(("[", "{", "http")) or not _wordy(values):
        return False
    length = sum(map(len, values)) / len(values)
    return length > 80 or (length > 20 and _has_word(column, _TEXT))


def _repeated(values: Sequence[str]) -> bool:
    """Values that several rows share, short enough to be names."""
    distinct = set(values)
    return len(distinct) <= max(len(values) * 0.5, 2) and max(map(len, distinct)) <= 80


def _nothing(values: Sequence[str]) -> tuple[str, ...]:
    """Values that say that there is none."""
    known = r"^(\(no .*\)|none|null|nan|n/a|na|unknown|unkonwn|\\N|-|\?)$"
    return tuple(sorted({value for value in values if re.match(known, value, re.I)}))


def _json_list(values: Sequence[str]) -> JsonList | None:
    if not all(value.startswith("[") for value in values):
        return None
    elements: list[Any] = []
    for value in values:
        try:
            array = json.loads(value)
        except ValueError:
            continue
        elements += array if isinstance(array, list) else []
    objects = [element for element in elements if isinstance(element, dict)]
    if not elements:
        return None
    if len(objects) < len(elements):
        return None if objects or any(isinstance(element, list) for element in elements) else JsonList()
    keys = [key for key in objects[0] if all(isinstance(element.get(key), str | int) for element in objects)]
    if not keys:
        return None
    identifier = next((key for key in keys if key.lower() == "id"), None)
    identifier = identifier or next((key for key in keys if re.search(r"id$|code|iso", key, re.I)), keys[0])
    label = next((key for key in keys if key != identifier and re.search(_LABEL, key, re.I)), None)
    return JsonList(id=identifier, label=label)
