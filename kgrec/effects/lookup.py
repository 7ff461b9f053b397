"""Nodes and relations by what people call them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

import polars as pl

from kgrec.config.iris import clean_key
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UnknownIdError, UserError
from kgrec.flow.hops import Node

T = TypeVar("T")
ITEM, LOOSEST = 2, 4
"""How loosely an item's id names it; and more than any node's rank."""
CHOICES = 6
"""Nodes and facts that a message names."""


def nodes_called(snapshot: Snapshot, wanted: str) -> dict[Node, int]:
    """Nodes that may be meant → how loosely they are named, from 0.

    By IRI, as ``Type/name``, by an item's id, then by any other id or label.

    Raises:
        UnknownIdError: there is none; names the nearest.
    """
    # no fact is about a user
    nodes, name = snapshot.nodes.filter(pl.col("type") != snapshot.user_type), clean_key(wanted)
    kind, _, key = name.partition("/")
    within = (pl.col("type") == kind) & ((pl.col("key") == key) | (pl.col("label") == key) | (pl.col("iri") == key))
    item = (pl.col("type") == snapshot.item_type) & (pl.col("key") == name)
    ways = [pl.col("iri") == name, within, item, (pl.col("key") == name) | (pl.col("label") == name)]
    found: dict[Node, int] = {}
    for how, way in enumerate(ways):
        for node_type, number in nodes.filter(way).select("type", "id").iter_rows():
            found.setdefault((node_type, number), how)
    if not found:
        what = "node"
        if kind in snapshot.num_nodes and kind != snapshot.user_type:
            nodes, name, what = nodes.filter(pl.col("type") == kind), key, kind
        ids = nodes.select(pl.coalesce("key", "label", "iri"), "label")
        labels = ids.drop_nulls("label").select("label", "key")
        raise UnknownIdError(what, name, ids["key"].unique(maintain_order=True), dict(labels.reverse().iter_rows()))
    return found


def only(found: Mapping[T, int], told: Callable[[T], str], problem: str, wanted: str) -> T:
    """The one that is named most strictly.

    Args:
        found: how loosely each is named; at least one.
        told: how one is written, so that no other is meant.
        problem: what is said where there are several; wanted: what was typed.

    Raises:
        UserError: there are several; says how each is written.
    """
    strictest = min(found.values())
    best = [one for one, rank in found.items() if rank == strictest]
    if len(best) > 1:
        some = [*sorted(map(told, best[:CHOICES])), *(["…"] if len(best) > CHOICES else [])]
        raise UserError(problem, value=wanted, remedy=f"say which: {'; '.join(some)}")
    return best[0]


def find_node(snapshot: Snapshot, wanted: str, *, items_first: bool = True) -> Node:
    """A node of the graph: by IRI, as ``Type/name``, by an item's id, by another id or label, the strictest of these.

    Args:
        snapshot: whose nodes.
        wanted: the name.
        items_first: whether an item's id comes before what others are called: "1980" may be a movie or a decade.

    Raises:
        UnknownIdError: there is none; names the nearest.
        UserError: there are several.
    """
    found = nodes_called(snapshot, wanted)
    if not items_first:
        found = {node: min(how, ITEM) for node, how in found.items()}
    return only(found, lambda node: name_of(snapshot, node), "several nodes have this name", wanted)


def name_of(snapshot: Snapshot, node: Node) -> str:
    """A node as messages tell it and as it can be written: ``Type/key``, or ``Type/label``, or its IRI."""
    kind, number = node
    row = snapshot.nodes.row(snapshot.offsets[kind] + number, named=True)
    name = row["key"] or row["label"]
    same = (pl.col("type") == kind) & ((pl.col("key") == name) | (pl.col("label") == name))
    return f"{kind}/{name}" if len(snapshot.nodes.filter(same)) == 1 else str(row["iri"])


def find_relation(snapshot: Snapshot, wanted: str) -> str:
    """A relation by name, IRI or label.

    Raises:
        UnknownIdError: there is none; names the nearest.
        UserError: several have this label.
    """
    name = clean_key(wanted)
    for column in ("name", "iri", "label"):
        hit = snapshot.relations.filter(pl.col(column) == name)["name"]
        if len(hit) == 1:
            return str(hit[0])
        if len(hit) > 1:
            raise UserError("several relations have this name", value=wanted, remedy=f"say which: {', '.join(hit)}")
    labels = snapshot.relations.drop_nulls("label").select("label", "name")
    raise UnknownIdError("relation", wanted, snapshot.relations["name"], dict(labels.reverse().iter_rows()))
