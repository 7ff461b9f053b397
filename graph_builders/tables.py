"""The input of every builder: frozen tables of nodes and edges, numpy only.

An integer id is a node's position in the sorted vocabulary of its type, so a permuted input gives the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Vocabulary:
    """Sorted, duplicate-free names; the id of a name is its position.

    Raises:
        ValueError: the names are not strictly increasing.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        for left, right in zip(self.names, self.names[1:], strict=False):
            if left >= right:
                raise ValueError(f"expected strictly increasing names (got {left!r} before {right!r})")

    @classmethod
    def of(cls, names: Iterable[str]) -> Vocabulary:
        """Vocabulary of any iterable: sorted by code point, duplicates dropped."""
        return cls(tuple(sorted(set(names))))

    def __len__(self) -> int:
        return len(self.names)

    def index(self) -> dict[str, int]:
        """Name → id."""
        return {name: i for i, name in enumerate(self.names)}


@dataclass(frozen=True)
class NodeTable:
    """Nodes of one type.

    Attributes:
        type: node type name.
        num_nodes: how many.
        features: name → float32 matrix, shape ``[num_nodes, dim]``; rows without a value are zero.
        masks: feature name → bool vector, shape ``[num_nodes]``, true where the row has a value.
    """

    type: str
    num_nodes: int
    features: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    masks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class EdgeTable:
    """Directed edges of one (source type, relation, target type).

    Attributes:
        source_type, relation, target_type: the edge type.
        index: int64, shape ``[2, num_edges]``: row 0 source ids, row 1 target ids, each local to its node type.
    """

    source_type: str
    relation: str
    target_type: str
    index: NDArray[np.int64]

    @property
    def key(self) -> tuple[str, str, str]:
        return (self.source_type, self.relation, self.target_type)


@dataclass(frozen=True)
class GraphTables:
    """All node and edge tables of one graph, each sorted by its type.

    Raises:
        ValueError: a type occurs twice, an edge names an unknown type or an id out of range, or a feature matrix
            has the wrong number of rows.
    """

    nodes: tuple[NodeTable, ...]
    edges: tuple[EdgeTable, ...]

    def __post_init__(self) -> None:
        types = [table.type for table in self.nodes]
        if types != sorted(set(types)):
            raise ValueError(f"expected node types sorted and distinct (got {types})")
        keys = [table.key for table in self.edges]
        if keys != sorted(set(keys)):
            raise ValueError("expected edge types sorted and distinct")
        count = {table.type: table.num_nodes for table in self.nodes}
        for node in self.nodes:
            for name, matrix in node.features.items():
                if matrix.ndim != 2 or matrix.shape[0] != node.num_nodes:
                    raise ValueError(
                        f"feature {name!r} of {node.type!r}: expected {node.num_nodes} rows (got shape {matrix.shape})"
                    )
        for edge in self.edges:
            if edge.index.ndim != 2 or edge.index.shape[0] != 2:
                raise ValueError(f"{edge.key}: expected an index of shape [2, E] (got {edge.index.shape})")
            for row, kind in ((0, edge.source_type), (1, edge.target_type)):
                if kind not in count:
                    raise ValueError(f"{edge.key}: unknown node type {kind!r}")
                ids = edge.index[row]
                if ids.size and (ids.min() < 0 or ids.max() >= count[kind]):
                    raise ValueError(
                        f"{edge.key}: expected {kind} ids in [0, {count[kind]}) (got {ids.min()}..{ids.max()})"
                    )

    def num_nodes(self) -> dict[str, int]:
        """Node type → number of nodes, in the order of the types."""
        return {table.type: table.num_nodes for table in self.nodes}

    def offsets(self) -> dict[str, int]:
        """Node type → position of its first node when the types are stacked in order."""
        offsets, total = {}, 0
        for table in self.nodes:
            offsets[table.type] = total
            total += table.num_nodes
        return offsets
