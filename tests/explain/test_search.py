"""The search against an enumeration of every path, written from the formula alone."""

from __future__ import annotations

import time
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.config.recipe import ExplainConfig
from kgrec.explain import Explainer

KINDS = ("Item", "Entity", "User")
SIZES = {"Entity": 3, "Item": 4, "User": 3}


@st.composite
def graphs(draw):
    node = st.sampled_from([(kind, n) for kind in KINDS for n in range(SIZES[kind])])
    edge = st.tuples(node, st.sampled_from("pq"), node, st.sampled_from(["one", "two"]))
    edges = [(s[0], s[1], r, t[0], t[1], o) for s, r, t, o in draw(st.lists(edge, max_size=14))]
    pair = st.tuples(st.integers(0, 2), st.integers(0, 3))
    split = st.sampled_from(["train", "train", "valid", "test"])
    pairs = draw(st.dictionaries(pair, split, min_size=1, max_size=12))
    return edges, [(u, i, part) for (u, i), part in pairs.items()]


def coefficients(snapshot, propagation):
    """(node, node) → relation, direction → [coefficient that the first receives with, the second receives with]."""
    offsets = snapshot.offsets
    typed = defaultdict(list)
    for source_type, source, relation, target_type, target, _ in snapshot.edges.iter_rows():
        typed[source_type, relation, target_type].append((source, target))
    for user, item in snapshot.pairs("train").select("user", "item").iter_rows():
        typed["User", "interacts", "Item"].append((user, item))
    table = defaultdict(lambda: defaultdict(lambda: np.zeros(2)))
    for key, forward, reverse in zip(propagation.edge_types, propagation.forward, propagation.reverse, strict=True):
        for s, t in typed[key]:
            out = sum(1 for a, _ in typed[key] if a == s)
            into = sum(1 for _, b in typed[key] if b == t)
            a, b = offsets[key[0]] + s, offsets[key[2]] + t
            norm = (out * into) ** -0.5
            table[a, b][key[1], "forward"] += (reverse * norm, forward * norm)
            table[b, a][key[1], "reverse"] += (forward * norm, reverse * norm)
    return table


def every_path(snapshot, propagation, user, item, max_hops, *, simple=True):
    """All paths (or walks) as (weight, nodes, hops)."""
    table = coefficients(snapshot, propagation)
    around = defaultdict(list)
    for (a, b), kinds in table.items():
        around[a] += [(b, kind, value) for kind, value in kinds.items()]
    a = propagation.layer_weights
    norms = (propagation.x.astype(float) ** 2).sum(axis=1)
    u, i = snapshot.offsets["User"] + user, snapshot.offsets["Item"] + item
    found = []

    def weight(nodes, values):
        total, h = 0.0, len(values)
        for k in range(h + 1):
            if max(k, h - k) < len(a):
                product = a[k] * a[h - k] * norms[nodes[k]]
                for j, value in enumerate(values):
                    product *= value[0] if j < k else value[1]
                total += product
        return total

    def walk(nodes, kinds, values):
        if nodes[-1] == i:
            found.append((weight(nodes, values), nodes, kinds))
            if simple:
                return
        if len(values) == max_hops:
            return
        for b, kind, value in around[nodes[-1]]:
            if not simple or b not in nodes:
                walk((*nodes, b), (*kinds, kind), (*values, value))

    walk((u,), (), ())
    return found


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.integers(2, 5), st.integers(1, 3), st.booleans(), st.integers(1, 8), st.integers(0, 99))
def test_equals_the_enumeration(snapshot_of, propagation_of, graph, max_hops, layers, user_vectors, k, seed):
    snapshot = snapshot_of(SIZES, *graph)
    propagation = propagation_of(snapshot, seed=seed, layers=layers, user_vectors=user_vectors)
    explainer = Explainer(snapshot, propagation, ExplainConfig(max_hops=max_hops, paths=k))
    user, item = seed % 3, seed % 4
    expected = {
        (nodes, kinds): weight
        for weight, nodes, kinds in every_path(snapshot, propagation, user, item, max_hops)
        if weight > 0
    }
    got = explainer.explain(user, item).paths
    heaviest = sorted(expected.values(), reverse=True)[:k]
    np.testing.assert_allclose([path.weight for path in got], heaviest, rtol=1e-9)
    position = {iri: n for n, iri in enumerate(snapshot.nodes["iri"])}
    names = [
        (tuple(position[node.id] for node in path.nodes), tuple((hop.name, hop.direction) for hop in path.relations))
        for path in got
    ]
    assert len(set(names)) == len(names)
    for path, name in zip(got, names, strict=True):
        assert path.weight == pytest.approx(expected[name], rel=1e-9)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graphs(), st.booleans(), st.integers(0, 99))
def test_all_walks_carry_the_total(snapshot_of, propagation_of, graph, user_vectors, seed):
    snapshot = snapshot_of(SIZES, *graph)
    propagation = propagation_of(snapshot, seed=seed, layers=1, user_vectors=user_vectors)
    user, item = seed % 3, seed % 4
    # A self-loop is an edge that a walk can take and a path cannot: it is walked in both of its directions.
    walks = every_path(snapshot, propagation, user, item, 2, simple=False)
    explanation = Explainer(snapshot, propagation).explain(user, item)
    assert explanation.paths_total == pytest.approx(sum(weight for weight, _, _ in walks), rel=1e-9, abs=1e-12)


def test_hop_coefficients_are_the_adjacency(snapshot_of, propagation_of):
    edges = [
        ("Item", 0, "p", "Entity", 0, "one"),
        ("Item", 0, "p", "Entity", 0, "two"),
        ("Entity", 0, "q", "Item", 0, "one"),
    ]
    snapshot = snapshot_of(SIZES, edges, [(0, 0, "train"), (1, 0, "train"), (2, 1, "test")])
    explainer = Explainer(snapshot, propagation_of(snapshot))
    adjacency = explainer.adjacency.toarray()
    for node in range(adjacency.shape[0]):
        hops = explainer.graph.of(node)
        assert np.bincount(hops.to, hops.user_side, adjacency.shape[0]) == pytest.approx(adjacency[node])
        assert np.bincount(hops.to, hops.item_side, adjacency.shape[0]) == pytest.approx(adjacency[:, node])


@pytest.mark.parametrize("max_hops", [3, 5])
def test_a_hub_ends_quickly(snapshot_of, propagation_of, max_hops):
    # Every item has the one genre and every user has every item but one: about 10^12 paths of five hops.
    items, users = 2000, 300
    sizes = {"Entity": 1, "Item": items, "User": users}
    edges = [("Item", n, "genre", "Entity", 0, "one") for n in range(items)]
    pairs = [(u, i, "train") for u in range(users) for i in range(items - 1)]
    snapshot = snapshot_of(sizes, edges, pairs)
    explainer = Explainer(snapshot, propagation_of(snapshot), ExplainConfig(max_hops=max_hops))
    start = time.process_time()
    explanation = explainer.explain(0, items - 1)
    assert time.process_time() - start < 5
    assert len(explanation.paths) == 5
    assert not any("stopped early" in note for note in explanation.notes)


def test_a_search_that_stops_early_says_so(snapshot_of, propagation_of):
    edges = [("Item", n, "genre", "Entity", m, "one") for n in range(4) for m in range(3)]
    snapshot = snapshot_of(SIZES, edges, [(0, 0, "train"), (0, 1, "train"), (1, 1, "train"), (1, 2, "train")])
    explainer = Explainer(snapshot, propagation_of(snapshot))
    whole, cut = explainer.explain(0, 3), explainer.explain(0, 3, budget=2)
    assert not any("stopped early" in note for note in whole.notes)
    assert any("stopped early" in note for note in cut.notes)
    assert sum(path.weight for path in cut.paths) < sum(path.weight for path in whole.paths)
    assert cut.paths_total == whole.paths_total
