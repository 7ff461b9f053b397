"""GraphTables → PyTorch Geometric's HeteroData."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from graph_builders.tables import GraphTables

if TYPE_CHECKING:
    from torch import Tensor
    from torch_geometric.data import HeteroData

REVERSE = "rev_"
"""Stands before the relation's name in the type of reverse edges."""
MASK = "_mask"
"""Stands after a feature's name in the name of its mask."""


def to_hetero_data(tables: GraphTables, reverse: bool = True) -> HeteroData:
    """The graph as PyG takes it; nothing is shared with the tables.

    ``data[type].num_nodes`` is the number of nodes; each feature is an attribute of its name, float32 of shape
    ``[num_nodes, dim]`` (``data["Movie"].text``), its mask, where the table has one, bool of shape ``[num_nodes]``
    (``data["Movie"].text_mask``).  ``data[source, relation, target].edge_index`` is int64 of shape
    ``[2, num_edges]``; parallel edges and self loops stay, the order is that of the tables.

    Args:
        tables: the graph.
        reverse: with an edge type ``(target, "rev_<relation>", source)`` for each edge type: its edges turned round,
            in the same order.

    Raises:
        ValueError: a feature's name cannot be an attribute, a relation's name begins with ``rev_``, or
            :func:`validate` finds fault.
    """
    import torch
    from torch_geometric.data import HeteroData

    data = HeteroData()
    for node in tables.nodes:
        store = data[node.type]
        store.num_nodes = node.num_nodes
        for name, matrix in sorted(node.features.items()):
            if not name.isidentifier() or name == "num_nodes" or name.endswith((MASK, "_index")):
                raise ValueError(f"expected a feature name that can be an attribute of a node store (got {name!r})")
            store[name] = torch.tensor(np.asarray(matrix, dtype=np.float32))
        for name, mask in sorted(node.masks.items()):
            store[name + MASK] = torch.tensor(np.asarray(mask, dtype=np.bool_))
    for edge in tables.edges:
        if reverse and edge.relation.startswith(REVERSE):
            raise ValueError(f"expected relation names that do not begin with {REVERSE!r} (got {edge.relation!r})")
        index = torch.tensor(np.asarray(edge.index, dtype=np.int64))
        data[edge.key].edge_index = index
        if reverse:
            data[edge.target_type, REVERSE + edge.relation, edge.source_type].edge_index = index.flip(0).contiguous()
    validate(data)
    return data


def validate(data: HeteroData) -> None:
    """Checks a graph made by :func:`to_hetero_data`, or changed since.

    Raises:
        ValueError: an edge type's node type is missing; ``edge_index`` is not int64 of shape ``[2, num_edges]`` with
            ids in range; a feature is not finite float32 of shape ``[num_nodes, dim]``; a mask is not bool of shape
            ``[num_nodes]`` beside its feature; or reverse edges are not the edges turned round.
    """
    import torch

    for kind in data.node_types:
        store = data[kind]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Unable to accurately infer 'num_nodes'")
            count = store.num_nodes
        if count is None:
            raise ValueError(f"{kind!r}: expected num_nodes (got none)")
        for name, value in store.items():
            if not isinstance(value, torch.Tensor):
                continue
            what = f"{kind!r}.{name}"
            if name.endswith(MASK):
                if value.dtype != torch.bool or tuple(value.shape) != (count,):
                    raise ValueError(f"{what}: expected bool of shape [{count}] (got {_shape(value)})")
                if name.removesuffix(MASK) not in store:
                    raise ValueError(f"{what}: expected its feature beside it (got none)")
            elif value.dtype != torch.float32 or value.dim() != 2 or value.size(0) != count:
                raise ValueError(f"{what}: expected float32 of shape [{count}, dim] (got {_shape(value)})")
            elif not bool(torch.isfinite(value).all()):
                raise ValueError(f"{what}: expected finite values (got NaN or infinity)")
    for key in data.edge_types:
        source, relation, target = key
        index = data[key].edge_index
        if index.dtype != torch.int64 or index.dim() != 2 or index.size(0) != 2:
            raise ValueError(f"{key}: expected int64 of shape [2, num_edges] (got {_shape(index)})")
        for row, kind in enumerate((source, target)):
            if kind not in data.node_types:
                raise ValueError(f"{key}: expected a node type among {data.node_types} (got {kind!r})")
            count = data[kind].num_nodes
            if index.size(1) and (int(index[row].min()) < 0 or int(index[row].max()) >= count):
                low, high = int(index[row].min()), int(index[row].max())
                raise ValueError(f"{key}: expected {kind} ids in [0, {count}) (got {low}..{high})")
        forward = (target, relation.removeprefix(REVERSE), source)
        if relation.startswith(REVERSE) and (
            forward not in data.edge_types or not torch.equal(data[forward].edge_index.flip(0), index)
        ):
            raise ValueError(f"{key}: expected the edges of {forward} turned round (got others)")
    with warnings.catch_warnings():
        # A type without edges is no fault: users and items may stand alone, entities without the knowledge graph.
        warnings.filterwarnings("ignore", message="The node types .* are isolated")
        data.validate(raise_on_error=True)


def _shape(value: Tensor) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} of shape {list(value.shape)}"
