"""The flow as a PyG graph: the same scores by message passing, every literal edge one of the snapshot's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow import Flow, FlowConfig, fit_flow
from kgrec.flow.channel import Channel
from kgrec.flow.fit import catalogue
from kgrec.flow.gates import Gate, Gates
from kgrec.flow.graph import flow_to_hetero
from kgrec.flow.layers import FlowLayers, LowRankFlow
from kgrec.flow.part import Part, training_times

if TYPE_CHECKING:
    from conftest import World

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def gated(channels: Sequence[Channel], part: Part, config: FlowConfig) -> Flow:
    """Two folds with strengths, powers and recency of their own for every channel."""
    powers, gates = (0.0, 0.5, 1.0, 2.0), []
    for fold in range(2):
        by_channel = {}
        for n, one in enumerate(channels):
            spread = max(float(one.apply(part.train[:100]).std()), 1e-6)
            by_channel[one.name] = Gate(0.3 / spread, -0.2 * fold, 0.1 * (n % 3) - 0.1, powers[(n + fold) % 4])
        gates.append(Gates(by_channel, (0.2, -0.3, 0.1), 0.5 + fold))
    return Flow(tuple(channels), tuple(gates), catalogue(part), config, {}, 0)


@pytest.fixture(scope="module")
def flow(world: World) -> Flow:
    return gated(world.all_channels, world.part, world.config)


def agree(flow: Flow, snapshot: Snapshot, users: NDArray[np.int64], device: str = "cpu", fused: bool = True) -> None:
    """Message passing and matrices give the same scores: to 1e-5 of a score's size, which is about 1."""
    histories, times = snapshot.matrix("train")[users], training_times(snapshot)
    data = flow_to_hetero(flow, snapshot).to(device)
    layers = FlowLayers(flow, data, snapshot.item_type, fused=fused)
    found = layers(histories, None if times is None else times[users]).cpu().numpy()
    expected = flow.scorer(snapshot).score(histories, users)
    assert expected.std() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("fused", [True, False])
def test_message_passing_gives_the_scores(world: World, flow: Flow, device: str, fused: bool) -> None:
    agree(flow, world.snapshot, np.arange(0, 90, 7), device, fused)


def test_every_channel_alone_agrees(world: World, flow: Flow) -> None:
    forms = {}
    histories = world.part.train[:9]
    for channel in flow.channels:
        name = channel.name
        gates = tuple(replace(one, by_channel={name: one.by_channel[name]}) for one in flow.gates)
        alone = replace(flow, channels=(channel,), gates=gates)
        layers = FlowLayers(alone, flow_to_hetero(alone, world.snapshot), "Item")
        forms[name] = type(layers.channels[0])
        expected = alone.scorer(world.snapshot).score(histories)
        found = layers(histories).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    low_rank = {name for name, form in forms.items() if form is LowRankFlow}
    dense = {name for name in forms if name.split(":")[0] in ("low", "learned", "similar>low", "content")}
    assert low_rank == dense | {"kg:actor", "kg:genre", "kg:rest"}


def test_literal_channels_run_over_the_edges_of_the_graph(world: World, flow: Flow) -> None:
    data = flow_to_hetero(flow, world.snapshot)
    facts = {tuple(row[:5]) for row in world.snapshot.edges.iter_rows()}
    train = world.part.train.toarray() > 0
    seen: set[str] = set()
    for source, relation, target in data.edge_types:
        store = data[source, relation, target]
        channel = store.get("channel")
        if channel == "rp3":
            users, items = store.edge_index.flip(0) if store.step == 0 else store.edge_index
            assert train[users, items].all()
            assert store.edge_index.shape[1] == train.sum()
        elif channel is not None and channel.startswith("kg:"):
            link = store.leaves or store.enters
            seen.add(link)
            ends = store.edge_index if store.step == 0 else store.edge_index.flip(0)
            node_type = target if store.step == 0 else source
            for item, node in ends.T.tolist():
                if node_type == "Item" and item == node:
                    # the item stands for itself in the links of others
                    continue
                if link.endswith(">"):
                    assert ("Item", item, link[:-1], node_type, node) in facts
                else:
                    assert (node_type, node, link[1:], "Item", item) in facts
    assert seen == {"genre>", "actor>", "<made", "sequel>", "<sequel"}


def test_the_snapshots_own_graph_is_there(world: World, flow: Flow) -> None:
    data = flow_to_hetero(flow, world.snapshot)
    assert data["User", "interacts", "Item"].num_edges == world.part.train.nnz
    facts = sum(data[key].num_edges for key in data.edge_types if data[key].get("channel") is None)
    assert facts == world.part.train.nnz + len(world.snapshot.edges)


def test_top_m_keeps_the_strongest_edges_into_an_item(world: World, flow: Flow) -> None:
    channel = next(one for one in flow.channels if one.name == "ease")
    assert channel.sources is not None
    whole = np.asarray(channel.factors[0])
    data = flow_to_hetero(flow, world.snapshot, top_m=5)
    store = data["Item", "ease|0", "Item"]
    index, weight = store.edge_index.numpy(), store.edge_weight.numpy()
    for column, item in enumerate(channel.sources):
        into = index[1] == item
        strongest = np.argsort(-np.abs(whole[:, column]), kind="stable")[:5]
        assert sorted(index[0][into]) == sorted(channel.sources[strongest])
        np.testing.assert_array_equal(np.sort(weight[into]), np.sort(whole[strongest, column]))
    # what is literal stays whole
    assert data["Item", "rp3|0", "User"].num_edges == world.part.train.nnz
    assert data["Item", "kg|0", "Item"].num_edges == world.channels["kg"][0].factors[0].nnz
    with pytest.raises(ValueError, match="top_m"):
        flow_to_hetero(flow, world.snapshot, top_m=0)


def test_top_m_approaches_the_whole(world: World, flow: Flow) -> None:
    histories = world.part.train[:20]
    whole = flow.scorer(world.snapshot).score(histories)
    errors = [
        np.abs(
            FlowLayers(flow, flow_to_hetero(flow, world.snapshot, top_m=m), "Item")(histories).numpy() - whole
        ).mean()
        for m in (5, 25, 60)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-5


def test_empty_histories_get_the_prior(world: World, flow: Flow) -> None:
    layers = FlowLayers(flow, flow_to_hetero(flow, world.snapshot), "Item")
    empty = world.part.train[:2] * 0
    empty.eliminate_zeros()
    expected = np.stack([flow.scorer(world.snapshot).prior()] * 2)
    np.testing.assert_allclose(layers(empty).numpy(), expected, rtol=1e-6)


def test_a_channel_of_sparse_factors_over_nothing_literal_gets_nodes_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import scipy.sparse as sp

    from kgrec.flow.builder import Builder
    from kgrec.flow.channels import OWN
    from kgrec.flow.registry import builders

    class Blocks(Builder):
        name = "blocks"

        def build(self, part: Any, context: Any) -> tuple[Channel, ...]:
            rows = sp.csr_array((np.ones(60, np.float32), (np.arange(60), np.arange(60) % 7)), shape=(60, 7))
            return (Channel(self.name, "learned", (rows, sp.csr_array(rows.T))),)

        def hops(self, channel: Any, part: Any, source: int, target: int) -> list[Any]:
            return []

    monkeypatch.setattr("kgrec.flow.channels.OWN", (*OWN, Blocks))
    builders.cache_clear()
    try:
        config = world.config.model_copy(update={"channels": ("blocks", "rp3")})
        flow = fit_flow(world.snapshot, config)
        data = flow_to_hetero(flow, world.snapshot)
        assert data["blocks|0"].num_nodes == 7
        agree(flow, world.snapshot, np.arange(5))
    finally:
        monkeypatch.undo()
        builders.cache_clear()


REAL = Path(__file__).resolve().parents[3] / "shared/data"


def test_on_movielens(
    make_slice: Callable[..., Path], build_channels: Callable[..., Any], repository: Path, tmp_path: Path
) -> None:
    """MovieLens 100K where it lies beside the repository, a slice of the shipped data elsewhere."""
    import kgrec.pipeline.build as build_stage
    from kgrec.config import load_recipe
    from kgrec.progress import SILENT

    real = (REAL / "ml-100k").is_dir()
    path = repository / "recipes/ml-100k.toml" if real else make_slice(tmp_path)
    recipe, paths = load_recipe(path)
    data = REAL if real else paths.data
    for name in ("store", "snapshot"):
        (tmp_path / name).mkdir()
    build_stage.make_store(recipe, data, tmp_path / "store", SILENT)
    build_stage.make_snapshot(recipe, tmp_path / "store", tmp_path / "snapshot", SILENT)
    snapshot = Snapshot.open(tmp_path / "snapshot")
    config = FlowConfig(epochs=1, dim=16)
    part = Part.of(snapshot)
    channels = [one for made in build_channels(part, config).values() for one in made]
    assert len(channels) > 5
    users = np.arange(0, snapshot.num_users, max(1, snapshot.num_users // 40))
    agree(gated(channels, part, config), snapshot, users)
