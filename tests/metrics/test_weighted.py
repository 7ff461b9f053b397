"""Weighted recall against a plain loop; the two weightings on degrees written by hand."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from kgrec.metrics import find_hits, inverse_popularity, recall, tail, weighted_recall


def test_against_a_loop() -> None:
    rng = np.random.default_rng(5)
    relevant = sp.csr_array((rng.random((30, 12)) < 0.3).astype(np.float32))
    lists = np.array([rng.permutation(12)[:6] for _ in range(30)])
    lists[3, 4:] = -1
    weights = rng.random(12)
    weights[[0, 7]] = 0.0
    found = weighted_recall(lists, relevant, weights, 5)
    for user, row in enumerate(relevant.toarray() > 0):
        whole = weights[row].sum()
        if not whole:
            assert np.isnan(found[user])
            continue
        got = sum(weights[item] for item in lists[user, :5] if item >= 0 and row[item])
        assert np.isclose(found[user], got / whole)


def test_even_weights_give_recall() -> None:
    relevant = sp.csr_array(np.array([[1, 0, 1, 1], [0, 1, 0, 0]], dtype=np.float32))
    lists = np.array([[2, 1, 0], [3, 0, 1]])
    even = weighted_recall(lists, relevant, np.ones(4), 2)
    np.testing.assert_allclose(even, recall(find_hits(lists, relevant), np.array([3, 1]), 2))


def test_a_user_without_tail_items_has_no_tail_recall() -> None:
    relevant = sp.csr_array(np.array([[1, 0, 0]], dtype=np.float32))
    assert np.isnan(weighted_recall(np.array([[0, 1]]), relevant, np.array([0.0, 1.0, 1.0]), 2)).all()


def test_the_tail_is_four_fifths_of_the_candidates() -> None:
    degree = np.array([9, 5, 5, 5, 1, 0, 99])
    candidates = np.array([True, True, True, True, True, False, False])
    assert tail(degree, candidates).tolist() == [0, 1, 1, 1, 1, 0, 0]
    ties = np.array([5] * 10)
    assert tail(ties, np.ones(10, dtype=bool)).tolist() == [0, 0] + [1] * 8


def test_an_item_weighs_the_inverse_of_its_degree() -> None:
    assert inverse_popularity(np.array([4, 1, 0])).tolist() == [0.25, 1, 1]
