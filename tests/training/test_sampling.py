from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.training.sampling import PairNegatives, batches, item_pool


@given(st.integers(1, 300), st.integers(1, 120), st.integers(0, 2**32 - 1), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_batches_are_an_even_partition(examples: int, size: int, seed: int, epoch: int) -> None:
    parts = batches(examples, size, seed, epoch)
    assert sorted(np.concatenate(parts).tolist()) == list(range(examples))
    lengths = [len(part) for part in parts]
    assert max(lengths) <= size
    assert max(lengths) - min(lengths) <= 1
    assert [part.tolist() for part in batches(examples, size, seed, epoch)] == [part.tolist() for part in parts]


def test_seed_and_epoch_change_the_order() -> None:
    orders = {tuple(np.concatenate(batches(50, 20, seed, epoch))) for seed in (0, 1) for epoch in (0, 1)}
    assert len(orders) == 4


def test_pool() -> None:
    assert item_pool(10, 10, 0, 0, 0) is None
    pools = [item_pool(100, 20, 0, epoch, step) for epoch in range(20) for step in range(20)]
    assert all(pool is not None and len(np.unique(pool)) == 20 and pool.max() < 100 for pool in pools)
    share = np.bincount(np.concatenate([pool for pool in pools if pool is not None]), minlength=100) / len(pools)
    assert np.abs(share - 0.2).max() < 0.1


@st.composite
def interactions(draw: st.DrawFn) -> tuple[np.ndarray, int]:
    users, items = draw(st.integers(1, 6)), draw(st.integers(1, 8))
    cells = draw(st.lists(st.booleans(), min_size=users * items, max_size=users * items))
    matrix = np.array(cells).reshape(users, items)
    matrix[0, 0] = True
    return matrix, items


@given(interactions(), st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_negatives_are_never_training_items(data: tuple[np.ndarray, int], seed: int) -> None:
    matrix, num_items = data
    users, items = np.nonzero(matrix)
    drawn = PairNegatives(users, items, num_items).draw(seed, 0)
    for user, negative in zip(users, drawn, strict=True):
        if matrix[user].all():
            assert negative == -1
        else:
            assert 0 <= negative < num_items
            assert not matrix[user, negative]


def test_negatives_are_uniform_over_what_is_free() -> None:
    users, items = np.zeros(3, dtype=int), np.array([0, 2, 5])
    sampler = PairNegatives(users, items, 7)
    drawn = np.concatenate([sampler.draw(0, epoch) for epoch in range(2000)])
    share = np.bincount(drawn, minlength=7) / len(drawn)
    assert share[[0, 2, 5]].sum() == 0
    assert np.abs(share[[1, 3, 4, 6]] - 0.25).max() < 0.02
