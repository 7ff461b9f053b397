"""Data that are small, uniform or wrong: a defined result or a refusal that says why."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, RecipeError
from kgrec.flow import Flow, FlowConfig, fit_flow
from kgrec.flow.part import Part
from kgrec.flow.vectors import nearest_neighbours, whiten
from kgrec.progress import SILENT

if TYPE_CHECKING:
    from conftest import World

SMALL = FlowConfig(dim=6, epochs=2)
Make = Callable[..., Snapshot]


class Lines:
    """Progress that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = "") -> Any:
        with SILENT.task(description, total, unit) as task:
            yield task

    def say(self, line: str) -> None:
        self.said.append(line)


def fit(snapshot: Snapshot, config: FlowConfig = SMALL, **vectors: Any) -> tuple[Flow, list[str]]:
    """A model whose scores are finite for everybody, and what was said on the way."""
    lines = Lines()
    flow = fit_flow(snapshot, config, progress=lines, **vectors)
    scores = flow.scorer(snapshot).score(snapshot.matrix("train"), np.arange(snapshot.num_users))
    assert scores.shape == (snapshot.num_users, snapshot.num_items)
    assert np.isfinite(scores).all()
    # more would be rounding blown up
    assert np.abs(scores).max() < 1e5
    return flow, lines.said


def everybody(users: int, items: int, split: str = "train") -> list[tuple[int, int, None, str]]:
    return [(user, item, None, split) for user in range(users) for item in range(items)]


@pytest.mark.parametrize(
    ("counts", "rows", "problem"),
    [
        ({"User": 3, "Item": 3}, [], "no training interactions"),
        ({"User": 3, "Item": 3}, [(0, 0, None, "valid")], "no training interactions"),
        ({"User": 60, "Item": 1}, everybody(60, 1), "one item only"),
        ({"User": 60, "Item": 5}, everybody(60, 1), "one item only"),
        ({"User": 1, "Item": 5}, everybody(1, 5), "one user only"),
    ],
)
def test_what_cannot_be_ranked_is_refused(snapshot_of: Make, counts: Any, rows: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        fit_flow(snapshot_of(counts, rows), SMALL)


def test_two_users(snapshot_of: Make) -> None:
    rows = [(0, 0, None, "train"), (0, 1, None, "train"), (0, 2, None, "train"), (1, 1, None, "train")]
    fit(snapshot_of({"User": 2, "Item": 4}, [*rows, (1, 3, None, "valid")]))


@pytest.mark.parametrize("users", [4, 20])
def test_fewer_than_fifty_users(world: World, users: int) -> None:
    rows = world.snapshot.interactions.filter(pl.col("user") < users)
    nodes = world.snapshot.nodes.filter((pl.col("type") != "User") | (pl.col("id") < users))
    few = replace(world.snapshot, interactions=rows, nodes=nodes)
    assert few.num_users == users
    fit(few, text=world.text, kg=world.kg)


@pytest.mark.parametrize("each", [1, 2])
def test_histories_too_short_for_a_fold(snapshot_of: Make, each: int) -> None:
    rows = [(u, (u + n) % 2, None, "train") for u in range(20) for n in range(each)]
    flow, said = fit(snapshot_of({"User": 20, "Item": 2}, rows))
    assert any("no user has three items" in line for line in said)
    assert len(flow.gates) == 1


@pytest.mark.parametrize("held", [[], [(u, 6, None, "valid") for u in range(60)]])
def test_all_users_alike(snapshot_of: Make, held: Any) -> None:
    flow, _ = fit(snapshot_of({"User": 60, "Item": 10}, [*everybody(60, 6), *held]))
    scores = flow.scorer(snapshot_of({"User": 60, "Item": 10}, everybody(60, 6))).score(
        snapshot_of({"User": 60, "Item": 10}, everybody(60, 6)).matrix("train")
    )
    assert np.ptp(scores, axis=0).max() == 0


def test_everybody_holds_everything(snapshot_of: Make) -> None:
    fit(snapshot_of({"User": 60, "Item": 10}, [(u, i, i + 1, "train") for u in range(60) for i in range(10)]))


def test_no_shared_nodes_no_text_no_times(world: World, snapshot_of: Make) -> None:
    rows = [(user, item, None, split) for user, item, _, _, split in world.snapshot.interactions.iter_rows()]
    titles = [("Item", item, "title", "Title", item) for item in range(60)]
    flow, said = fit(snapshot_of({"Item": 60, "Title": 60, "User": 90}, rows, titles))
    assert {one.family for one in flow.channels} <= {"ease", "rp3", "low", "learned"}
    off = {line.split()[1]: line for line in said}
    assert "share a node" in off["kg"]
    assert "no item has a text vector" in off["text"]
    assert "no item has a knowledge-graph embedding" in off["embedding"]
    assert "no times" in off["sequence"]
    # said once, not once a fold
    assert len(off) == len(said)


def test_one_node_for_all(world: World, snapshot_of: Make) -> None:
    rows = [(user, item, None, split) for user, item, _, _, split in world.snapshot.interactions.iter_rows()]
    same = [("Item", item, "title", "Title", 0) for item in range(60)]
    fit(snapshot_of({"Item": 60, "Title": 1, "User": 90}, rows, same))


def test_a_vector_that_is_no_number_is_named_with_its_node(world: World) -> None:
    assert world.text is not None
    matrix, mask = world.text["Item"]
    for value in (np.nan, np.inf):
        wrong = matrix.copy()
        wrong[7, 2] = value
        for name, what in (("text", "text vector"), ("kg", "embedding vector")):
            with pytest.raises(DataError, match=f"{what} of urn:Item/7 is not finite"):
                fit_flow(world.snapshot, SMALL, **{name: {"Item": (wrong, mask)}})
    # what is masked is not read
    masked = matrix.copy()
    masked[3] = np.nan
    assert not mask[3]
    part = Part.of(world.snapshot, {"Item": (masked, mask)})
    assert part.content.text is not None
    assert np.isfinite(part.content.text).all()


def test_vectors_of_another_snapshot_are_refused(world: World) -> None:
    with pytest.raises(DataError, match=r"another snapshot.*50 rows.*60"):
        fit_flow(world.snapshot, SMALL, text={"Item": (np.ones((50, 4), np.float32), np.ones(50, bool))})


@pytest.mark.parametrize("known", [np.ones(60, bool), np.arange(60) == 4, np.zeros(60, bool)])
def test_texts_that_are_alike_say_nothing(world: World, known: Any) -> None:
    flow, _ = fit(world.snapshot, text={"Item": (np.ones((60, 4), np.float32), known)})
    assert not {one.name for one in flow.channels} & {"text", "around:text"}


@pytest.mark.parametrize(
    ("settings", "wanted", "close"),
    [
        ({"channels": ("esae",)}, "esae", "ease"),
        ({"without": ("sequense",)}, "sequense", "sequence"),
        ({"without": ("kgg:genre",)}, "kgg", "kg"),
        ({"without": ("kg:gnre",)}, "kg:gnre", "kg:genre"),
    ],
)
def test_unknown_channels_are_told_the_nearest(world: World, settings: Any, wanted: str, close: str) -> None:
    with pytest.raises(RecipeError, match=f"'{wanted}'.*\n.*did you mean '{close}'"):
        fit_flow(world.snapshot, SMALL.model_copy(update=settings))


def test_a_single_channel_can_be_left_out(world: World) -> None:
    flow, _ = fit(world.snapshot, SMALL.model_copy(update={"channels": ("kg",), "without": ("kg:genre",)}))
    assert sorted(one.name for one in flow.channels) == ["kg", "kg:actor", "kg:rest"]


def test_what_is_made_from_something_that_is_off_is_nothing(world: World) -> None:
    flow, said = fit(world.snapshot, SMALL.model_copy(update={"channels": ("learned",)}))
    assert flow.channels == ()
    assert said == ["no channel is left: items are ranked by popularity alone"]


def test_a_channel_that_is_asked_for_and_cannot_be_made_is_off(world: World) -> None:
    flow, said = fit(world.snapshot, SMALL.model_copy(update={"channels": ("rp3", "text")}))
    assert [one.name for one in flow.channels] == ["rp3"]
    assert said == ["channel text is off: no item has a text vector"]


# --- vectors


def test_nearest_neighbours_known_answer() -> None:
    rows = np.array([[1, 0], [0.8, 0.6], [0.6, 0.8], [0, 1], [-1, 0], [0, 0]], dtype=np.float32)
    found = nearest_neighbours(rows, 2).toarray()
    expected = np.zeros((6, 6))
    expected[0, [1, 2]] = 0.8, 0.6
    expected[1, [0, 2]] = 0.8, 0.96
    expected[2, [1, 3]] = 0.96, 0.8
    expected[3, [1, 2]] = 0.6, 0.8
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_whitened_vectors_are_uncorrelated_and_missing_ones_stay_zero() -> None:
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(400, 6)) @ rng.normal(size=(6, 6)) + 3.0).astype(np.float32)
    vectors[:, 5] = vectors[:, 0] + vectors[:, 1]
    vectors[[7, 100]] = 0.0
    white = whiten(vectors, 10)
    # one column is a sum of two others: it is no component of its own
    assert white.shape == (400, 5)
    assert not white[[7, 100]].any()
    known = np.abs(white).sum(axis=1) > 0
    np.testing.assert_allclose(np.linalg.norm(white[known], axis=1), 1.0, rtol=1e-5)
    covariance = white[known].T @ white[known] / known.sum()
    np.testing.assert_allclose(covariance, np.eye(5) / 5, atol=0.05)
    assert whiten(vectors, 2).shape == (400, 2)
