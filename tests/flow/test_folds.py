"""Inner folds: disjoint, reproducible, taken out as validation was; histories weighted by age."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.folds import HIDDEN_ITEMS, Kind, kind_of, make_folds
from kgrec.flow.part import Part
from kgrec.flow.recency import weigh

if TYPE_CHECKING:
    from conftest import World

KINDS: tuple[Kind, ...] = ("random", "last", "items")


@pytest.mark.parametrize("kind", KINDS)
def test_folds_are_disjoint_parts_of_training(world: World, kind: Kind) -> None:
    part = world.part
    folds = make_folds(part, kind, 3, 0.15, seed=1)
    assert len(folds) == 3
    train = part.train.toarray()
    for fold in folds:
        out, rest = fold.held_out.toarray(), fold.rest.train.toarray()
        assert set(np.unique(out)) == {0.0, 1.0}
        assert not (out * rest).any()
        assert ((out + rest) <= train).all()
        if kind != "last":
            np.testing.assert_array_equal(out + rest, train)
        assert fold.rest.times is not None
        assert part.times is not None
        np.testing.assert_array_equal(fold.rest.times.toarray(), part.times.toarray() * rest)
    if kind != "items":
        assert (sum(fold.held_out.toarray() for fold in folds) <= 1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_folds(world: World, kind: Kind) -> None:
    first, again, other = ([f.held_out.toarray() for f in make_folds(world.part, kind, 2, 0.15, s)] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    # by time there is nothing to choose at random
    assert np.array_equal(first, other) == (kind == "last")


@pytest.mark.parametrize("share", [0.05, 0.15, 0.4])
def test_everybody_gives_their_share(world: World, share: float) -> None:
    degree = world.part.user_degree
    for fold in make_folds(world.part, "random", 2, share, seed=0):
        taken = np.diff(fold.held_out.indptr)
        np.testing.assert_array_equal(taken, np.maximum(1, np.round(share * degree)))


def test_last_folds_are_the_last_items_of_what_remains(world: World) -> None:
    part = world.part
    assert part.times is not None
    times, after = part.times.toarray(), np.zeros(part.train.shape)
    for fold in make_folds(part, "last", 2, 0.15, seed=0):
        out, rest = fold.held_out.toarray() > 0, fold.rest.train.toarray() > 0
        earliest = np.where(out, times, np.inf).min(axis=1)
        latest = np.where(rest, times, 0.0).max(axis=1)
        assert (earliest > latest).all()
        # what an earlier fold held out is in this one neither to be found nor known
        assert not (rest & (after > 0)).any()
        after += out


def test_item_folds_hide_whole_items(world: World) -> None:
    hidden = []
    for fold in make_folds(world.part, "items", 3, 0.15, seed=0):
        gone = np.setdiff1d(world.part.seen, fold.rest.seen)
        assert len(gone) >= round(HIDDEN_ITEMS * len(world.part.seen))
        hidden.append(gone)
    assert len(np.unique(np.concatenate(hidden))) >= 3 * round(HIDDEN_ITEMS * len(world.part.seen))


def test_short_histories_are_left_alone(snapshot_of: Callable[..., Snapshot]) -> None:
    rows = [(u, i, None, "train") for u, held in enumerate(([0], [0, 1], [0, 1, 2], [])) for i in held]
    part = Part.of(snapshot_of({"User": 4, "Item": 3}, rows))
    for fold in make_folds(part, "random", 2, 0.15, seed=0):
        np.testing.assert_array_equal(np.diff(fold.held_out.indptr), [0, 0, 1, 0])


def test_no_history_is_long_enough(snapshot_of: Callable[..., Snapshot]) -> None:
    part = Part.of(snapshot_of({"User": 2, "Item": 3}, [(0, 0, None, "train"), (1, 1, None, "train")]))
    assert make_folds(part, "random", 2, 0.15, seed=0) == []


def matrix(part: Part, rows: list[tuple[int, int]]) -> sp.csr_array:
    users, items = zip(*rows)
    return sp.csr_array((np.ones(len(rows), dtype=np.float32), (users, items)), shape=part.train.shape)


def test_folds_are_taken_out_as_validation_was(world: World, snapshot_of: Callable[..., Snapshot]) -> None:
    rows = [(u, i, 10 * (i + 1), "train") for u in range(20) for i in range(4)]
    part = Part.of(snapshot_of({"User": 20, "Item": 6}, rows))
    pairs = [(u, 4) for u in range(20)]
    assert kind_of(part, matrix(part, pairs), None) == "items"
    known = Part.of(snapshot_of({"User": 20, "Item": 6}, [*rows, (0, 4, 5, "train")]))
    later, before = np.full(20, 500.0), np.full(20, 2.0)
    pairs = [*pairs[1:], (0, 5)]
    assert kind_of(known, matrix(known, pairs), later) == "last"
    assert kind_of(known, matrix(known, pairs), before) == "random"
    assert kind_of(known, matrix(known, pairs), None) == "random"
    assert kind_of(known, sp.csr_array(known.train.shape, dtype=np.float32), None) == "random"
    # a fifth of the users whose validation is no later is too many
    mixed = np.where(np.arange(20) < 4, 2.0, 500.0)
    assert kind_of(known, matrix(known, pairs), mixed) == "random"


def test_weights_by_age_known_answer() -> None:
    histories = sp.csr_array(np.array([[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0], [1, 0, 0, 1]], dtype=np.float32))
    times = sp.csr_array(np.array([[30, 10, 20, 9], [0, 7, 7, 0], [1, 1, 1, 1], [5, 0, 0, 0]], dtype=np.float64))
    # ages: 1, 3, 2; the same second shares the age; a time that is missing counts as the latest
    found = weigh(histories, times, 1.0).toarray()
    expected = np.array([[1, 1 / 3, 1 / 2, 0], [0, 1, 1, 0], [0, 0, 0, 0], [1 / 2, 0, 0, 1]])
    expected *= np.array([3 / (1 + 1 / 2 + 1 / 3), 1, 0, 2 / 1.5])[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    tied = sp.csr_array(np.array([[30, 10, 30, 0]], dtype=np.float64))
    # two of the same second are both the latest; one item has two later ones
    np.testing.assert_allclose(
        weigh(histories[[0]], tied, 2.0).toarray(), [np.array([1, 1 / 9, 1, 0]) * 3 / (2 + 1 / 9)], rtol=1e-6
    )


def test_without_times_or_power_nothing_is_weighted() -> None:
    histories = sp.csr_array(np.eye(3, dtype=np.float32))
    assert weigh(histories, None, 1.0) is histories
    assert weigh(histories, sp.csr_array(np.eye(3)), 0.0) is histories
    nobody = sp.csr_array((2, 3), dtype=np.float32)
    assert weigh(nobody, sp.csr_array((2, 3)), 1.0) is nobody


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 5), max_size=8), min_size=1, max_size=5), st.sampled_from([0.5, 1.0, 2.0]))
def test_weights_have_mean_one_and_never_grow_with_age(rows: list[list[int]], power: float) -> None:
    dense = np.zeros((len(rows), 8))
    for u, one in enumerate(rows):
        dense[u, : len(one)] = np.array(one) + 1.0
    times = sp.csr_array(dense)
    histories = sp.csr_array((dense > 0).astype(np.float32))
    found = weigh(histories, times, power).toarray()
    for u, one in enumerate(rows):
        if one:
            assert found[u, : len(one)].mean() == pytest.approx(1.0, rel=1e-5)
            order = np.argsort(one, kind="stable")
            weights = found[u, : len(one)][order]
            assert (np.diff(weights) >= 0).all()
            ties = np.diff(np.array(one)[order]) == 0
            np.testing.assert_array_equal(np.diff(weights)[ties], 0)
