"""The Lightning module: one step's loss and the optimiser."""

from __future__ import annotations

import math
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from kgrec.config.recipe import TrainingConfig
from kgrec.models.linear import LinearPropagation
from kgrec.training.data import Step, processes
from kgrec.training.objectives import bpr, sampled_softmax
from kgrec.training.validation import Validation


class RecommenderModule(LightningModule):
    """Trains a model on positives that are out of the graph in their own step.

    Args:
        model: gives vectors of users and items.
        config: loss and optimiser.
        validation: measured after each epoch, by every process alike; None for no validation part.
    """

    def __init__(self, model: LinearPropagation, config: TrainingConfig, validation: Validation | None) -> None:
        super().__init__()
        self.model, self.config, self.validation = model, config, validation
        self._loss: Tensor | float = 0.0
        self._positives = 0

    def training_step(self, step: Step, index: int) -> Tensor:
        """Mean loss over the whole step's positives, times the number of processes: DDP averages gradients."""
        users, items = self.model(step["removed"], int(step["noise"]))
        users, row, item = users[step["user"]], step["row"], step["item"]
        weight, negatives = step["weight"], step["negatives"]
        if self.config.loss == "bpr":
            total = bpr(users, items, row, item, negatives, weight)
        else:
            correction = math.log(len(items) / len(negatives))
            total = sampled_softmax(
                users, items, negatives, step["known"], row, item, weight, correction, self.config.temperature
            )
        self._loss = self._loss + total.detach().double()
        self._positives += len(step["removed"])
        return total * processes()[1] / len(step["removed"])

    def epoch_loss(self) -> float:
        """Mean loss over the positives of all processes since the last call."""
        total: Any = self.trainer.strategy.reduce(self._loss, reduce_op="sum")
        loss = float(total) / self._positives
        self._loss, self._positives = 0.0, 0
        return loss

    @torch.no_grad()
    def validate(self) -> float | None:
        """NDCG@10 on the validation part, the whole training graph as input; None without one."""
        return self.validation.ndcg(*self.model()) if self.validation else None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW (Loshchilov and Hutter, ICLR 2019); relation and layer weights (in the logarithm) do not decay."""
        scalars = [self.model.log_weights, self.model.log_layers]
        rest = [parameter for parameter in self.parameters() if all(parameter is not scalar for scalar in scalars)]
        groups = [
            {"params": rest, "weight_decay": self.config.weight_decay},
            {"params": scalars, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.config.learning_rate, fused=True)
