"""Parts interactions into train, valid and test, before any graph is built.

Each function takes the frame of :func:`kgrec.dataset.interactions.read_interactions` and gives one label a row.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.config import Recipe
from kgrec.config.recipe import SplitConfig, TableFile
from kgrec.dataset.frames import LINE, RejectSink, read_frame
from kgrec.dataset.interactions import FILE, ROW, keep_wanted, refuse_pairs_in_two_parts
from kgrec.dataset.keys import clean_keys
from kgrec.dataset.snapshot import SPLITS
from kgrec.errors import DataError, RecipeError

COLUMNS = ("user", "item", "user_iri", "item_iri", "value", "timestamp", "split")


def split(
    frame: pl.DataFrame, recipe: Recipe, data: Path, rejects: RejectSink, *, counts: Counter[str] | None = None
) -> pl.DataFrame:
    """The interactions with their part.

    Args:
        frame: what :func:`~kgrec.dataset.interactions.read_interactions` gave.
        recipe: its ``split`` and ``seed``.
        data: data directory, for given parts and item lists.
        rejects: takes bad rows of those files.
        counts: is told the size of each part and what is in none.

    Returns:
        Columns user, item, user_iri, item_iri, value, timestamp, split; sorted by (user, item).

    Raises:
        DataError: a given part names an unknown pair, a pair is in two parts, or nothing is left to train on.
        RecipeError: a split by time without a timestamp column.
    """
    config = recipe.split
    counts = Counter() if counts is None else counts
    if config.kind in ("last", "time") and recipe.interactions.timestamp is None:
        raise RecipeError(
            "a split by time needs times", column="interactions.timestamp", remedy="name the column with the time"
        )
    if config.kind == "files":
        parted = frame if "split" in frame.columns else _given(frame, recipe, data, rejects, counts)
    else:
        labels = {"random": _random, "last": _last, "time": _time, "cold": _cold}[config.kind]
        frame = frame.sort("user", "item")
        parted = frame.with_columns(split=labels(frame, config, recipe, data, rejects))
    for part in SPLITS:
        counts[part] = parted.filter(pl.col("split") == part).height
    if not counts["train"]:
        raise DataError(
            "the split leaves nothing to train on",
            file=data / recipe.interactions.file if recipe.interactions.file else None,
            remedy="hold less out: see [split] of the recipe",
        )
    return parted.select(COLUMNS).sort("user", "item")


def held_out_sizes(sizes: NDArray[np.int64], config: SplitConfig) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many of each user's interactions go to valid and test.

    A share s of n interactions is max(1, floor(n·s)), 0 for s = 0.  Users with fewer than ``min_history``
    interactions, or who would have none left to train on, hold out nothing.

    Args:
        sizes: int64 ``[users]``.

    Returns:
        Two int64 ``[users]``: valid, test.
    """
    valid, test = (
        np.zeros_like(sizes)
        if share == 0
        else np.full_like(sizes, config.n)
        if config.n is not None
        else np.maximum(1, np.floor(sizes * share + 1e-9).astype(np.int64))
        for share in (config.valid, config.test)
    )
    enough = (sizes >= config.min_history) & (sizes > valid + test)
    return np.where(enough, valid, 0), np.where(enough, test, 0)


def _by_user_order(frame: pl.DataFrame, order: NDArray[np.int64], config: SplitConfig) -> pl.Series:
    """Per user in ascending ``order``: the last are test, those before them valid.

    Args:
        frame: sorted by user.
        order: int64 ``[rows]``, distinct.
    """
    users = frame["user"].rle_id().to_numpy()
    sizes = np.bincount(users)
    ends = np.cumsum(sizes)
    sequence = np.lexsort((order, users))
    behind = np.empty(len(users), dtype=np.int64)
    behind[sequence] = ends[users[sequence]] - 1 - np.arange(len(users))
    valid, test = (part[users] for part in held_out_sizes(sizes, config))
    return pl.Series(np.select([behind < test, behind < test + valid], ["test", "valid"], "train"), dtype=pl.String)


def _random(frame: pl.DataFrame, config: SplitConfig, recipe: Recipe, data: Path, rejects: RejectSink) -> pl.Series:
    order = np.random.Generator(np.random.Philox(recipe.seed)).permutation(frame.height)
    return _by_user_order(frame, order, config)


def _last(frame: pl.DataFrame, config: SplitConfig, recipe: Recipe, data: Path, rejects: RejectSink) -> pl.Series:
    order = np.empty(frame.height, dtype=np.int64)
    order[np.lexsort((frame[ROW].to_numpy(), frame["timestamp"].to_numpy()))] = np.arange(frame.height)
    return _by_user_order(frame, order, config)


def _time(frame: pl.DataFrame, config: SplitConfig, recipe: Recipe, data: Path, rejects: RejectSink) -> pl.Series:
    """Two cuts for everybody; interactions of one time are never parted."""
    times = frame["timestamp"].to_numpy()
    test_from, valid_from = time_cuts(times, config)
    return pl.Series(np.select([times >= test_from, times >= valid_from], ["test", "valid"], "train"), dtype=pl.String)


def time_cuts(times: NDArray[np.int64], config: SplitConfig) -> tuple[float, float]:
    """First time of test and first time of valid (infinite where the share is 0)."""
    ordered = np.sort(times)
    test = int(np.floor(len(times) * config.test + 1e-9))
    both = test + int(np.floor(len(times) * config.valid + 1e-9))
    test_from = float(ordered[-test]) if test else np.inf
    return test_from, min(float(ordered[-both]) if both else np.inf, test_from)


def _cold(frame: pl.DataFrame, config: SplitConfig, recipe: Recipe, data: Path, rejects: RejectSink) -> pl.Series:
    items = frame["item"].unique().sort()
    if config.item_files:
        chosen = {part: _item_list(data / file, items, rejects) for part, file in sorted(config.item_files.items())}
        both = sorted(set(chosen.get("valid", [])) & set(chosen.get("test", [])))
        if both:
            raise DataError("the item is in both lists", file=data / config.item_files["test"], value=both[0])
    else:
        order = np.random.Generator(np.random.Philox(recipe.seed)).permutation(len(items))
        test, valid = (int(np.floor(len(items) * share + 1e-9)) for share in (config.test, config.valid))
        chosen = {"test": items[order[:test]].to_list(), "valid": items[order[test : test + valid]].to_list()}
    label = {item: part for part, names in chosen.items() for item in names}
    return frame["item"].replace_strict(label, default="train", return_dtype=pl.String)


def _item_list(path: Path, known: pl.Series, rejects: RejectSink) -> list[str]:
    spec = TableFile(file=path.name, header=False, columns=("item",), format="tsv")
    frame = read_frame(path, spec, rejects=rejects)
    frame = frame.with_columns(clean_keys(frame["item"]))
    unknown = frame.filter(~pl.col("item").is_in(known.implode()))
    if not unknown.is_empty():
        row = unknown.row(0, named=True)
        raise DataError(
            "the item is not in the interactions", file=path, line=row[LINE], value=row["item"], expected="a known id"
        )
    return frame["item"].to_list()


def _given(frame: pl.DataFrame, recipe: Recipe, data: Path, rejects: RejectSink, counts: Counter[str]) -> pl.DataFrame:
    """Parts from files that name pairs of the interaction data."""
    config = recipe.interactions
    parts = []
    for part in SPLITS:
        path = data / recipe.split.files[part]
        pairs = read_frame(path, config, [config.user, config.item], rejects=rejects, may_be_empty=part != "train")
        pairs = pairs.select(
            clean_keys(pairs[config.user]).alias("user"), clean_keys(pairs[config.item]).alias("item"), LINE
        )
        unknown = pairs.join(frame, on=["user", "item"], how="anti", maintain_order="left")
        if not unknown.is_empty():
            row = unknown.row(0, named=True)
            raise DataError(
                "the pair is not in the interactions",
                file=path,
                line=row[LINE],
                value=f"{row['user']}, {row['item']}",
                expected=f"a pair of {config.file}",
            )
        parts.append(pairs.with_columns(pl.lit(str(path)).alias(FILE), split=pl.lit(part)))
    labels = pl.concat(parts)
    refuse_pairs_in_two_parts(labels)
    parted = frame.join(labels.select("user", "item", "split").unique(), on=["user", "item"])
    counts["in no part"] += frame.height - parted.height
    return keep_wanted(parted, config, counts)
