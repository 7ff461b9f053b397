"""R-GCN's forward pass on DGL, with the parameters of the model that was trained on PyG's graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graph_builders.dgl_import import import_dgl
from kgrec.zoo.rgcn import RGCN

if TYPE_CHECKING:
    from dgl import DGLGraph


@torch.no_grad()
def vectors_on_dgl(model: RGCN, graph: DGLGraph) -> tuple[Tensor, Tensor]:
    """Vectors of all users ``[num_users, d]`` and items ``[num_items, d]``, by DGL's message passing.

    Each edge type sends ``W_r h`` and takes the mean, the types are summed: equation 2 as DGL writes it
    (``multi_update_all``), with dropout off.

    Args:
        model: gives parameters and input vectors.
        graph: of the tables that the model's graph was made from, by :func:`graph_builders.to_dgl`, with reverse edges.

    Raises:
        ImportError: DGL is not installed.
        ValueError: the graph's edge types are not the model's.
    """
    fn = import_dgl().function
    kinds, edge_types = model.edges.kinds, model.edges.edge_types
    if sorted(graph.canonical_etypes) != list(edge_types):
        raise ValueError(f"expected the edge types {list(edge_types)} (got {sorted(graph.canonical_etypes)})")
    nodes = dict(zip(kinds, torch.split_with_sizes(model.inputs(), list(model.edges.sizes)), strict=True))
    with graph.local_scope():
        for number, layer in enumerate(model.layers()):
            if number:
                nodes = {kind: rows.relu() for kind, rows in nodes.items()}
            passing = {}
            for position, (weight, edge_type) in enumerate(zip(layer.weights(), edge_types, strict=True)):
                graph.nodes[edge_type[0]].data[f"h{position}"] = nodes[edge_type[0]] @ weight
                passing[edge_type] = fn.copy_u(f"h{position}", "m"), fn.mean("m", "received")
            graph.multi_update_all(passing, "sum")
            own = {kind: layer.own(rows) for kind, rows in nodes.items()}
            # A type that no edge type leads to receives nothing.
            received = {kind: graph.nodes[kind].data.get("received", 0.0) for kind in kinds}
            nodes = {kind: own[kind] + received[kind] for kind in kinds}
    return nodes[kinds[0]], nodes[kinds[1]]
