"""The figure that training stops on is the one that the evaluation of the validation part gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
import torch

from kgrec.config.recipe import EvaluationConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.evaluation import evaluate
from kgrec.training import validation
from kgrec.training.validation import Validation


class Vectors:
    """Scores that are inner products of random vectors."""

    name = "vectors"

    def __init__(self, snapshot: Snapshot) -> None:
        generator = torch.Generator().manual_seed(0)
        self.users = torch.randn(snapshot.num_users, 4, generator=generator)
        self.items = torch.randn(snapshot.num_items, 4, generator=generator)

    def score(self, histories: object, users: np.ndarray | None = None) -> np.ndarray:
        return (self.users[torch.from_numpy(users)] @ self.items.T).numpy()


@pytest.mark.parametrize("cells", [validation.CELLS, 1])
def test_it_is_the_evaluations(planted: Callable[..., Snapshot], monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr(validation, "CELLS", cells)
    snapshot = planted(users=50, items=40)
    vectors = Vectors(snapshot)
    settings = EvaluationConfig(metrics=("ndcg",), k=(10,), baselines=(), bootstrap=0)
    expected = evaluate([vectors], snapshot, settings, split="valid").rows[0].metrics["ndcg@10"][0]
    assert 0 < expected < 1
    assert Validation(snapshot).ndcg(vectors.users, vectors.items) == pytest.approx(expected, abs=1e-9)


def test_nothing_of_the_test_part_is_read(planted: Callable[..., Snapshot]) -> None:
    whole = planted(users=50, items=40)
    rng = np.random.default_rng(1)
    held = pl.Series(rng.random(len(whole.interactions)) < 0.3)
    parted = whole.interactions.with_columns(
        split=pl.when(held & (pl.col("split") == "train")).then(pl.lit("test")).otherwise(pl.col("split"))
    )
    figures = []
    for frame in (parted, parted.filter(pl.col("split") != "test")):
        snapshot = Snapshot("User", "Item", whole.nodes, whole.relations, whole.edges, frame)
        vectors = Vectors(snapshot)
        figures.append(Validation(snapshot).ndcg(vectors.users, vectors.items))
    assert len(parted.filter(pl.col("split") == "test"))
    assert figures[0] == figures[1] > 0
