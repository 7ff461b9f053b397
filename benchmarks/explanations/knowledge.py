"""How much of what is explained is literal knowledge, along the dial and beside the shuffled graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks.explanations.world import BLOCK, World, draw_pairs
from kgrec.bench.controls import shuffled_graph, shuffled_vectors
from kgrec.explain.flow import FlowExplainer
from kgrec.explain.types import Explanation
from kgrec.flow.fit import fit_flow
from kgrec.flow.ndcg import ndcg10

DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)


def curve(world: World, count: int, seed: int, graph: str = "true") -> list[dict[str, Any]]:
    """Of so many pairs of the lists at each place of the dial: share of items whose strongest path goes over facts,
    one path by itself and all paths through one entity together; share of the score mass that such paths carry."""
    rows = []
    for knowledge in DIAL if world.flow.dial is not None else (0.0,):
        turned = replace(world, flow=world.flow.at_knowledge(knowledge), kept={})
        explainer = FlowExplainer(turned.snapshot, turned.scorer)
        found = [explainer.explain(user, item) for user, item in draw_pairs(turned, count, seed).tolist()]
        rows.append(
            {
                "dataset": world.name,
                "graph": graph,
                "knowledge": knowledge,
                "pairs": len(found),
                "strongest_path": _mean([_strongest(one) for one in found]),
                "strongest_grouped": _mean([_grouped(one) for one in found]),
                "mass": _mean([one.knowledge or 0.0 for one in found]),
                "valid_ndcg@10": _ndcg(turned),
            }
        )
    return rows


def shuffled(world: World, seed: int) -> World:
    """The world whose items have exchanged their facts, and the model fitted to it."""
    snapshot = shuffled_graph(world.snapshot)
    kg = None if world.kg is None else shuffled_vectors(world.snapshot, world.kg)
    flow = fit_flow(snapshot, world.flow.config, text=world.text, kg=kg, seed=seed)
    return World(world.name, snapshot, flow, world.text, kg)


def _ndcg(world: World) -> float:
    """NDCG@10 on the validation part, all candidates ranked."""
    hidden, train, parts = world.snapshot.matrix("valid"), world.effects.train, []
    users = np.flatnonzero(np.diff(hidden.indptr) * np.diff(train.indptr))
    for start in range(0, len(users), BLOCK):
        some = users[start : start + BLOCK]
        scores = world.scorer.score(train[some], some)
        scores[:, ~world.candidates] = -np.inf
        parts.append(ndcg10(scores, train[some], hidden[some]))
    return round(float(np.concatenate(parts).mean()), 4)


def _facts(path: Any) -> bool:
    return any(hop.kind == "fact" for hop in path.relations)


def _strongest(found: Explanation) -> bool:
    return bool(found.paths) and _facts(found.paths[0])


def _grouped(found: Explanation) -> bool:
    """Whether no other path is as heavy as all those through the first entity."""
    others = [abs(path.weight) for path in found.paths if not _facts(path)]
    return bool(found.entities) and abs(found.entities[0].weight) > max(others, default=0.0)


def _mean(values: list[Any]) -> float:
    return round(float(np.mean(values)), 4) if values else float("nan")
