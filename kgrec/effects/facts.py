"""The edges of the knowledge graph, found by their ends."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgrec.dataset.numbering import numbered
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.lookup import name_of
from kgrec.errors import UserError
from kgrec.flow.hops import Node

ENDS = ["source_type", "source", "relation", "target_type", "target"]
NODES = 10_000
"""Nodes whose edges are remembered."""


class Facts:
    """The distinct edges of a snapshot.

    Args:
        snapshot: whose edges.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        # edges are sorted: what several sources tell stands together
        ends = snapshot.edges.select(ENDS)
        new = pl.any_horizontal(pl.col(one) != pl.col(one).shift() for one in ENDS)
        self.frame = ends.filter(new.fill_null(value=True))
        self._offsets = {kind: int(start) for kind, start in snapshot.offsets.items()}
        self._known = lru_cache(NODES)(self._edges_of)

    def __len__(self) -> int:
        return len(self.frame)

    def __contains__(self, fact: Fact) -> bool:
        return fact in self.of_node(fact.source)

    def of_node(self, node: Node, relation: str | None = None) -> frozenset[Fact]:
        """All edges that begin or end there, of one relation if that is given."""
        return self._known(node, relation)

    def _edges_of(self, node: Node, relation: str | None) -> frozenset[Fact]:
        position = self._offsets[node[0]] + node[1]
        ranges = (np.searchsorted(ends, [position, position + 1]) for ends, _ in self._by_end)
        rows = np.union1d(*(rows[slice(*part)] for part, (_, rows) in zip(ranges, self._by_end, strict=True)))
        if relation is not None:
            code = self._relations.index(relation) if relation in self._relations else -1
            rows = rows[self._coded[0][1, rows] == code]
        return self._facts(rows)

    def of_relation(self, name: str) -> frozenset[Fact]:
        """All edges of one relation."""
        return self._facts(np.flatnonzero((self.frame["relation"] == name).to_numpy()))

    def types_of(self, relation: str) -> frozenset[tuple[str, str]]:
        """Types of source and target that edges of a relation join."""
        same = self.frame.filter(pl.col("relation") == relation)
        return frozenset(same.select("source_type", "target_type").unique().iter_rows())

    def told(self, fact: Fact) -> str:
        """An edge as it can be written: ``Type/name,relation,Type/name``."""
        ends = name_of(self._snapshot, fact.source), fact.relation, name_of(self._snapshot, fact.target)
        return ",".join(map(quoted, ends))

    def between(self, one: Node, relation: str, other: Node, outward: bool) -> Fact:
        """The edge that a hop walks: from ``one`` to ``other`` where ``outward``, else the other way round."""
        return Fact(one, relation, other) if outward else Fact(other, relation, one)

    def check(self, drop: Iterable[Fact], add: Iterable[Fact]) -> None:
        """Refuses to take away what is not there, and to add what is.

        Raises:
            UserError: names the edge.
        """
        for fact in drop:
            if fact not in self:
                raise UserError("there is no such edge to take away", value=self.told(fact))
        for fact in add:
            if fact in self:
                raise UserError("this edge is in the graph already", value=self.told(fact))

    def _facts(self, rows: NDArray[np.int64]) -> frozenset[Fact]:
        codes, ids = self._coded
        names = (
            [name[code] for code in codes[column][rows].tolist()]
            for column, name in ((0, self._types), (1, self._relations), (2, self._types))
        )
        ends = (ids[side][rows].tolist() for side in (0, 1))
        return frozenset(
            Fact((a, b), r, (c, d)) for (a, r, c), b, d in zip(zip(*names, strict=True), *ends, strict=True)
        )

    @cached_property
    def _types(self) -> list[str]:
        return sorted(self._offsets)

    @cached_property
    def _relations(self) -> list[str]:
        return sorted(self.frame["relation"].unique().to_list())

    @cached_property
    def _coded(self) -> tuple[NDArray[np.uint16], NDArray[np.int64]]:
        """Of every edge source type, relation and target type by number, ``[3, edges]``, and ids of its ends,
        ``[2, edges]``: rows of a frame take longer to read than they take to use."""
        columns = (("source_type", self._types), ("relation", self._relations), ("target_type", self._types))
        codes = [
            numbered(self.frame[column], {name: n for n, name in enumerate(names)}).astype(np.uint16)
            for column, names in columns
        ]
        ids = np.stack([self.frame[side].to_numpy() for side in ("source", "target")]).astype(np.int64)
        return np.stack(codes), ids

    @cached_property
    def _by_end(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Of sources and of targets: stacked positions of every edge's, sorted, and the edges' rows."""
        found = []
        for ends in (self.positions("source"), self.positions("target")):
            order = np.argsort(ends, kind="stable")
            found.append((ends[order], order))
        return found

    def positions(self, side: Literal["source", "target"]) -> NDArray[np.int64]:
        """One end of every edge, by its position among all stacked types (``snapshot.offsets``)."""
        codes, ids = self._coded
        start = np.array([self._offsets[kind] for kind in self._types], dtype=np.int64)
        row, place = (0, 0) if side == "source" else (2, 1)
        return np.asarray(start[codes[row]] + ids[place])


def quoted(name: str) -> str:
    """A name as a part of a fact that is written with commas."""
    return '"' + name.replace('"', '""') + '"' if "," in name or name.startswith('"') else name


def check_edges(snapshot: Snapshot, facts: Facts, history: NDArray[np.int64], intervention: Intervention) -> None:
    """Refuses an intervention whose edges are not there to be taken away, or are there already.

    Args:
        snapshot: names the items.
        facts: its edges.
        history: items of the person.
        intervention: what is taken away and added.

    Raises:
        UserError: names the first of them.
    """
    had, items = set(history.tolist()), snapshot.of_type(snapshot.item_type)

    def label(item: int) -> str:
        row = items.row(item, named=True)
        return str(row["label"] or row["key"] or row["iri"])

    for item in sorted(intervention.drop_items - had):
        raise UserError("there is no such interaction to take away", value=label(item))
    for item in sorted(intervention.add_items & had):
        raise UserError("this interaction is in the history already", value=label(item))
    facts.check(sorted(intervention.drop_facts), sorted(intervention.add_facts))


def check_forms(facts: Facts, intervention: Intervention, model: str) -> None:
    """Refuses to add facts of a form that training had none of.

    Args:
        facts: of the training graph.
        intervention: what is taken away and added.
        model: name of the model, which weighs facts by their form.

    Raises:
        UserError: names the first of them.
    """
    for fact in sorted(intervention.add_facts):
        if (fact.source[0], fact.target[0]) not in facts.types_of(fact.relation):
            raise UserError(
                f"no fact of this form was in training: {model} has learned no weight for it",
                value=f"{fact.source[0]}, {fact.relation}, {fact.target[0]}",
            )
