"""What every model of the zoo is built from: training pairs, the knowledge graph as triples, node features.

Nothing of the validation or test part is in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_builders import EdgeTable, to_hetero_data
from kgrec.dataset.features import Features
from kgrec.dataset.numbering import numbered
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData


@dataclass(frozen=True, eq=False)
class ZooData:
    """Training data with integer ids.

    *Entities* are the nodes of all types but users, stacked: items first (entity id = item id), then the other types
    in sorted order.

    Attributes:
        snapshot: where it comes from; models read its training part only.
        users, items: training pairs, int64 ``[P]`` each, sorted by (user, item), distinct.
        triples: (head, relation, tail) of the knowledge graph between entities, int64 ``[E, 3]``, sorted, distinct;
            edges that touch a user are left out, as the papers have none.
        relations: names of the ``R`` relations, sorted.
        edge_types: (source type, relation, target type) of the knowledge graph, edges that touch a user included.
        text, kg: feature name ``text`` and ``kg``: node type → (matrix, mask), or None.
    """

    snapshot: Snapshot
    users: NDArray[np.int64]
    items: NDArray[np.int64]
    triples: NDArray[np.int64]
    relations: tuple[str, ...]
    edge_types: tuple[tuple[str, str, str], ...] = ()
    text: Features | None = None
    kg: Features | None = None

    @classmethod
    def of(
        cls,
        snapshot: Snapshot,
        text: Features | None = None,
        kg: Features | None = None,
        like: Snapshot | None = None,
    ) -> ZooData:
        """The snapshot's training data.

        Args:
            snapshot: nodes, edges, interactions.
            text, kg: node features.
            like: names the relations and edge types, where this snapshot is an edited form of that one: what has lost
                its last edge keeps its number.

        Raises:
            DataError: there are no training interactions, or a feature is not finite (names the node).
        """
        pairs = snapshot.pairs("train").select("user", "item").unique().sort("user", "item")
        if pairs.is_empty():
            raise DataError("there are no training interactions", remedy="see the recipe's split, threshold and k-core")
        for name, features in (("text", text), ("knowledge-graph", kg)):
            _check_finite(snapshot, name, features or {})
        start, total = {}, snapshot.num_items
        for kind, count in snapshot.num_nodes.items():
            if kind == snapshot.item_type:
                start[kind] = 0
            elif kind != snapshot.user_type:
                start[kind] = total
                total += count
        edges, named = (_between(one.edges, start) for one in (snapshot, like or snapshot))
        relations = tuple(named["relation"].unique().sort().to_list())
        edge_types = (like or snapshot).edges.select("source_type", "relation", "target_type").unique().sort(pl.all())
        columns = [
            edges["source"].to_numpy() + numbered(edges["source_type"], start),
            numbered(edges["relation"], {name: k for k, name in enumerate(relations)}),
            edges["target"].to_numpy() + numbered(edges["target_type"], start),
        ]
        triples = np.unique(np.stack(columns, axis=1), axis=0) if len(edges) else np.zeros((0, 3), dtype=np.int64)
        users, items = (pairs[column].to_numpy() for column in ("user", "item"))
        return cls(snapshot, users, items, triples, relations, tuple(edge_types.iter_rows()), text, kg)

    @property
    def num_users(self) -> int:
        return self.snapshot.num_users

    @property
    def num_items(self) -> int:
        return self.snapshot.num_items

    @property
    def num_entities(self) -> int:
        """Items and all other nodes that are no users."""
        return sum(self.snapshot.num_nodes.values()) - self.num_users

    @cached_property
    def interactions(self) -> sp.csr_array:
        """Binary user × item matrix of the training pairs: float32 CSR ``[num_users, num_items]``."""
        ones = np.ones(len(self.users), dtype=np.float32)
        return sp.csr_array((ones, (self.users, self.items)), shape=(self.num_users, self.num_items))

    def both_ways(self) -> NDArray[np.int64]:
        """Triples and their inverses: int64 ``[2E, 3]``; the inverse of relation ``r`` is ``R + r``."""
        inverse = self.triples[:, [2, 1, 0]] + np.array([0, len(self.relations), 0])
        return np.concatenate([self.triples, inverse])

    def hetero(self) -> HeteroData:
        """The training graph with reverse edges and the features ``text`` and ``kg`` (:mod:`graph_builders`)."""
        features: dict[str, dict[str, NDArray[np.float32]]] = {}
        masks: dict[str, dict[str, NDArray[np.bool_]]] = {}
        for name, source in (("text", self.text), ("kg", self.kg)):
            for kind, (matrix, mask) in (source or {}).items():
                features.setdefault(kind, {})[name] = matrix
                masks.setdefault(kind, {})[name] = mask
        tables = self.snapshot.graph_tables(features, masks)
        none = np.zeros((2, 0), dtype=np.int64)
        lost = [EdgeTable(*key, none) for key in set(self.edge_types) - {edge.key for edge in tables.edges}]
        edges = sorted((*tables.edges, *lost), key=lambda edge: edge.key)
        return to_hetero_data(replace(tables, edges=tuple(edges)))


def _between(edges: pl.DataFrame, kinds: Mapping[str, int]) -> pl.DataFrame:
    return edges.filter(pl.col("source_type").is_in(list(kinds)) & pl.col("target_type").is_in(list(kinds)))


def _check_finite(snapshot: Snapshot, name: str, features: Features) -> None:
    for kind, (matrix, _) in sorted(features.items()):
        bad = np.flatnonzero(~np.isfinite(matrix).all(axis=1))
        if bad.size:
            raise DataError(
                f"the {name} vector of a node holds NaN or infinity",
                value=snapshot.of_type(kind)["iri"][int(bad[0])],
                expected="finite numbers",
                remedy="make the vectors again",
            )
