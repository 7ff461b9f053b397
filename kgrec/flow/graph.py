"""A fitted flow as a heterogeneous graph: every channel is one or more edge types of a PyG HeteroData.

The factors of a channel are edges between what stands on their two sides: items, users, nodes of the knowledge graph::

    (Item, "ease|0", Item)                             one factor between items
    (Item, "rp3|0", User), (User, "rp3|1", Item)       over the users who hold both
    (Item, "kg:genre|0|genre>", Genre),                over links of a relation, here one that leaves the items,
    (Genre, "kg:genre|1|genre>", Item)                 and back to the items

A product over latent dimensions is no set of edges: it becomes a feature of the nodes before it
(``data["Item"]["low|source|"]``) and one of the items after it (``data["Item"]["low|target|"]``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from graph_builders import to_hetero_data
from graph_builders.hetero import validate
from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.channel import Channel, Factor
from kgrec.flow.hops import Stop
from kgrec.flow.model import Flow
from kgrec.flow.part import Part
from kgrec.flow.registry import chosen

if TYPE_CHECKING:
    from torch_geometric.data import HeteroData

SOURCE, TARGET = "|source|", "|target|"
"""Stand between a channel's name and a tag in the names of its features."""
BLOCK = 1024

Station = tuple[Stop, ...] | None
"""What stands between two factors; None for latent dimensions."""


def flow_to_hetero(flow: Flow, snapshot: Snapshot, top_m: int | None = None) -> HeteroData:
    """The snapshot's graph (nodes, knowledge-graph edges, training interactions) with the channels as edge types.

    An edge type of a channel has ``edge_index`` int64 ``[2, E]``, ``edge_weight`` float32 ``[E]`` and says where it
    belongs: ``channel``, ``step`` (which factor), ``enters`` and ``leaves`` (tag of the link over which the state that
    it reads came, and that it makes: what came in over ``genre>`` goes on over ``genre>`` and is not mixed with what
    came to the same nodes over another link).

    Args:
        flow: a fitted model.
        snapshot: what it was fitted on.
        top_m: of a learned channel's edges into an item keep so many, the largest by absolute weight; None keeps all,
            which for a dense channel is as many as items squared.

    Raises:
        ValueError: ``top_m`` is less than 1.
    """
    import torch

    if top_m is not None and top_m < 1:
        raise ValueError(f"expected top_m of at least 1 (got {top_m})")
    part = Part.of(snapshot)
    data = to_hetero_data(snapshot.graph_tables(), reverse=False)
    builders = {one.name: one for one in chosen((), ())}
    for channel in flow.channels:
        stations = _stations(channel, part, builders[channel.family].between(channel, part))
        for stop in (stop for station in stations for stop in station or ()):
            if stop.node_type not in data.node_types:
                data[stop.node_type].num_nodes = len(stop.nodes)
        latent = stations.index(None) if None in stations else len(stations)
        for step in range(min(latent - 1, len(channel.factors))):
            for first in stations[step] or ():
                for second in stations[step + 1] or ():
                    learned = channel.kind == "learned" and first.node_type == second.node_type == part.item_type
                    index, weight = _edges(channel.factors[step], first, second, top_m if learned else None)
                    store = data[first.node_type, _relation(channel, step, first, second), second.node_type]
                    store.edge_index, store.edge_weight = torch.from_numpy(index), torch.from_numpy(weight)
                    store.channel, store.step = channel.name, step
                    store.enters, store.leaves = tag(first), tag(second)
        if latent < len(stations):
            left, right = channel.factors[latent - 1], channel.factors[latent:]
            target: Any = right[-1].T
            for factor in reversed(right[:-1]):
                target = target @ factor.T
            sides = ((left, SOURCE, stations[latent - 1]), (target, TARGET, stations[-1]))
            for matrix, side, station in sides:
                for stop in station or ():
                    feature = np.zeros((data[stop.node_type].num_nodes, matrix.shape[1]), dtype=np.float32)
                    feature[stop.nodes] = matrix[stop.places]
                    data[stop.node_type][channel.name + side + tag(stop)] = torch.from_numpy(feature)
    validate(data)
    return data


def tag(stop: Stop) -> str:
    """The link over which nodes are reached: ``genre>``, ``<made``; empty where it is none."""
    if not stop.relation:
        return ""
    return f"{stop.relation}>" if stop.outward else f"<{stop.relation}"


def _relation(channel: Channel, step: int, first: Stop, second: Stop) -> str:
    return "|".join([channel.name, str(step), *filter(None, (tag(first), tag(second)))])


def _stations(channel: Channel, part: Part, between: tuple[Station, ...]) -> list[Station]:
    """What stands before, between and after the factors.

    Dimensions that stand for nothing are latent between two dense factors; where one of the two is sparse, they are
    nodes of a type of their own.
    """
    stations: list[Station] = [_items(part, channel.sources)]
    for place, (station, left, right) in enumerate(zip(between, channel.factors, channel.factors[1:])):
        if station is None and (sp.issparse(left) or sp.issparse(right)):
            inner = np.arange(right.shape[0])
            station = (Stop(f"{channel.name}|{place}", inner, inner),)
        stations.append(station)
    return [*stations, _items(part, channel.targets)]


def _items(part: Part, ids: NDArray[np.int64] | None) -> Station:
    nodes = np.arange(part.num_items) if ids is None else np.asarray(ids)
    return (Stop(part.item_type, nodes, np.arange(len(nodes))),)


def _edges(
    factor: Factor, first: Stop, second: Stop, top_m: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Entries of a factor that are not zero, as edges between node ids, by target: index ``[2, E]``, weight ``[E]``."""
    turned: Any = sp.csc_array(factor) if sp.issparse(factor) else factor
    found: list[tuple[Any, Any, Any]] = []
    for start in range(0, len(second.places), BLOCK):
        columns = second.places[start : start + BLOCK]
        block = sp.coo_array(turned[:, columns][first.places])
        row, column, weight = block.coords[0], block.coords[1], block.data
        order = np.lexsort((row, -np.abs(weight), column))
        place = np.arange(len(order)) - np.searchsorted(column[order], column[order])
        order = order[(weight[order] != 0) & (place < (top_m or len(order)))]
        order = order[np.lexsort((row[order], column[order]))]
        found.append((first.nodes[row[order]], second.nodes[start : start + BLOCK][column[order]], weight[order]))
    if not found:
        return np.empty((2, 0), dtype=np.int64), np.empty(0, dtype=np.float32)
    index = np.stack([np.concatenate([part[side] for part in found]) for side in (0, 1)])
    return index.astype(np.int64), np.concatenate([part[2] for part in found]).astype(np.float32)
