"""Other people's explainers on the same model: attributions and learned masks over the twin's edges.

All explain the same output: the log-probability of the item among itself and the best of its list, softmax over their
scores.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.explain import CaptumExplainer, Explainer, GNNExplainer
from torch_geometric.explain.algorithm import ExplainerAlgorithm
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks
from torch_geometric.explain.config import ModelConfig

from benchmarks.explanations.edges import Candidates
from benchmarks.explanations.ours import Ranked
from benchmarks.explanations.twin import Twin, to_edges
from benchmarks.explanations.world import World

MODEL = ModelConfig(mode="multiclass_classification", task_level="graph", return_type="log_probs")


class OfPyG(Ranked):
    """An algorithm of torch_geometric.explain."""

    total = False
    """Whether importances of edges add up."""

    def algorithm(self) -> ExplainerAlgorithm:
        raise NotImplementedError

    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        twin = Twin(world, pair)
        explainer = Explainer(
            twin, self.algorithm(), explanation_type="phenomenon", edge_mask_type="object", model_config=MODEL
        )
        found = explainer(twin.x, twin.edge_index, target=torch.tensor([twin.target]))
        return to_edges(twin, pair, found.edge_mask.detach().numpy().astype(np.float64), self.total)


class Gradient(OfPyG):
    """Gradient × input (Shrikumar et al., Not just a black box, 2016)."""

    name = "gradient × input"
    total = True

    def algorithm(self) -> ExplainerAlgorithm:
        return CaptumExplainer("InputXGradient")


class Integrated(OfPyG):
    """Integrated Gradients (Sundararajan et al., Axiomatic attribution for deep networks, ICML 2017), from no edge to
    all, 50 steps."""

    name = "Integrated Gradients"
    total = True
    slow = True

    def algorithm(self) -> ExplainerAlgorithm:
        return CaptumExplainer("IntegratedGradients", n_steps=50)


class Masked(OfPyG):
    """GNNExplainer (Ying et al., NeurIPS 2019), 100 epochs.

    Args:
        rate: of learning; 0.01 is PyG's own.
    """

    slow = True

    def __init__(self, rate: float) -> None:
        self.name, self.rate = f"GNNExplainer, rate {rate:g}", rate

    def algorithm(self) -> ExplainerAlgorithm:
        return GNNExplainer(epochs=100, lr=self.rate)


class Paths(Ranked):
    """PaGE-Link's objective (Zhang et al., PaGE-Link: path-based graph neural network explanation for heterogeneous
    link prediction, WWW 2023): a mask that keeps the prediction, is large on the best paths and small elsewhere.

    ``-log p(item) - α mean of the mask on paths + β mean off paths``; the paths are the five from the user to the item
    of the least ``Σ -log mask + Σ log degree`` of the nodes between, found anew at each epoch: over an interaction and
    a learned hop, or an interaction and two facts.  Edges are taken path by path, then by mask.

    Args:
        rate: of learning.
    """

    slow = True
    epochs, best, alpha, beta = 50, 5, 1.0, 1.0

    def __init__(self, rate: float) -> None:
        self.name, self.rate = f"PaGE-Link's objective, rate {rate:g}", rate

    def importance(self, world: World, pair: Candidates) -> NDArray[np.float64]:
        twin = Twin(world, pair)
        edges = twin.edge_index.shape[1]
        paths, cost = self._paths(world, pair, twin)
        mask = torch.nn.Parameter(torch.randn(edges) * (2.0 / len(twin.x)) ** 0.5)
        optimiser = torch.optim.Adam([mask], lr=self.rate)
        for _ in range(self.epochs):
            optimiser.zero_grad()
            set_masks(twin, mask, twin.edge_index, apply_sigmoid=True)
            loss = -twin(twin.x, twin.edge_index)[0, twin.target]
            weight = mask.sigmoid()
            on = torch.zeros(edges, dtype=torch.bool)
            for path in self._best(weight.detach().numpy(), paths, cost):
                on[paths[path][paths[path] >= 0]] = True
            loss = loss - self.alpha * weight[on].mean()
            if not bool(on.all()):
                loss = loss + self.beta * weight[~on].mean()
            loss.backward()
            optimiser.step()
        clear_masks(twin)
        weight = mask.detach().sigmoid().numpy().astype(np.float64)
        importance = weight.copy()
        for place, path in enumerate(self._best(weight, paths, cost)):
            some = paths[path][paths[path] >= 0]
            # above every mask, earlier paths above later ones
            importance[some] = np.maximum(importance[some], 1.0 + self.best - place + 0.1 * weight[some])
        return to_edges(twin, pair, importance, total=False)

    def _paths(self, world: World, pair: Candidates, twin: Twin) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Every path's edges of the twin, filled up with -1: int64 ``[P, 3]``; and what its inner nodes cost."""
        h, held, x = twin.edges
        degree = np.log(np.maximum(world.flow.catalogue.degree[pair.history], 1.0))
        short = np.stack([np.arange(h), np.full(h, -1), np.full(h, -1)], axis=1)
        long = np.stack([twin.held[:, 0], h + np.arange(held), h + held + twin.held[:, 1]], axis=1)
        graph = world.effects.graph
        links = np.zeros(x) if graph is None else np.log(np.maximum(graph.links.degree[pair.links], 1.0))
        return (
            np.concatenate([short, long]).astype(np.int64),
            np.concatenate([degree, degree[twin.held[:, 0]] + links[twin.held[:, 1]]]),
        )

    def _best(
        self, weight: NDArray[np.float64], paths: NDArray[np.int64], cost: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        along = np.where(paths >= 0, -np.log(np.maximum(weight[paths], 1e-12)), 0.0).sum(axis=1)
        return np.argsort(along + cost, kind="stable")[: self.best]
