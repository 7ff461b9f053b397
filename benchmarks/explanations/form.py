"""What one masked pass costs over the model's whole PyG form, where nobody cuts the pair's edges out first."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.explanations.world import World
from kgrec.flow.graph import flow_to_hetero
from kgrec.flow.layers import FlowLayers

TOP, PASSES, EPOCHS = 100, 5, 100
"""Edges kept of a learned channel into an item; passes that are timed; passes of a GNNExplainer."""


def pass_over_form(world: World, user: int, item: int) -> dict[str, Any]:
    """Forward and backward of one pair to the weight of every edge of :func:`~kgrec.flow.graph.flow_to_hetero`.

    What runs over few dimensions is multiplied out when the layers are made, and is not in the time: a lower bound.
    """
    data = flow_to_hetero(world.flow, world.snapshot, top_m=TOP)
    weights = [data[key].edge_weight for key in data.edge_types if "edge_weight" in data[key]]
    layers = FlowLayers(world.flow, data, world.snapshot.item_type, fused=False)
    for weight in weights:
        weight.requires_grad_()
    history = world.person(user).history
    times = None if world.scorer.times is None else world.scorer.times[[user]]
    taken, used = [], []
    for _ in range(PASSES + 1):
        start, cpu = time.perf_counter(), time.process_time()
        loss = -layers(history, times).log_softmax(dim=-1)[0, item]
        loss.backward()
        taken.append(time.perf_counter() - start)
        used.append(time.process_time() - cpu)
    del layers, data
    ms, cpu_ms = (1000 * float(np.median(some[1:])) for some in (taken, used))
    return {
        "dataset": world.name,
        "edges": sum(len(weight) for weight in weights),
        "pass_ms": round(ms, 2),
        "pass_cpu_ms": round(cpu_ms, 2),
        "epochs": EPOCHS,
        "extrapolated_s": round(EPOCHS * ms / 1000, 2),
        "extrapolated_cpu_s": round(EPOCHS * cpu_ms / 1000, 2),
    }
