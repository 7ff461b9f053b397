"""Lists → figures of every user and of the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kgrec.bench.lists import Lists
from kgrec.evaluation.protocol import Protocol
from kgrec.metrics import (
    coverage,
    exposure,
    find_hits,
    gini,
    inverse_popularity,
    mrr,
    ndcg,
    recall,
    tail,
    weighted_recall,
)
from kgrec.tune.task import FitData

FORMAT = 1
"""Of the figures' files: another format is measured again."""
CUTS = (10, 20)
HIDDEN = "hidden_recall@20"
CATALOGUE = ("coverage@10", "gini@10", "coverage@20", "gini@20")
PER_USER = ("ndcg@10", "recall@10", "mrr@10", "ndcg@20", "recall@20", "mrr@20", "tail_recall@20", "balanced_recall@20")
Part = Literal["valid", "test"]


@dataclass(frozen=True, eq=False)
class Figures:
    """What a fit reaches on a held-out part.

    Attributes:
        per_user: metric → float64 ``[users of the part]``; NaN where the metric is not defined for a user.
        catalogue: metric → figure of all users' lists.
    """

    per_user: Mapping[str, NDArray[np.float64]]
    catalogue: Mapping[str, float]

    @property
    def means(self) -> dict[str, float]:
        """Every metric's mean over the users that have it; a metric that nobody has is left out."""
        means = {name: float(np.nanmean(one)) for name, one in self.per_user.items() if not np.isnan(one).all()}
        return {**means, **self.catalogue}


class Measure:
    """Measures lists on one data set.

    Args:
        data: with its parts as they were split, also for what was fitted on train and validation.
    """

    def __init__(self, data: FitData) -> None:
        self.data = data

    @cached_property
    def degree(self) -> NDArray[np.int64]:
        """Training interactions of each item, ``[num_items]``."""
        train = self.data.snapshot.matrix("train")
        return np.bincount(train.indices, minlength=self.data.snapshot.num_items)

    def protocol(self, part: Part) -> Protocol:
        """Who is measured, and what is relevant: this reads the held-out part."""
        return Protocol.of(self.data.snapshot, part, self.data.candidates)

    def of(self, lists: Lists, protocol: Protocol) -> Figures:
        """All metrics of one fit's lists.

        tail_recall: of the less popular 80 % of the candidates by training degree; balanced_recall: a held-out item
        weighs the inverse of its training degree; hidden_recall: among the wholly unseen items of the part alone.
        """
        mine, relevant = lists[protocol.split][protocol.users].astype(np.int64), protocol.relevant
        hits, count = find_hits(mine, relevant), np.diff(relevant.indptr)
        per_user = {
            f"{name}@{k}": metric(hits, count, k)
            for k in CUTS
            for name, metric in (("ndcg", ndcg), ("recall", recall), ("mrr", mrr))
        }
        long_tail = tail(self.degree, protocol.candidates)
        per_user["tail_recall@20"] = weighted_recall(mine, relevant, long_tail, 20)
        per_user["balanced_recall@20"] = weighted_recall(mine, relevant, inverse_popularity(self.degree), 20)
        hidden = lists.get(f"{protocol.split}/hidden")
        if hidden is not None:
            found = find_hits(hidden[protocol.users].astype(np.int64), relevant)
            per_user[HIDDEN] = recall(found, count, 20)
        catalogue = {}
        for k in CUTS:
            shown = exposure(mine[:, :k], len(protocol.candidates))[protocol.candidates]
            catalogue[f"coverage@{k}"] = float(coverage(shown))
            catalogue[f"gini@{k}"] = float(gini(shown))
        return Figures(per_user, catalogue)


def figures_file(folder: Path, part: Part) -> Path:
    """Where a cell keeps its figures on a part."""
    return folder / f"{part}-{FORMAT}.npz"


def save_figures(path: Path, figures: Figures) -> None:
    """Writes the figures; the file is there whole or not at all."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            **figures.per_user,  # type: ignore[arg-type]
            **{f"/{name}": np.float64(value) for name, value in figures.catalogue.items()},  # type: ignore[arg-type]
        )
    temporary.replace(path)


def load_figures(path: Path) -> Figures:
    """Reads what :func:`save_figures` wrote."""
    with np.load(path) as content:
        arrays = {name: content[name] for name in content.files}
    return Figures(
        {name: array for name, array in arrays.items() if not name.startswith("/")},
        {name[1:]: float(array) for name, array in arrays.items() if name.startswith("/")},
    )
