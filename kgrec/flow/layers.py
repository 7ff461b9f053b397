"""The flow as message passing on the graph of :func:`kgrec.flow.graph.flow_to_hetero`.

:class:`EdgeFlow`
    item → … → item: the histories of a batch of users are the items' features, ``[items, batch]``, and are carried
    along the channel's edges.
:class:`LowRankFlow`
    entity → item → user: features of the last nodes before a product over few dimensions are carried back to the items,
    from there to the users over the edges of their histories; the score is the inner product with the items' own.

Both are PyG's :class:`~torch_geometric.nn.SimpleConv`, ``x'_t = Σ_{s→t} w_st x_s``, over and over.  :class:`FlowLayers`
adds them up with the gates and the prior, and gives the scores of :class:`~kgrec.flow.model.FlowScorer`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor, nn
from torch_geometric.data import HeteroData
from torch_geometric.nn import SimpleConv

from kgrec.flow.graph import SOURCE, TARGET
from kgrec.flow.model import Flow
from kgrec.flow.recency import weigh
from kgrec.models.sparse import sparse_notes_off

NARROW = 1024
"""Entities of a literal channel up to which it is a low-rank one, with a dimension for each entity."""

State = dict[tuple[str, str], Tensor]
"""(Node type, tag of the link over which it came) → features ``[num_nodes, d]``."""


@dataclass(frozen=True)
class Link:
    """The edges of one edge type, to be walked both ways.

    Attributes:
        source, target: node type and tag.
        sizes: number of source and of target nodes.
        ahead, back: what SimpleConv takes for each direction: edge index and weight, or a sparse matrix and None.
    """

    source: tuple[str, str]
    target: tuple[str, str]
    sizes: tuple[int, int]
    ahead: tuple[Tensor, Tensor | None]
    back: tuple[Tensor, Tensor | None]


class _Channel(nn.Module):
    """Shared by both forms: the links of a channel, step by step."""

    def __init__(self, data: HeteroData, channel: str, item_type: str, fused: bool) -> None:
        super().__init__()
        self.conv = SimpleConv()
        self.items = (item_type, "")
        self.num_items = int(data[item_type].num_nodes)
        stores = [data[key] for key in data.edge_types if data[key].get("channel") == channel]
        count = 1 + max((store.step for store in stores), default=-1)
        self.steps = [[_link(data, store, fused) for store in stores if store.step == step] for step in range(count)]

    def walk(self, state: State, links: list[Link], back: bool = False) -> State:
        """One step: what each link carries on, added up for each node type and tag."""
        found: State = {}
        for link in links:
            start, end = (link.target, link.source) if back else (link.source, link.target)
            if start in state:
                size = link.sizes[::-1] if back else link.sizes
                edges, weight = link.back if back else link.ahead
                carried = self.conv((state[start], None), edges, weight, size)
                found[end] = found[end] + carried if end in found else carried
        return found


class EdgeFlow(_Channel):
    """A channel that is edges from end to end."""

    def forward(self, index: Tensor, weight: Tensor, batch: int) -> Tensor:
        """``H W``.

        Args:
            index: item and row of every entry of the histories, int64 ``[2, E]``.
            weight: its value, ``[E]``.
            batch: number of rows.

        Returns:
            ``[batch, num_items]``.
        """
        signal = torch.zeros(self.num_items, batch, dtype=weight.dtype, device=weight.device)
        signal[index[0], index[1]] = weight
        state = {self.items: signal}
        for links in self.steps:
            state = self.walk(state, links)
        return state.get(self.items, torch.zeros_like(signal)).T


class LowRankFlow(_Channel):
    """A channel over few dimensions.

    Attributes:
        source: what an item brings into a user's vector, ``[num_items, d]``.
        target: the items' own vectors, ``[num_items, d]``.
    """

    source: Tensor
    target: Tensor

    def __init__(self, data: HeteroData, channel: str, item_type: str, fused: bool) -> None:
        super().__init__(data, channel, item_type, fused)
        given: State = {}
        for kind in data.node_types:
            for name in data[kind].keys():  # noqa: SIM118 - a store is no mapping
                if name.startswith(channel + SOURCE):
                    given[kind, name.removeprefix(channel + SOURCE)] = data[kind][name]
        onward = self.steps
        if given:
            target = data[item_type][channel + TARGET]
        else:
            # a dimension for each entity, whose features are one-hot
            onward, last = self.steps[:1], self.steps[1]
            sizes = {link.target: link.sizes[1] for link in onward[0]}
            one_hot = torch.eye(sum(sizes.values()), device=onward[0][0].ahead[0].device)
            given = dict(zip(sizes, torch.split(one_hot, list(sizes.values()))))
            target = self.walk(given, last)[self.items]
        for links in reversed(onward):
            given = self.walk(given, links, back=True)
        self.register_buffer("source", given[self.items], persistent=False)
        self.register_buffer("target", target, persistent=False)

    def forward(self, index: Tensor, weight: Tensor, batch: int) -> Tensor:
        """As :meth:`EdgeFlow.forward`."""
        users = self.conv((self.source, None), index, weight, (self.num_items, batch))
        scores: Tensor = users @ self.target.T
        return scores


class FlowLayers(nn.Module):
    """A fitted flow on its graph: the same scores as :class:`~kgrec.flow.model.FlowScorer`.

    Everything lives on the device of ``data``.

    Args:
        flow: the model; of its channels only the gates are read, the rest is in the graph.
        data: what :func:`~kgrec.flow.graph.flow_to_hetero` made of it.
        item_type: node type of the items.
        fused: multiply with sparse matrices; False gathers and scatters a message an edge, which every PyG explainer
            understands and which costs ``[E, batch]`` numbers of memory.
    """

    prior: Tensor
    log_degree: Tensor

    def __init__(self, flow: Flow, data: HeteroData, item_type: str, fused: bool = True) -> None:
        super().__init__()
        self.flow = flow
        device = _device(data)
        self.channels = nn.ModuleList()
        for channel in flow.channels:
            form = LowRankFlow if _is_low_rank(data, channel.name) else EdgeFlow
            self.channels.append(form(data, channel.name, item_type, fused))
        features = flow.catalogue.features
        prior = sum(one.scale * (np.asarray(one.prior) @ features) for one in flow.gates)
        self.register_buffer("prior", torch.tensor(prior, dtype=torch.float32, device=device), persistent=False)
        self.register_buffer("log_degree", torch.tensor(flow.catalogue.log_degree, device=device), persistent=False)

    def forward(self, histories: sp.csr_array, times: sp.csr_array | None = None) -> Tensor:
        """Scores of all items, float32 ``[batch, num_items]``.

        Args:
            histories: CSR ``[batch, num_items]``.
            times: of the same users, as :func:`~kgrec.flow.recency.weigh` takes them; None where unknown.
        """
        device, batch = self.prior.device, histories.shape[0]
        index = torch.tensor(np.stack(sp.coo_array(histories).coords[::-1]), dtype=torch.int64, device=device)
        log_size = torch.tensor(np.log1p(np.diff(histories.indptr)), device=device)
        total = self.prior.repeat(batch, 1)
        for channel, layer in zip(self.flow.channels, self.channels):
            gates = [(one.scale, one.by_channel[channel.name]) for one in self.flow.gates]
            for power in sorted({gate.recency for _, gate in gates if gate.strength}):
                weight = torch.tensor(weigh(histories, times, power).data, dtype=torch.float32, device=device)
                factor = torch.zeros(batch, len(self.log_degree), dtype=torch.float64, device=device)
                for scale, gate in gates:
                    if gate.recency == power:
                        left = scale * gate.strength * torch.exp(gate.user_power * log_size)
                        factor += left[:, None] * torch.exp(gate.item_power * self.log_degree)
                total = total + factor.float() * layer(index, weight, batch)
        return total


def _is_low_rank(data: HeteroData, channel: str) -> bool:
    """Whether it ends in latent dimensions, or runs over few entities."""
    if any(name.startswith(channel + SOURCE) for kind in data.node_types for name in data[kind].keys()):  # noqa: SIM118
        return True
    keys = [key for key in data.edge_types if data[key].get("channel") == channel]
    middle = {(key[2], data[key].leaves) for key in keys if data[key].step == 0}
    literal = all(tag for _, tag in middle) and max((data[key].step for key in keys), default=0) == 1
    return literal and sum(data[kind].num_nodes for kind, _ in middle) <= NARROW


def _device(data: HeteroData) -> torch.device:
    return next(
        (data[key].edge_index.device for key in data.edge_types if "edge_index" in data[key]), torch.device("cpu")
    )


def _link(data: HeteroData, store: Any, fused: bool) -> Link:
    source, _, target = store._key
    sizes = (int(data[source].num_nodes), int(data[target].num_nodes))
    index, weight = store.edge_index, store.edge_weight
    ahead: tuple[Tensor, Tensor | None] = (index, weight)
    back: tuple[Tensor, Tensor | None] = (index.flip(0), weight)
    if fused:
        ahead, back = (_csr(index.flip(0), weight, sizes[::-1]), None), (_csr(index, weight, sizes), None)
    return Link((source, store.enters), (target, store.leaves), sizes, ahead, back)


def _csr(index: Tensor, weight: Tensor, size: tuple[int, ...]) -> Tensor:
    with sparse_notes_off():
        return torch.sparse_coo_tensor(index, weight, size).coalesce().to_sparse_csr()
