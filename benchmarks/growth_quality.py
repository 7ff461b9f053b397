"""What the approximations for large data cost on real data.

Models are fitted on the training part, without the validation part; NDCG@10 is that of the validation part, every item
with a training or validation interaction ranked.  Nothing reads the test part.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks._common import ROOT
from kgrec.dataset.snapshot import Snapshot
from kgrec.flow import Flow, FlowConfig, fit_flow
from kgrec.flow.ndcg import ndcg10
from kgrec.flow.table import channel_table
from kgrec.tune.prepare import prepare

SETS = ("ml-100k", "lastfm", "lastfm-dbpedia")
FORCED: dict[str, dict[str, int]] = {
    "nothing": {},
    "channels": {"max_dense": 0},
    "channels and rankings": {"max_dense": 0, "gate_items": 500},
}
"""What is done as for large data, and how that is forced."""
BLOCK = 500


def compare(data: Path, runs: Path | None = None, sets: Sequence[str] = SETS) -> Iterator[dict[str, Any]]:
    """Cells: data set, what is forced, NDCG@10, the difference to nothing forced with its 95 % interval over users, and
    NDCG@10 of each channel alone.

    Args:
        data: where the recipes' files are.
        runs: where snapshots and vectors are kept; the recipes' own run directories by default.
        sets: names of recipes.
    """
    for name in sets:
        made = prepare(ROOT / "recipes" / f"{name}.toml", data, None if runs is None else runs / name).open()
        everything = replace(made.snapshot, interactions=made.snapshot.pairs("train", "valid"))
        held = everything.matrix("valid")
        snapshot = replace(everything, interactions=everything.interactions.filter(pl.col("split") == "train"))
        plain: NDArray[np.float64] | None = None
        for forced, settings in FORCED.items():
            start = time.process_time()
            flow = fit_flow(snapshot, FlowConfig(dial=False, **settings), text=made.text, kg=made.kg)
            seconds = time.process_time() - start
            ndcg = measured(flow, snapshot, held)
            plain = ndcg if plain is None else plain
            low, high = interval(ndcg - plain)
            alone = {one["name"]: round(one["alone"], 4) for one in channel_table(flow, everything)["channels"]}
            print(
                f"{name:15} {forced:22} {ndcg.mean():.4f}  {(ndcg - plain).mean():+.4f} [{low:+.4f}, {high:+.4f}]  "
                f"{seconds:.0f} CPU s\n    alone: {alone}",
                flush=True,
            )
            yield {
                "dataset": name,
                "forced": forced,
                "items": snapshot.num_items,
                "ndcg@10": round(float(ndcg.mean()), 4),
                "difference": round(float((ndcg - plain).mean()), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "cpu_s": round(seconds, 1),
                "alone": alone,
            }


def measured(flow: Flow, snapshot: Snapshot, held: sp.csr_array) -> NDArray[np.float64]:
    """NDCG@10 of every user with a held-out item."""
    users = np.flatnonzero(np.diff(held.indptr))
    train, scorer = snapshot.matrix("train"), flow.scorer(snapshot)
    nowhere = np.ones(snapshot.num_items, dtype=bool)
    nowhere[train.indices] = nowhere[held.indices] = False
    found = []
    for start in range(0, len(users), BLOCK):
        some = users[start : start + BLOCK]
        scores = scorer.score(train[some], some)
        scores[:, nowhere] = -np.inf
        found.append(ndcg10(scores, train[some], held[some]))
    return np.concatenate(found)


def interval(differences: NDArray[np.float64]) -> tuple[float, float]:
    """95 %, of the mean over users."""
    error = 1.96 * differences.std() / np.sqrt(len(differences))
    return float(differences.mean() - error), float(differences.mean() + error)
