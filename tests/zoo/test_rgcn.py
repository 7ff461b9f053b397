from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from torch_geometric.nn import RGCNConv

from graph_builders import to_dgl
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo import fit_zoo
from kgrec.zoo.data import ZooData
from kgrec.zoo.rgcn import RGCN, RGCNConfig


def features(snapshot: Snapshot, seed: int, dim: int, kinds: tuple[str, ...]) -> Features:
    rng = np.random.default_rng(seed)
    found = {}
    for kind in kinds:
        count = snapshot.num_nodes[kind]
        found[kind] = rng.standard_normal((count, dim)).astype(np.float32), np.ones(count, dtype=np.bool_)
    return found


def scaled(rows: np.ndarray) -> np.ndarray:
    return rows / np.sqrt(np.square(rows).sum(1).mean())


def model_of(snapshot: Snapshot, **settings: object) -> RGCN:
    torch.manual_seed(0)
    data = ZooData.of(snapshot, features(snapshot, 1, 5, ("Item",)), features(snapshot, 2, 3, ("Item", "Maker", "Tag")))
    return RGCN(data, RGCNConfig(dim=6, bases=3, **settings)).eval()  # type: ignore[arg-type]


def test_layers_are_those_of_pyg(tiny: Snapshot) -> None:
    model = model_of(tiny)
    edges, (first, second) = model.edges, model.layers()
    index = torch.from_numpy(np.stack([edges.source, edges.target]))
    nodes = model.inputs().detach()
    outputs = []
    for layer in (first, second):
        other = RGCNConv(6, 6, len(edges.edge_types), num_bases=3)
        with torch.no_grad():
            other.weight.copy_(layer.basis)
            other.comp.copy_(layer.share)
            other.root.copy_(layer.own.weight.T)
            other.bias.copy_(layer.own.bias)
            outputs.append(other(nodes, index, torch.from_numpy(edges.relation)))
        nodes = outputs[-1].relu()
    torch.testing.assert_close(first(model.inputs()), outputs[0])
    users, items = model()
    torch.testing.assert_close(torch.cat([users, items]), outputs[1][:7])


def test_gradients_are_those_of_pyg(tiny: Snapshot) -> None:
    layer = model_of(tiny).layers()[0]
    edges = model_of(tiny).edges
    x = torch.randn(edges.num_nodes, 6, requires_grad=True)
    layer(x).square().sum().backward()
    other = RGCNConv(6, 6, len(edges.edge_types), num_bases=3)
    with torch.no_grad():
        for target, source in ((other.weight, layer.basis), (other.comp, layer.share), (other.bias, layer.own.bias)):
            target.copy_(source)
        other.root.copy_(layer.own.weight.T)
    y = x.detach().clone().requires_grad_()
    ends, kinds = torch.from_numpy(np.stack([edges.source, edges.target])), torch.from_numpy(edges.relation)
    other(y, ends, kinds).square().sum().backward()
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(layer.share.grad, other.comp.grad)


def test_the_input_is_the_sum_of_projected_features_and_ids(tiny: Snapshot) -> None:
    model = model_of(tiny)
    weights = {name: part.detach().numpy() for name, part in model.named_parameters()}
    text = features(tiny, 1, 5, ("Item",))["Item"][0]
    graph = features(tiny, 2, 3, ("Item", "Maker", "Tag"))
    rows = {
        name: part / np.sqrt(np.square(part).sum(1).mean()) for name, part in (("t", text), ("k", graph["Item"][0]))
    }
    item = weights["ids.1"] + rows["t"] @ weights["projections.text1.weight"].T
    item = item + rows["k"] @ weights["projections.kg1.weight"].T
    whole = model.inputs().detach().numpy()
    np.testing.assert_allclose(whole[:3], weights["ids.0"], rtol=1e-6)
    np.testing.assert_allclose(whole[3:7], item, rtol=1e-5, atol=1e-6)
    maker = scaled(graph["Maker"][0])
    np.testing.assert_allclose(whole[7:8], maker @ weights["projections.kg2.weight"].T, rtol=1e-5, atol=1e-6)
    assert not {"ids.2", "ids.3"} & set(weights)


@contextmanager
def hook(model: RGCN, calls: list[int]) -> Iterator[None]:
    handle = model.register_forward_hook(lambda *_: calls.append(1))
    yield
    handle.remove()


@pytest.mark.skipif(find_spec("dgl") is None, reason="the extra dgl is not installed")
def test_on_dgl_it_gives_the_same_scores(planted: Snapshot) -> None:
    from kgrec.zoo.dgl_rgcn import vectors_on_dgl

    text = features(planted, 3, 8, ("Item", "Taste"))
    for layers in (1, 2, 3):
        torch.manual_seed(layers)
        model = RGCN(ZooData.of(planted, text), RGCNConfig(dim=8, layers=layers)).eval()
        graph = to_dgl(planted.graph_tables())
        calls: list[int] = []
        with hook(model, calls):
            users, items = vectors_on_dgl(model, graph)
        # DGL passed the messages, not the model's own forward.
        assert not calls
        ours = model.scorer().score(planted.matrix("train"), np.arange(planted.num_users))
        np.testing.assert_allclose((users @ items.T).numpy(), ours, atol=1e-5)
        assert np.ptp(ours) > 0.01


@pytest.mark.skipif(find_spec("dgl") is None, reason="the extra dgl is not installed")
def test_a_dgl_graph_of_other_edge_types_is_refused(planted: Snapshot) -> None:
    from kgrec.zoo.dgl_rgcn import vectors_on_dgl

    model = RGCN(ZooData.of(planted), RGCNConfig(dim=8))
    with pytest.raises(ValueError, match=r"expected the edge types .*rev_of.* \(got "):
        vectors_on_dgl(model, to_dgl(planted.graph_tables(), reverse=False))


def test_features_reach_the_scores(planted: Snapshot) -> None:
    settings = {"dim": 8, "epochs": 2}
    plain = fit_zoo("R-GCN", planted, settings)
    told = fit_zoo("R-GCN", planted, settings, text=features(planted, 3, 8, ("Item",)))
    assert plain.history[-1]["loss"] != told.history[-1]["loss"]
