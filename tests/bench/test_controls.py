"""The shuffled graph keeps its shape and nothing else; its vectors are those of the items whose edges were given."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl

from kgrec.bench.controls import shuffled_graph, shuffled_vectors, without_relations
from kgrec.dataset.snapshot import Snapshot
from tests.bench.conftest import ENTITIES, ITEMS, snapshot_with_graph


def sets(snapshot: Snapshot) -> dict[int, frozenset[tuple[str, int]]]:
    """Item → what it is linked to, either way."""
    found: dict[int, set[tuple[str, int]]] = {item: set() for item in range(ITEMS)}
    for kind, source, relation, _, target, _ in snapshot.edges.rows():
        item, entity = (source, target) if kind == "Item" else (target, source)
        found[item].add((relation, entity))
    return {item: frozenset(values) for item, values in found.items()}


def test_entity_sets_change_owners() -> None:
    snapshot = snapshot_with_graph()
    shuffled = shuffled_graph(snapshot)
    before, after = sets(snapshot), sets(shuffled)
    assert Counter(before.values()) == Counter(after.values())
    moved = sum(before[item] != after[item] for item in range(ITEMS))
    assert moved > ITEMS / 2
    # what has no edge keeps none, so that no item without content is given any
    assert {item for item, links in after.items() if not links} == {item for item, links in before.items() if not links}
    # the entities see as many items as before
    assert shuffled.edges["relation"].value_counts(sort=True).equals(snapshot.edges["relation"].value_counts(sort=True))
    assert shuffled.interactions is snapshot.interactions
    assert shuffled.edges.equals(shuffled.edges.sort(shuffled.edges.columns))


def test_the_seed_decides() -> None:
    snapshot = snapshot_with_graph()
    assert shuffled_graph(snapshot, 1).edges.equals(shuffled_graph(snapshot, 1).edges)
    assert not shuffled_graph(snapshot, 1).edges.equals(shuffled_graph(snapshot, 2).edges)


def test_vectors_go_with_the_edges() -> None:
    snapshot = snapshot_with_graph()
    entities = np.random.default_rng(0).normal(size=(ENTITIES, 3)).astype(np.float32)

    def of_items(one: Snapshot) -> np.ndarray:
        matrix = np.zeros((ITEMS, 3), dtype=np.float32)
        for item, links in sets(one).items():
            for relation, entity in sorted(links):
                matrix[item] += entities[entity] * (1 if relation == "has" else 2)
        return matrix

    mask = np.array([bool(links) for links in sets(snapshot).values()])
    everything = np.ones(ENTITIES, dtype=bool)
    moved = shuffled_vectors(snapshot, {"Item": (of_items(snapshot), mask), "Entity": (entities, everything)})
    np.testing.assert_allclose(moved["Item"][0], of_items(shuffled_graph(snapshot)))
    np.testing.assert_array_equal(moved["Item"][1], mask)
    assert moved["Entity"][0] is entities


def test_a_snapshot_without_items_in_its_graph() -> None:
    snapshot = without_relations(snapshot_with_graph())
    assert snapshot.edges.is_empty()
    assert shuffled_graph(snapshot).edges.is_empty()
    assert snapshot.graph_tables().edges[0].relation == "interacts"
    assert isinstance(snapshot.edges, pl.DataFrame)
