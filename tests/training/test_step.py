"""What one training step sees: never the interactions that it is to predict."""

from __future__ import annotations

import math
from collections.abc import Callable

import polars as pl
import pytest
import torch

from graph_builders import to_hetero_data
from kgrec.config.recipe import ModelConfig, TrainingConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.models.registry import create_model
from kgrec.training.data import Interactions, Step, Steps
from kgrec.training.module import RecommenderModule
from kgrec.training.objectives import bpr, sampled_softmax

Make = Callable[..., Snapshot]


def module_of(snapshot: Snapshot, config: TrainingConfig) -> RecommenderModule:
    tables = snapshot.graph_tables()
    model = create_model(
        "linear",
        to_hetero_data(tables),
        ModelConfig.model_validate({"dim": 8, "layers": 3, "input": {"dropout": 0}}),
        user_type="User",
        item_type="Item",
        edge_types=tuple(table.key for table in tables.edges),
        interacts=("User", INTERACTS, "Item"),
        generator=torch.Generator().manual_seed(0),
    )
    with torch.no_grad():
        model.input.ids.mul_(20)  # so long that an edge more shows in the loss
    return RecommenderModule(model, config, None)


def step_of(snapshot: Snapshot, config: TrainingConfig) -> Step:
    users, items = snapshot.matrix("train").nonzero()
    return Steps(Interactions(users, items, snapshot.num_users, snapshot.num_items), config, 0)[0, 1]


def mean_loss(module: RecommenderModule, step: Step) -> float:
    """The step's loss with every edge of the module's graph in place."""
    with torch.no_grad():
        users, items = module.model()
        parts = (users[step["user"]], items)
        if module.config.loss == "bpr":
            total = bpr(*parts, step["row"], step["item"], step["negatives"], step["weight"])
        else:
            correction = math.log(len(items) / len(step["negatives"]))
            rest = (step["negatives"], step["known"], step["row"], step["item"], step["weight"], correction)
            total = sampled_softmax(*parts, *rest)
    return float(total) / len(step["item"])


@pytest.mark.parametrize("loss", ["sampled-softmax", "bpr"])
def test_a_positives_own_edge_is_not_in_its_users_input(planted: Make, loss: str) -> None:
    snapshot = planted()
    config = TrainingConfig.model_validate({"loss": loss, "batch_size": 50, "negatives": 12})
    step = step_of(snapshot, config)
    positives = {(int(u), int(i)) for u, i in zip(step["user"][step["row"]], step["item"], strict=True)}
    train = snapshot.pairs("train")
    assert 0 < len(positives) == len(step["removed"]) < len(train)
    left = train.filter(pl.Series([pair not in positives for pair in train.select("user", "item").iter_rows()]))
    # The order of the rows must not matter: the positions of the step's edges are those of the graph.
    shuffled = snapshot.interactions.sample(fraction=1, shuffle=True, seed=1)
    given, without = (
        module_of(Snapshot("User", "Item", snapshot.nodes, snapshot.relations, snapshot.edges, frame), config)
        for frame in (shuffled, left)
    )
    found = float(given.training_step(step, 0).detach())
    assert found == pytest.approx(mean_loss(without, step), rel=1e-5)
    assert found != pytest.approx(mean_loss(given, step), rel=1e-2)
