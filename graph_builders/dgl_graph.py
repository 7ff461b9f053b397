"""GraphTables → DGL's heterograph (optional extra ``dgl``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graph_builders.dgl_import import import_dgl
from graph_builders.hetero import to_hetero_data
from graph_builders.tables import GraphTables

if TYPE_CHECKING:
    from dgl import DGLGraph


def to_dgl(tables: GraphTables, reverse: bool = True) -> DGLGraph:
    """The graph as DGL takes it, with what :func:`~graph_builders.to_hetero_data` gives PyG; nothing is shared.

    ``graph.num_nodes(type)`` is the number of nodes; ``graph.nodes[type].data`` holds each feature under its name,
    float32 of shape ``[num_nodes, dim]``, and its mask, where the table has one, under ``<name>_mask``, bool of shape
    ``[num_nodes]``.  ``graph.edges(etype=(source, relation, target))`` are the edges' ends, int64 of shape
    ``[num_edges]`` each; parallel edges and self loops stay, an edge's id is its position in its table.

    Args:
        tables: the graph.
        reverse: with an edge type ``(target, "rev_<relation>", source)`` for each edge type: its edges turned round,
            in the same order.

    Raises:
        ImportError: DGL or PyTorch Geometric is not installed.
        ValueError: :func:`~graph_builders.to_hetero_data` finds fault, or there is no edge type: DGL has no graph
            without one.
    """
    dgl = import_dgl()
    import torch

    if not tables.edges:
        raise ValueError("expected at least one edge table: DGL has no graph without edge types (got none)")
    # By way of PyG's graph: features, masks and reverse edges are made and checked in one place.
    data = to_hetero_data(tables, reverse)
    edges = {key: (data[key].edge_index[0], data[key].edge_index[1]) for key in data.edge_types}
    counts = {kind: int(data[kind].num_nodes) for kind in data.node_types}
    graph = dgl.heterograph(edges, num_nodes_dict=counts, idtype=torch.int64)
    for kind in data.node_types:
        for name, value in data[kind].items():
            if isinstance(value, torch.Tensor):
                graph.nodes[kind].data[name] = value
    return graph
