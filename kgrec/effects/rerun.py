"""What an intervention does to the scores of a model that is no sum over paths: the model is run again.

Held fixed are the learned parameters.  Worked out anew is everything that the forward pass reads from the graph: edges,
degrees, normalisation, attention, sampled neighbours, for everybody.  A model that scores histories is given another
history.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.edited import edited
from kgrec.effects.graph import GraphEffects, History, left
from kgrec.effects.intervention import Intervention
from kgrec.errors import StaleError
from kgrec.recommend.lists import check_reads_history
from kgrec.zoo.scorers import ZooScorer

AGREES = 1e-3
"""Of the scores' size: as far as a run on another device may be from the scores that are served."""


class RerunEffects(GraphEffects):
    """Scores under interventions, of one published model.

    Args:
        snapshot: what it was trained on.
        scorer: its serving form.
        build: the model over an edited snapshot (:meth:`kgrec.zoo.again.TrainedModel.scorer`).
    """

    def __init__(self, snapshot: Snapshot, scorer: ZooScorer, build: Callable[[Snapshot], ZooScorer]) -> None:
        super().__init__(snapshot, scorer)
        self.scorer, self._build = scorer, build
        self.unmoved = (
            f"No score changes: the trained {self.name} does not read what was changed; "
            "what it did went into the parameters, which are held fixed."
        )
        self.newcomers = f"{self.name} reads this history by id: it knows the order of its own users' items alone."

    def _score(self, user: int | None, history: History, intervention: Intervention) -> NDArray[np.float32]:
        after = left(history, intervention)
        row = sp.csr_array(
            (np.ones(len(after), dtype=np.float32), np.array(after, dtype=np.int64), np.array([0, len(after)])),
            shape=(1, self.snapshot.num_items),
        )
        scorer = self.scorer
        if user is not None and not scorer.reads_history:
            scorer = self._build(edited(self.snapshot, user, intervention))
        scores = scorer.score(row, None if user is None else np.array([user]))[0]
        if not intervention:
            self._check_served(user, row, scores)
        return np.asarray(scores)

    def _check_served(self, user: int | None, row: sp.csr_array, scores: NDArray[np.float32]) -> None:
        served = self.scorer.score(row, None if user is None else np.array([user]))[0]
        if float(np.abs(served - scores).max()) > AGREES * max(float(np.abs(served).max()), 1e-12):
            raise StaleError("the saved parameters do not give the model's scores", remedy="train it again")

    def how(self, user: int | None, history: NDArray[np.int64], intervention: Intervention) -> str:
        if user is None or self.scorer.reads_history:
            return f"{self.name} was given the edited history"
        after = edited(self.snapshot, user, intervention)
        size = f"{after.pairs('train').height:,} interactions, {after.edges.height:,} facts"
        return f"{self.name} was run again on the whole edited graph ({size})"

    def check_person(self, user: int | None) -> None:
        if user is None:
            check_reads_history(self.scorer)
