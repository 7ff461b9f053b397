"""Ranking metrics: values worked out by hand, and trec_eval's by way of ir-measures to 1e-9."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.errors import RecipeError
from kgrec.metrics import NAMES, RANKING, check_names, find_hits

HITS = np.array([[True, False, True, False], [False, False, False, False], [False, True, False, False]])
RELEVANT = np.array([5, 1, 1])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("recall", [2 / 5, 0, 1]),
        ("precision", [2 / 3, 0, 1 / 3]),
        ("hit", [1, 0, 1]),
        ("mrr", [1, 0, 1 / 2]),
        ("map", [(1 + 2 / 3) / 5, 0, 1 / 2]),
        ("ndcg", [(1 + 1 / 2) / (1 + 1 / np.log2(3) + 1 / 2), 0, 1 / np.log2(3)]),
    ],
)
def test_by_hand_at_3(name: str, expected: list[float]) -> None:
    np.testing.assert_allclose(RANKING[name](HITS, RELEVANT, 3), expected, rtol=0, atol=1e-15)


# trec_eval's reciprocal rank has no cut-off of its own: its lists are given cut
THEIRS = {
    "recall": lambda k: ir_measures.R @ k,
    "precision": lambda k: ir_measures.P @ k,
    "hit": lambda k: ir_measures.Success @ k,
    "map": lambda k: ir_measures.AP @ k,
    "ndcg": lambda k: ir_measures.nDCG @ k,
    "mrr": lambda k: ir_measures.RR,
}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    users=st.integers(1, 12),
    items=st.integers(2, 40),
    width=st.integers(1, 25),
    k=st.integers(1, 30),
)
def test_as_trec_eval(seed: int, users: int, items: int, width: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    width = min(width, items)
    ranked = np.stack([rng.permutation(items)[:width] for _ in range(users)])
    relevant = rng.random((users, items)) < rng.uniform(0.02, 0.6)
    relevant[np.arange(users), rng.integers(0, items, users)] = True

    qrels = {str(u): {str(i): 1 for i in np.flatnonzero(relevant[u])} for u in range(users)}
    run = {str(u): {str(i): float(items - rank) for rank, i in enumerate(ranked[u, :k])} for u in range(users)}
    hits = find_hits(ranked, sp.csr_array(relevant))
    for name, measure in THEIRS.items():
        ours = RANKING[name](hits, relevant.sum(axis=1), k)
        theirs = {m.query_id: m.value for m in ir_measures.iter_calc([measure(k)], qrels, run)}
        np.testing.assert_allclose(ours, [theirs[str(u)] for u in range(users)], rtol=0, atol=1e-9, err_msg=name)


def test_every_ranking_metric_is_compared() -> None:
    assert set(THEIRS) == set(RANKING)


@pytest.mark.parametrize("name", RANKING)
def test_bounds(name: str) -> None:
    perfect = np.ones((1, 3), dtype=bool)
    assert RANKING[name](perfect, np.array([3]), 3) == pytest.approx(1)
    assert RANKING[name](~perfect, np.array([3]), 3) == 0
    assert RANKING[name](perfect[:, :0], np.array([3]), 3) == 0


@pytest.mark.parametrize("name", RANKING)
def test_refuses_what_cannot_be_measured(name: str) -> None:
    with pytest.raises(ValueError, match="at least one relevant"):
        RANKING[name](HITS, np.array([1, 0, 1]), 3)
    with pytest.raises(ValueError, match="cut-off"):
        RANKING[name](HITS, RELEVANT, 0)
    with pytest.raises(ValueError, match="one count a user"):
        RANKING[name](HITS, RELEVANT[:2], 3)


def test_no_recommendation_is_no_hit() -> None:
    # user 0's last item has the flat position right before user 1's first: -1 must not meet it
    relevant = sp.csr_array(np.array([[0, 0, 1], [1, 0, 0]]))
    hits = find_hits(np.array([[2, -1], [-1, 0]]), relevant)
    assert hits.tolist() == [[True, False], [False, True]]


def test_nothing_relevant_no_hits() -> None:
    assert not find_hits(np.array([[0, 1]]), sp.csr_array((1, 2))).any()


def test_names() -> None:
    check_names(NAMES)
    with pytest.raises(RecipeError, match=r"'ndgc'[\s\S]*did you mean 'ndcg'"):
        check_names(["recall", "ndgc"])
