"""Effects of taking a past interaction out: held against whole recomputations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from kgrec.explain.effect import interaction_effects
from kgrec.explain.flow import FlowExplainer

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run


def test_is_the_difference_of_two_sums_over_paths(small_run: Run) -> None:
    """Against the sums over paths, which are worked out in float64 by another road; the prior takes no part."""
    snapshot = small_run.snapshot
    explains = FlowExplainer(snapshot, small_run.scorer)
    train = snapshot.matrix("train")
    rng = np.random.default_rng(5)
    signs = set()
    for user in rng.integers(0, snapshot.num_users, 15):
        history = train[[int(user)]]
        items = rng.integers(0, snapshot.num_items, 3)
        removed = rng.permutation(history.indices)[:4]
        effects = interaction_effects(small_run.scorer, history, int(user), removed, items)
        assert effects.shape == (len(removed), len(items))
        scale = float(np.abs(small_run.scorer.score(history, np.array([user]))).max())
        for row, out in enumerate(removed):
            left = history.indices[history.indices != out]
            for column, item in enumerate(items):
                whole = explains.flows(int(user), int(item), history.indices).sent.sum()
                without = explains.flows(int(user), int(item), left).sent.sum()
                assert effects[row, column] == pytest.approx(whole - without, abs=1e-5 * scale)
                signs.add(np.sign(effects[row, column]))
    assert {-1.0, 1.0} <= signs


def test_of_a_linear_network(linear_run: Run) -> None:
    snapshot, scorer = linear_run.snapshot, linear_run.scorer
    train = snapshot.matrix("train")
    history = train[[3]]
    effects = interaction_effects(scorer, history, 3, history.indices[:2], [0, 1])
    for row, out in enumerate(history.indices[:2]):
        left = history.indices[history.indices != out]
        for item in (0, 1):
            whole = linear_run.explainer.explain(3, item).score
            without = linear_run.explainer.explain(3, item, history=left).score
            assert effects[row, item] == pytest.approx(whole - without, abs=1e-5)


def test_the_last_interaction_leaves_the_prior(small_run: Run) -> None:
    scorer, snapshot = small_run.scorer, small_run.snapshot
    one = snapshot.matrix("train")[[0]]
    history = type(one)((one.data[:1], one.indices[:1], np.array([0, 1])), shape=one.shape)
    (effects,) = interaction_effects(scorer, history, None, history.indices, range(snapshot.num_items))
    assert np.isfinite(effects).all()
    assert scorer.score(history)[0] - effects == pytest.approx(scorer.prior(), abs=1e-5)


def test_only_what_is_there_can_be_taken_out(small_run: Run) -> None:
    history = small_run.snapshot.matrix("train")[[0]]
    absent = int(np.setdiff1d(np.arange(small_run.snapshot.num_items), history.indices)[0])
    with pytest.raises(ValueError, match="not in the history"):
        interaction_effects(small_run.scorer, history, 0, [absent], [1])
