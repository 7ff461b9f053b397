"""Every term of the input can be switched, and reaches the nodes it is of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graph_builders import to_hetero_data
from kgrec.config.recipe import InputConfig
from kgrec.dataset.snapshot import Snapshot
from kgrec.models.fusion import FUSIONS
from kgrec.models.node_input import NodeInput

ALL = {"id": True, "entity_id": True, "user_id": True, "text": True, "neighbours": "sum"}
OFF = {"id": False, "entity_id": False, "user_id": False, "text": False, "neighbours": "off"}
KINDS = {"User", "Item", "Genre"}


def features(seed: dict[str, int]) -> dict[str, dict[str, np.ndarray]]:
    def draw(name: str, rows: int) -> np.ndarray:
        return np.random.default_rng(seed.get(name, 0)).normal(size=(rows, 6)).astype("f4")

    return {"Item": {"text": draw("text", 5), "kg": draw("kg", 5)}, "Genre": {"kg": draw("kg", 3)}}


def input_of(snapshot: Snapshot, switches: dict[str, Any], **seed: int) -> NodeInput:
    tables = snapshot.graph_tables(features(seed))
    edges = tuple(table.key for table in tables.edges if table.source_type != "User")
    generator = torch.Generator().manual_seed(0)
    config = InputConfig.model_validate({**switches, "dropout": 0})
    return NodeInput(to_hetero_data(tables), config, 4, "User", "Item", KINDS, edges, generator)


def changed(snapshot: Snapshot, one: NodeInput, other: NodeInput) -> set[str]:
    """The node types whose rows differ."""
    with torch.no_grad():
        rows = (one() != other()).any(dim=1)
    return {
        kind for kind, count in snapshot.num_nodes.items() if rows[(at := snapshot.offsets[kind]) : at + count].any()
    }


def moved_by(snapshot: Snapshot, switches: dict[str, Any]) -> dict[str, set[str]]:
    """What the vectors depend on → the node types that do."""
    plain, longer = input_of(snapshot, switches), input_of(snapshot, switches)
    with torch.no_grad():
        longer.ids.add_(1)
    found = {"ids": changed(snapshot, plain, longer)}
    for name in ("text", "kg"):
        found[name] = changed(snapshot, plain, input_of(snapshot, switches, **{name: 1}))
    return found


@pytest.mark.parametrize("fusion", sorted(FUSIONS))
@pytest.mark.parametrize("off", [*ALL, None])
def test_each_term_can_be_switched_off(snapshot: Snapshot, fusion: str, off: str | None) -> None:
    switches = {**ALL, "fusion": fusion, **({off: OFF[off]} if off else {})}
    carriers = {"id": "Item", "entity_id": "Genre", "user_id": "User"}
    expected = {
        "ids": {kind for name, kind in carriers.items() if name != off},
        "text": set() if off == "text" else {"Item"},
        "kg": set() if off == "neighbours" else {"Item", "Genre"},
    }
    assert moved_by(snapshot, switches) == expected


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        ("id", {"ids": {"Item"}, "text": set(), "kg": set()}),
        ("entity_id", {"ids": {"Genre"}, "text": set(), "kg": set()}),
        ("text", {"ids": set(), "text": {"Item"}, "kg": set()}),
        ("neighbours", {"ids": set(), "text": set(), "kg": {"Item", "Genre"}}),
    ],
)
def test_each_term_stands_alone(snapshot: Snapshot, on: str, expected: dict[str, set[str]]) -> None:
    assert moved_by(snapshot, {**OFF, on: ALL[on]}) == expected


def test_learned_vectors_are_trained_where_they_are_on(snapshot: Snapshot) -> None:
    module = input_of(snapshot, ALL)
    assert [name for name, _ in module.named_parameters() if name == "ids"] == ["ids"]
    assert module.ids.shape == (sum(snapshot.num_nodes.values()), 4)
    assert not [name for name, _ in input_of(snapshot, {**OFF, "text": True}).named_parameters() if name == "ids"]
