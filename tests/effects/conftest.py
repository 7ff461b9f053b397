"""A model in which every family of channels speaks, over a graph with every kind of edge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from kgrec.config.flow import FlowConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import FlowEffects
from kgrec.flow.builder import Context
from kgrec.flow.channels.around import Around
from kgrec.flow.fit import build, catalogue
from kgrec.flow.gates import Gate, Gates
from kgrec.flow.model import Flow, FlowScorer
from kgrec.flow.part import Part
from kgrec.flow.registry import chosen
from tests.explain.conftest import make_snapshot

USERS, ITEMS, TEXT = 90, 160, 24


@dataclass(frozen=True, eq=False)
class Model:
    snapshot: Snapshot
    scorer: FlowScorer
    text: Features
    effects: FlowEffects

    @cached_property
    def scores(self) -> NDArray[np.float32]:
        """As they are, of everybody: ``[users, items]``."""
        train = self.snapshot.matrix("train")
        return self.scorer.score(train, np.arange(train.shape[0]))


def edges(rng: np.random.Generator) -> list[tuple[str, int, str, str, int, str]]:
    """Genres (hubs), people (leaves among them), item to item, in both directions, parallel and to itself."""
    found = []
    for item in range(ITEMS):
        for genre in rng.choice(8, rng.integers(0, 4), replace=False, p=np.arange(8, 0, -1) / 36):
            found.append(("Item", item, "genre", "Genre", int(genre), "a"))
        for person in rng.integers(0, 60, rng.integers(0, 3)):
            found.append(("Person", int(person), "made", "Item", item, "a"))
            if rng.random() < 0.3:  # the same two nodes, another relation; and the same edge told twice
                found.append(("Person", int(person), "played in", "Item", item, "a"))
                found.append(("Person", int(person), "made", "Item", item, "b"))
        if rng.random() < 0.3:
            found.append(("Item", item, "follows", "Item", int(rng.integers(ITEMS)), "a"))
        if rng.random() < 0.05:
            found.append(("Item", item, "follows", "Item", item, "a"))
    return found


@pytest.fixture(scope="session")
def model() -> Model:
    rng = np.random.default_rng(4)
    taste = rng.normal(size=(USERS, 3)) @ rng.normal(size=(3, ITEMS)) + 2.5 * rng.random(ITEMS)
    pairs = []
    for user in range(USERS):
        # the last items are nobody's: content alone speaks of them
        order = np.argsort(-taste[user, : ITEMS - 12] + rng.gumbel(size=ITEMS - 12))
        pairs += [(user, int(item), "train") for item in order[: rng.integers(1, 40)]]
    sizes = {"User": USERS, "Item": ITEMS, "Genre": 8, "Person": 60}
    snapshot = make_snapshot(sizes, edges(rng), pairs)
    times = pl.Series(rng.integers(0, 400, len(pairs)))
    snapshot = replace(snapshot, interactions=snapshot.interactions.with_columns(timestamp=times))
    vectors = rng.normal(size=(ITEMS, TEXT)).astype(np.float32)
    known = rng.random(ITEMS) < 0.9
    text: Features = {"Item": (np.where(known[:, None], vectors, 0.0).astype(np.float32), known)}
    config = FlowConfig(neighbours=30, dim=8, epochs=2)
    part = Part.of(snapshot, text, text, config.neighbours, config.max_dense)
    builders = tuple(one for one in chosen((), ()) if one.name != "around" and one.missing(part) is None)
    context = Context(config, 0)
    channels = (*build(part, builders, context), *Around().build(part, context))
    families = {channel.family for channel in channels}
    assert {"kg", "around", "ease>similar", "similar>low", "content", "rp3", "transition"} <= families
    assert any(channel.name.startswith("kg:") for channel in channels)
    gates = tuple(
        Gates(
            {
                channel.name: Gate(
                    float(rng.uniform(0.5, 3.0)),
                    *rng.uniform(-0.6, 0.3, 2).tolist(),
                    float(rng.choice([0.0, 0.5, 1.0])),
                )
                for channel in channels
            },
            (0.1, 0.2, 0.3),
            float(scale),
        )
        for scale in (1.0, 0.7)
    )
    flow = Flow(channels, gates, catalogue(part), config, {}, 0)
    scorer = flow.scorer(snapshot)
    return Model(snapshot, scorer, text, FlowEffects(snapshot, scorer, lambda: text))
