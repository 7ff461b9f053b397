from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.nn import HGTConv

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.zoo import fit_zoo
from kgrec.zoo.data import ZooData
from kgrec.zoo.edge_attention import EdgeAttention
from kgrec.zoo.hgt import HGT, HGTConfig, HGTLayer


def model_of(snapshot: Snapshot) -> HGT:
    torch.manual_seed(0)
    model = HGT(ZooData.of(snapshot), HGTConfig(dim=6, heads=2)).eval()
    with torch.no_grad():
        for name, part in model.named_parameters():
            if name.endswith(("prior", "skip")):
                part.copy_(torch.rand(part.shape) + 0.5)
    return model


def of_pyg(layer: HGTLayer, model: HGT, nodes: Tensor) -> Tensor:
    """PyG's operator with the layer's parameters on the same graph."""
    graph, edges = model.data.hetero(), model.edges
    other = HGTConv(6, 6, (list(edges.kinds), list(edges.edge_types)), heads=2)
    with torch.no_grad():
        for number, kind in enumerate(edges.kinds):
            joint = [layer.key[number], layer.query[number], layer.message[number]]
            other.kqv_lin.lins[kind].weight.copy_(torch.cat([part.weight for part in joint]))
            other.kqv_lin.lins[kind].bias.copy_(torch.cat([part.bias for part in joint]))
            other.out_lin.lins[kind].weight.copy_(layer.update[number].weight)
            other.out_lin.lins[kind].bias.copy_(layer.update[number].bias)
            other.skip[kind].copy_(layer.skip[number : number + 1])
        # PyG's per-relation matrices stand edge type by edge type within a head.
        order = [relation * 2 + head for head in range(2) for relation in range(len(edges.edge_types))]
        other.k_rel.weight.copy_(layer.key_of[order])
        other.v_rel.weight.copy_(layer.message_of[order])
        for number, edge_type in enumerate(edges.edge_types):
            other.p_rel["__".join(edge_type)].copy_(layer.prior[number][None])
    rows = dict(zip(edges.kinds, torch.split_with_sizes(nodes, list(edges.sizes))))
    index = {key: graph[key].edge_index for key in edges.edge_types}
    return torch.cat([other(rows, index)[kind] for kind in edges.kinds])


def test_a_layer_is_that_of_pyg(tiny: Snapshot) -> None:
    model = model_of(tiny)
    nodes = torch.randn(model.edges.num_nodes, 6)
    expected = of_pyg(model.convolutions[0], model, nodes)  # type: ignore[arg-type]
    torch.testing.assert_close(model.convolutions[0](nodes), expected)
    assert expected.std() > 0.1


def test_attention_against_a_dense_softmax() -> None:
    """Parallel edges, a target without edges, large logits; values and all gradients."""
    rng = np.random.default_rng(0)
    target = np.sort(rng.integers(1, 6, size=40))
    row = np.concatenate([np.sort(rng.integers(0, 7, size=int(n))) for n in np.bincount(target)[1:]])
    attention = EdgeAttention(target, row, 6, 7)
    shapes = (6, 4), (7, 4), (7, 3)
    drawn = [torch.from_numpy(20 * rng.standard_normal(shape)).requires_grad_() for shape in shapes]
    copies = [part.detach().clone().requires_grad_() for part in drawn]
    got = attention(*drawn)
    query, key, value = copies
    logits = (query[target] * key[row]).sum(1)
    expected = torch.stack(
        [
            (logits[target == n].softmax(0)[:, None] * value[row[target == n]]).sum(0)
            if (target == n).any()
            else torch.zeros(3, dtype=torch.float64)
            for n in range(6)
        ]
    )
    torch.testing.assert_close(got, expected)
    weights = torch.from_numpy(rng.standard_normal((6, 3)))
    (got * weights).sum().backward()
    (expected * weights).sum().backward()
    for one, two in zip(drawn, copies, strict=True):
        torch.testing.assert_close(one.grad, two.grad)
    assert not got[0].any()


def test_heads_divide_the_dimension(planted: Snapshot) -> None:
    with pytest.raises(RecipeError, match="dim must be a multiple of heads"):
        fit_zoo("HGT", planted, {"dim": 7, "heads": 2})
