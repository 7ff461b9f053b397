"""The same world under other names: ids permuted; and a model that has unlearned what it knew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.explanations.edges import Edge
from benchmarks.explanations.world import World
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import Fact
from kgrec.flow.channel import Channel
from kgrec.flow.model import Flow

Places = Mapping[str, NDArray[np.int64]]
"""Node type → new id of each node."""

INNER = {"ease>similar": "sources", "similar>low": "targets"}
"""Channels whose first inner dimension is items, and which."""


@lru_cache(maxsize=1)
def permuted(world: World, seed: int) -> tuple[World, Places]:
    """The world with the ids of all nodes but users permuted; the fitted model is the same but for its order."""
    rng = np.random.default_rng(seed)
    snapshot = world.snapshot
    places = {kind: rng.permutation(count) for kind, count in snapshot.num_nodes.items() if kind != snapshot.user_type}
    items = places[snapshot.item_type]
    channels = tuple(_moved(channel, items) for channel in world.flow.channels)
    back = np.argsort(items)
    old = world.flow.catalogue
    catalogue = replace(old, degree=old.degree[back], foretold=old.foretold[back])
    flow = replace(world.flow, channels=channels, catalogue=catalogue)
    text = None if world.text is None else _features(world.text, places)
    return World(world.name, _snapshot(snapshot, places), flow, text), places


def renamed(edge: Edge, item_type: str, places: Places) -> Edge:
    """An edge under its new name."""
    if not isinstance(edge, Fact):
        return int(places[item_type][edge])
    (kind, one), (other_kind, other) = edge.source, edge.target
    return Fact(
        (kind, int(places[kind][one]) if kind in places else one),
        edge.relation,
        (other_kind, int(places[other_kind][other]) if other_kind in places else other),
    )


@lru_cache(maxsize=1)
def randomised(world: World, seed: int) -> World:
    """The model with every learned channel's targets shuffled and the gates exchanged among the channels: what it
    recommends is noise, and explanations that stay the same explain no model (Adebayo et al., Sanity checks for
    saliency maps, NeurIPS 2018)."""
    rng = np.random.default_rng(seed)
    channels = []
    for channel in world.flow.channels:
        if channel.kind != "literal":
            last: Any = channel.factors[-1]
            shuffled = last[:, rng.permutation(last.shape[1])]
            channel = replace(channel, factors=(*channel.factors[:-1], shuffled))
        channels.append(channel)
    gates = []
    for one in world.flow.gates:
        names = list(one.by_channel)
        given = dict(zip(names, (one.by_channel[names[at]] for at in rng.permutation(len(names)))))
        gates.append(replace(one, by_channel=given))
    flow: Flow = replace(world.flow, channels=tuple(channels), gates=tuple(gates))
    return World(world.name, world.snapshot, flow, world.text, world.kg)


def _moved(channel: Channel, items: NDArray[np.int64]) -> Channel:
    def order(ids: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
        """Where each new place comes from, and the ids there."""
        if ids is None:
            return np.argsort(items), None
        new = items[ids]
        by = np.argsort(new)
        return by, new[by]

    rows, sources = order(channel.sources)
    columns, targets = order(channel.targets)
    factors: list[Any] = list(channel.factors)
    factors[0] = factors[0][rows]
    factors[-1] = factors[-1][:, columns]
    if channel.name in INNER:
        inner = rows if INNER[channel.name] == "sources" else columns
        factors[0], factors[1] = factors[0][:, inner], factors[1][inner]
    return replace(channel, factors=tuple(factors), sources=sources, targets=targets)


def _snapshot(snapshot: Snapshot, places: Places) -> Snapshot:
    def moved(kinds: pl.Series, ids: pl.Series) -> NDArray[np.int64]:
        found = ids.to_numpy().copy()
        for kind, new in places.items():
            some = (kinds == kind).to_numpy()
            found[some] = new[found[some]]
        return found

    nodes, edges, pairs = snapshot.nodes, snapshot.edges, snapshot.interactions
    nodes = nodes.with_columns(id=pl.Series(moved(nodes["type"], nodes["id"]))).sort("type", "id")
    edges = edges.with_columns(
        **{side: pl.Series(moved(edges[f"{side}_type"], edges[side])) for side in ("source", "target")}
    )
    items = places[snapshot.item_type][pairs["item"].to_numpy()]
    return replace(
        snapshot,
        nodes=nodes,
        edges=edges.sort(edges.columns),
        interactions=pairs.with_columns(item=pl.Series(items)).sort("user", "item"),
    )


def _features(features: Features, places: Places) -> Features:
    found: Features = {}
    for kind, (matrix, mask) in features.items():
        back = np.argsort(places[kind]) if kind in places else np.arange(len(matrix))
        found[kind] = matrix[back], mask[back]
    return found
