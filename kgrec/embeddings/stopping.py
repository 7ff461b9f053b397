"""Early stopping on the MRR among sampled entities.

Ranking every entity for every held-out triple costs minutes on a CPU for rotations; a sample of candidates, fixed once,
tells better from worse (Hu et al., Open Graph Benchmark, NeurIPS 2020, rank ogbl-wikikg2 the same way).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from pykeen.models import Model
from pykeen.stoppers import Stopper
from pykeen.stoppers.early_stopping import EarlyStoppingLogic

from kgrec.embeddings.triples import Triples, contains

TRIPLES = 1000
CANDIDATES = 200
CHUNK = 65_536
"""Triples scored at once."""


class SampledMrrStopper(Stopper):
    """Stops when the validation MRR has not grown for ``patience`` evaluations, and keeps the best weights in memory.

    Args:
        model: what is trained.
        valid: held-out triples; at most ``TRIPLES`` of them are used.
        known: all triples; candidates that make one of them are left out (the filtered setting).
        frequency: epochs between two evaluations.
        patience: evaluations.
        rng: chooses the candidates.

    Attributes:
        history: list of (epoch, MRR).
        best_state: the model's weights after ``best``'s epoch.
    """

    best_epoch = None
    """Tells PyKEEN to write no checkpoint of its own."""

    def __init__(
        self,
        model: Model,
        valid: Triples,
        known: Triples,
        *,
        frequency: int,
        patience: int,
        rng: np.random.Generator,
    ) -> None:
        self.model, self.frequency = model, frequency
        self.logic = EarlyStoppingLogic(patience=patience)
        self.history: list[tuple[int, float]] = []
        self.best_state: dict[str, Any] = {}
        chosen = valid[:TRIPLES]
        sides = []
        for column in (0, 2):
            asked = np.repeat(chosen[:, None, :], CANDIDATES + 1, axis=1)
            asked[:, 1:, column] = rng.integers(model.num_entities, size=(len(chosen), CANDIDATES))
            sides.append(asked)
        asked = np.concatenate(sides)
        allowed = ~contains(known, asked.reshape(-1, 3)).reshape(asked.shape[:2])
        self._asked = torch.from_numpy(asked.reshape(-1, 3))
        self._allowed = torch.from_numpy(allowed[:, 1:])

    def mrr(self) -> float:
        """Mean of 1 / rank over both sides of the validation triples; ties count half, as if in random order."""
        self.model.eval()
        with torch.inference_mode():
            parts = [self.model.score_hrt(part.to(self.model.device)).cpu() for part in torch.split(self._asked, CHUNK)]
        scores = torch.cat(parts).view(self._allowed.shape[0], -1)
        true, others = scores[:, :1], scores[:, 1:]
        above = ((others > true) & self._allowed).sum(dim=1)
        level = ((others == true) & self._allowed).sum(dim=1)
        return float((1 / (1 + above + level / 2).double()).mean())

    def should_evaluate(self, epoch: int) -> bool:
        """Whether this epoch is evaluated."""
        return epoch % self.frequency == 0

    def should_stop(self, epoch: int) -> bool:
        """Evaluates; true when patience is at its end."""
        value = self.mrr()
        self.history.append((epoch, value))
        stop = self.logic.report_result(value, epoch)
        if self.logic.is_best:
            self.best_state = {name: tensor.detach().clone() for name, tensor in self.model.state_dict().items()}
        return stop

    def get_summary_dict(self) -> dict[str, Any]:
        """For PyKEEN's checkpoints, which are not used."""
        return {"history": self.history}
