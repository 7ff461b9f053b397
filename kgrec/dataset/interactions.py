"""Reads who interacted with what: checked, one row a pair, filtered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl

from kgrec.config import Recipe
from kgrec.config.recipe import InteractionsConfig, KCore
from kgrec.dataset.frames import LINE, RejectSink, read_frame
from kgrec.dataset.keys import clean_keys, iris_of, type_template
from kgrec.dataset.snapshot import SPLITS
from kgrec.dataset.times import to_seconds
from kgrec.errors import DataError, RecipeError

ROW = "row"
"""Position of a row in its file: breaks ties of time."""

FILE = "\x00file"


def read_interactions(
    recipe: Recipe, data: Path, rejects: RejectSink, *, counts: Counter[str] | None = None
) -> pl.DataFrame:
    """All interactions, one row a (user, item) pair, not yet parted.

    Args:
        recipe: its ``interactions`` and, for given parts without a file of all interactions, its ``split``.
        data: data directory.
        rejects: takes rows with an empty id, an id that makes no IRI, a value or time that cannot be read, a value
            that is infinite, no number or out of range.
        counts: is told rows read, duplicates, rows below the threshold, rows outside the k-core.

    Returns:
        Columns user, item (keys), user_iri, item_iri, value (Float64), timestamp (Int64 seconds or null), row (Int64),
        in the order of the file; and split (String) where the parts are the files.

    Raises:
        DataError: a file, column or row is at fault and ``rejects`` takes no more.
    """
    config = recipe.interactions
    counts = Counter() if counts is None else counts
    files = [(config.file, None)] if config.file else [(recipe.split.files[part], part) for part in SPLITS]
    frames = []
    for file, part in files:
        path = data / file
        frame = read_frame(path, config, _columns(config), rejects=rejects, may_be_empty=part in ("valid", "test"))
        counts["rows"] += frame.height
        frame = _checked(frame, recipe, path, rejects)
        frame = frame.with_columns(pl.lit(str(path)).alias(FILE))
        frames.append(frame if part is None else frame.with_columns(split=pl.lit(part)))
    frame = pl.concat(frames).with_row_index(ROW).with_columns(pl.col(ROW).cast(pl.Int64))
    if "split" in frame.columns:
        refuse_pairs_in_two_parts(frame)
    frame = one_row_a_pair(frame, config.duplicates, counts).drop(LINE, FILE)
    where = data / config.file if config.file else None
    return frame if recipe.split.kind == "files" and config.file else keep_wanted(frame, config, counts, where)


def keep_wanted(
    frame: pl.DataFrame, config: InteractionsConfig, counts: Counter[str], where: Path | None = None
) -> pl.DataFrame:
    """Drops what is below the threshold and outside the k-core.

    Args:
        where: the file, for messages.

    Raises:
        DataError: nothing is left.
    """
    if config.threshold is not None:
        kept = frame.filter(pl.col("value") >= config.threshold)
        counts["below the threshold"] += frame.height - kept.height
        frame = kept
    kept = k_core(frame, config.k_core)
    counts["outside the k-core"] += frame.height - kept.height
    if kept.is_empty():
        raise DataError(
            "no interaction is left after the threshold and the k-core",
            file=where,
            remedy="lower interactions.threshold or interactions.k_core in the recipe",
        )
    return kept


def k_core(frame: pl.DataFrame, core: KCore) -> pl.DataFrame:
    """Keeps users and items with at least so many interactions, repeated until nothing changes."""
    while True:
        kept = frame
        for column, least in (("user", core.user), ("item", core.item)):
            if least > 1:
                kept = kept.filter(pl.len().over(column) >= least)
        if kept.height == frame.height:
            return kept
        frame = kept


def one_row_a_pair(frame: pl.DataFrame, policy: str, counts: Counter[str]) -> pl.DataFrame:
    """Applies the duplicate policy; first and last go by time, then by row.

    Raises:
        DataError: the policy is ``error`` and a pair occurs twice.
    """
    again = frame.filter(~pl.struct("user", "item").is_first_distinct())
    if again.is_empty():
        return frame
    if policy == "error":
        row = again.row(0, named=True)
        raise DataError(
            "the pair occurs a second time",
            file=row[FILE],
            line=row[LINE],
            value=f"{row['user']}, {row['item']}",
            remedy="say which row counts with interactions.duplicates = first, last, max or sum",
        )
    counts["duplicates"] += again.height
    ordered = frame.sort(pl.col("timestamp"), ROW, nulls_last=False)
    if policy == "max":
        ordered = ordered.sort("value", maintain_order=True)
    if policy == "sum":
        ordered = ordered.with_columns(value=pl.col("value").sum().over("user", "item"))
    return ordered.unique(["user", "item"], keep="first" if policy == "first" else "last", maintain_order=True).sort(
        ROW
    )


def _columns(config: InteractionsConfig) -> list[str]:
    columns = [config.user, config.item]
    columns += [column for column in (config.value, config.timestamp) if column is not None]
    if len(set(columns)) < len(columns):
        raise RecipeError("user, item, value and timestamp are different columns", column="interactions")
    return columns


def _checked(frame: pl.DataFrame, recipe: Recipe, path: Path, rejects: RejectSink) -> pl.DataFrame:
    """Keys, IRIs, values and times of the sound rows; the others are rejected, each with its first fault."""
    config = recipe.interactions
    template = {"user": type_template(recipe, config.user_type), "item": type_template(recipe, config.item_type)}
    columns: dict[str, pl.Series] = {}
    faults: list[tuple[pl.Series, str, str, str]] = []
    for name, source in (("user", config.user), ("item", config.item)):
        keys = clean_keys(frame[source])
        iris = iris_of(keys, template[name])
        columns |= {name: keys, f"{name}_iri": iris}
        faults.append((keys.is_null(), "the id is empty", source, "an id"))
        faults.append((iris.is_null(), f"the id makes no IRI with {template[name]!r}", source, "an absolute IRI"))
    columns["value"] = pl.repeat(1.0, frame.height, eager=True)
    if config.value is not None:
        values = frame[config.value].str.strip_chars().cast(pl.Float64, strict=False)
        columns["value"] = values
        faults.append((values.is_null(), "the value is no number", config.value, "a number"))
        faults.append((~values.is_finite().fill_null(True), "the value is not finite", config.value, "a finite number"))
        if config.value_range is not None:
            low, high = config.value_range
            outside = ~values.is_between(low, high).fill_null(True)
            faults.append((outside, "the value is out of range", config.value, f"{low:g} to {high:g}"))
    columns["timestamp"] = pl.Series([None] * frame.height, dtype=pl.Int64)
    if config.timestamp is not None:
        times = to_seconds(frame[config.timestamp], config.timestamp_format)
        columns["timestamp"] = times
        unreadable = times.is_null()
        if recipe.split.kind not in ("last", "time"):
            unreadable &= frame[config.timestamp].str.strip_chars().fill_null("") != ""
        expected = {"auto": "seconds, milliseconds or ISO 8601", "s": "seconds", "ms": "milliseconds"}.get(
            config.timestamp_format, config.timestamp_format
        )
        faults.append((unreadable, "the time cannot be read", config.timestamp, expected))
    bad = reject_faults(frame, faults, path, rejects)
    checked = pl.DataFrame([series.alias(name) for name, series in columns.items()]).with_columns(frame[LINE])
    return checked.filter(~bad)


def reject_faults(
    frame: pl.DataFrame, faults: list[tuple[pl.Series, str, str, str]], path: Path, rejects: RejectSink
) -> pl.Series:
    """Rejects rows in their order, each with the first fault that it has.

    Args:
        frame: rows with ``LINE`` and the source columns.
        faults: (mask of the rows that have it, problem, column, expected).

    Returns:
        Mask of the rejected rows.
    """
    bad = pl.repeat(False, frame.height, eager=True)
    for mask, *_ in faults:
        bad = bad | mask
    for index in bad.arg_true().to_list():
        problem, column, expected = next(rest for mask, *rest in faults if mask[index])
        rejects.add(
            problem,
            file=path,
            line=frame[LINE][index],
            column=column,
            value=frame[column][index] or "",
            expected=expected,
        )
    return bad


def refuse_pairs_in_two_parts(frame: pl.DataFrame) -> None:
    """Raises :class:`DataError` where a (user, item) pair has several values of ``split``."""
    twice = frame.filter(pl.col("split").n_unique().over("user", "item") > 1)
    if not twice.is_empty():
        row = twice.row(-1, named=True)
        raise DataError(
            "the pair is in more than one part", file=row[FILE], line=row[LINE], value=f"{row['user']}, {row['item']}"
        )
