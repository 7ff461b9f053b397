"""Closed-form channels against their formulas, written out with dense matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.builder import Context
from kgrec.flow.channels import transition
from kgrec.flow.channels.ease import ITEM_POWER, L2, USER_POWER
from kgrec.flow.channels.rp3 import POWER
from kgrec.flow.channels.sequence import Sequence
from kgrec.flow.channels.transition import Transition
from kgrec.flow.part import Part

if TYPE_CHECKING:
    from conftest import World

Matrix = NDArray[np.float64]
MatrixOf = Callable[..., NDArray[np.float32]]


def scaled(part: Part) -> tuple[Matrix, Matrix]:
    """``X'`` over the seen items, and their ``D_i^b``."""
    x = part.train.toarray()[:, part.seen].astype(np.float64)
    outer = x.sum(0) ** ITEM_POWER
    return (x.sum(1) ** -USER_POWER)[:, None] * x / outer, outer


def ridge(x: Matrix, prior: Matrix, l2: float) -> Matrix:
    """``argmin_B ‖X - X B‖² + λ ‖B - B0‖²`` with zero diagonal, a column at a time."""
    n = x.shape[1]
    found = np.zeros((n, n))
    for i in range(n):
        others = np.flatnonzero(np.arange(n) != i)
        left = x[:, others]
        right = left.T @ x[:, i] + l2 * prior[others, i]
        found[others, i] = np.linalg.solve(left.T @ left + l2 * np.eye(n - 1), right)
    return found


def test_ease_is_the_ridge_without_diagonal(world: World, matrix_of: MatrixOf) -> None:
    x, outer = scaled(world.part)
    expected = ridge(x, np.zeros((x.shape[1],) * 2), L2) / outer[:, None] * outer[None]
    (channel,) = world.channels["ease"]
    seen = world.part.seen
    found = matrix_of(channel, world.part.num_items)[np.ix_(seen, seen)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_around_is_what_a_prior_adds_to_the_ridge(world: World, matrix_of: MatrixOf) -> None:
    x, outer = scaled(world.part)
    seen, content = world.part.seen, world.part.content
    plain = ridge(x, np.zeros((x.shape[1],) * 2), L2)
    for channel, near in zip(world.channels["around"], (content.near_by_links, content.near_by_text), strict=True):
        prior = near.toarray()[np.ix_(seen, seen)].astype(np.float64)
        expected = (ridge(x, prior, L2) - plain) / outer[:, None] * outer[None]
        found = matrix_of(channel, world.part.num_items)[np.ix_(seen, seen)]
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_rp3_is_the_product_of_powered_transitions(world: World, matrix_of: MatrixOf) -> None:
    x = world.part.train.toarray().astype(np.float64)
    back = (x / np.maximum(x.sum(0), 1)) ** POWER
    onward = (x / np.maximum(x.sum(1), 1)[:, None]) ** POWER
    (channel,) = world.channels["rp3"]
    np.testing.assert_allclose(matrix_of(channel, 60), back.T @ onward, rtol=1e-5)


def test_knowledge_is_the_cosine_of_idf_weighted_links(world: World, matrix_of: MatrixOf) -> None:
    """``kg:genre`` from the snapshot's edges alone."""
    edges = world.snapshot.edges.filter(relation="genre")
    linked = np.zeros((60, 9))
    linked[edges["source"].to_numpy(), edges["target"].to_numpy()] = 1.0
    rows = linked * (np.log(60 / linked.sum(0)) + 0.1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    (channel,) = (one for one in world.channels["kg"] if one.name == "kg:genre")
    np.testing.assert_allclose(matrix_of(channel, 60), rows @ rows.T, atol=1e-6)


def test_sequence_known_answer(snapshot_of: Callable[..., Snapshot], matrix_of: MatrixOf, world: World) -> None:
    """User 0: 0, then 1, then 2; user 1: 0, then 1 and 2 in the same second."""
    rows = [(0, 0, 10, "train"), (0, 1, 20, "train"), (0, 2, 30, "train")]
    rows += [(1, 0, 5, "train"), (1, 1, 9, "train"), (1, 2, 9, "train")]
    part = Part.of(snapshot_of({"Item": 3, "User": 2}, rows))
    (channel,) = Sequence().build(part, Context(world.config))
    # 0 → 1: at gap 1 twice; 0 → 2: at gap 2 twice; 1 → 2: once, the same second has no order
    expected = np.array([[0, 2, 1], [0, 0, 1], [0, 0, 0]]) / np.array([3, 1, 1])[:, None]
    np.testing.assert_allclose(matrix_of(channel, 3), expected, rtol=1e-6)


def test_transition_is_the_ridge_of_what_comes_after_on_what_came_before(
    snapshot_of: Callable[..., Snapshot], matrix_of: MatrixOf, world: World
) -> None:
    """Every moment is written out as a row; two interactions of the same second have no order."""
    histories = {0: {0: 10, 1: 20, 2: 30}, 1: {0: 5, 1: 9, 3: 9}, 2: {3: 1, 2: 2, 0: 3}}
    rows = [(u, i, at, "train") for u, items in histories.items() for i, at in items.items()]
    part = Part.of(snapshot_of({"Item": 4, "User": 3}, rows))
    (channel,) = Transition().build(part, Context(world.config))
    before, after = [], []
    for items in histories.values():
        step = {i: sum(other < at for other in items.values()) for i, at in items.items()}
        for moment in sorted(set(step.values()) - {0}):
            row, target = np.zeros(4), np.zeros(4)
            for i, place in step.items():
                if place < moment:
                    row[i] = np.exp(-(moment - place) / transition.PAST)
                else:
                    target[i] = np.exp(-(place - moment) / transition.FUTURE)
            weight = len(items) ** -USER_POWER
            before.append(weight * row)
            after.append(weight * target)
    outer = np.array([3, 2, 2, 2]) ** ITEM_POWER
    s, t = np.array(before) / outer, np.array(after) / outer
    gram = s.T @ s
    expected = np.linalg.solve(gram + transition.L2 * np.diag(gram).mean() * np.eye(4), s.T @ t)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(matrix_of(channel, 4), expected / outer[:, None] * outer, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ["ease>similar", "similar>low"])
def test_chained_channels_are_products(world: World, matrix_of: MatrixOf, name: str) -> None:
    alike = world.part.content.alike
    assert alike is not None
    similar = alike.toarray().astype(np.float64)
    first = {one: matrix_of(world.channels[one][0], 60).astype(np.float64) for one in ("ease", "low")}
    if name == "ease>similar":
        expected = np.maximum(first["ease"], 0) @ similar
    else:
        expected = similar / similar.sum(1, keepdims=True) @ first["low"]
    (channel,) = world.channels[name]
    np.testing.assert_allclose(matrix_of(channel, 60), expected, atol=1e-5 * np.abs(expected).max())
