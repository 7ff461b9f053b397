"""Everybody's best items by a scorer: all that is kept of a fitted model to measure it by, now or later.

Lists are made without looking at who held out what, so that the test part is read when it is asked for and not before.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgrec.recommend.blocks import blocks
from kgrec.recommend.scorer import Scorer
from kgrec.recommend.topk import top_k
from kgrec.tune.task import FitData

WIDTH = 20
FILE = "lists.npz"

Lists = dict[str, NDArray[np.int32]]
"""Held-out part → item ids ``[num_users, 20]``, best first, -1 where there are fewer.  On a split of whole items
``<part>/hidden`` ranks the items of that part alone."""


def make_lists(scorer: Scorer, data: FitData, fit: str) -> Lists:
    """Lists for the held-out parts that this fit has: a fit on train and validation has the test part alone.

    Args:
        scorer: fitted on ``data``'s training part.
        data: as it was fitted on, its validation part inside the training part for a fit on both.
        fit: ``train`` or ``train+valid``.
    """
    snapshot = data.snapshot
    train, valid = snapshot.matrix("train"), snapshot.matrix("valid")
    in_train, in_valid = (np.bincount(part.indices, minlength=snapshot.num_items) > 0 for part in (train, valid))
    cold = data.recipe.split.kind == "cold"
    lists: Lists = {}
    for part in ("valid", "test") if fit == "train" else ("test",):
        seen = train if part == "valid" else snapshot.matrix("train", "valid")
        masks = {part: data.candidates}
        if cold:
            masks[f"{part}/hidden"] = in_valid if part == "valid" else data.candidates & ~in_train & ~in_valid
        found: dict[str, list[NDArray[np.int64]]] = {name: [] for name in masks}
        for rows in blocks(snapshot.num_users, snapshot.num_items):
            scores = scorer.score(train[rows], np.arange(rows.start, rows.stop))
            for name, mask in masks.items():
                found[name].append(top_k(scores, WIDTH, mask, seen[rows])[0])
        lists |= {name: np.concatenate(parts).astype(np.int32) for name, parts in found.items()}
    return lists


def save_lists(folder: Path, lists: Lists) -> None:
    """Writes ``lists.npz``."""
    np.savez_compressed(folder / FILE, **lists)  # type: ignore[arg-type]


def load_lists(folder: Path) -> Lists:
    """Reads what :func:`save_lists` wrote."""
    with np.load(folder / FILE) as content:
        return {name: content[name] for name in content.files}
