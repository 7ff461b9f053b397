"""What an intervention does to the scores of a model that is no sum over paths: the model is run again.

Held fixed are the learned parameters.  Worked out anew is everything that the forward pass reads from the graph: edges,
degrees, normalisation, attention, sampled neighbours, for everybody.  A model that scores histories is given another
history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.edited import edited
from kgrec.effects.facts import Facts, check_edges
from kgrec.effects.intervention import Intervention
from kgrec.errors import StaleError, UserError
from kgrec.recommend.lists import check_reads_history
from kgrec.zoo.scorers import ZooScorer

KEPT = 256
"""Runs whose scores are kept."""
AGREES = 1e-3
"""Of the scores' size: as far as a run on another device may be from the scores that are served."""


class RerunEffects:
    """Scores under interventions, of one published model.

    Args:
        snapshot: what it was trained on.
        scorer: its serving form.
        build: the model over an edited snapshot (:meth:`kgrec.zoo.again.TrainedModel.scorer`).

    Attributes:
        runs: how often the model was run; seconds: wall-clock time of these runs.
    """

    def __init__(self, snapshot: Snapshot, scorer: ZooScorer, build: Callable[[Snapshot], ZooScorer]) -> None:
        self.snapshot, self.scorer, self._build = snapshot, scorer, build
        self.train = snapshot.matrix("train")
        self.facts = Facts(snapshot)
        self.runs, self.seconds = 0, 0.0
        self._known = lru_cache(KEPT)(self._run)

    def history(self, user: int) -> NDArray[np.int64]:
        """Items of a user's training interactions, increasing."""
        return self.train[[user]].indices.astype(np.int64)

    def score(
        self, user: int | None, history: NDArray[np.int64], intervention: Intervention | None = None
    ) -> NDArray[np.float32]:
        """Scores of all items after an intervention: float32 ``[num_items]``, to be left as they are.

        Args:
            user: id; None for somebody whom the model never saw.
            history: items, those of :meth:`history` for a user.
            intervention: what is taken away and added.

        Raises:
            UserError: the model scores nobody whom it never saw.
            StaleError: the saved parameters do not give the scores that are served.
        """
        return self._known(user, tuple(history.tolist()), intervention or Intervention())

    def _run(self, user: int | None, history: tuple[int, ...], intervention: Intervention) -> NDArray[np.float32]:
        self.check_person(user)
        start = time.perf_counter()
        after = sorted((set(history) - intervention.drop_items) | intervention.add_items)
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
        self.runs += 1
        self.seconds += time.perf_counter() - start
        return np.asarray(scores)

    def _check_served(self, user: int | None, row: sp.csr_array, scores: NDArray[np.float32]) -> None:
        served = self.scorer.score(row, None if user is None else np.array([user]))[0]
        if float(np.abs(served - scores).max()) > AGREES * max(float(np.abs(served).max()), 1e-12):
            raise StaleError("the saved parameters do not give the model's scores", remedy="train it again")

    # --- what can be asked

    def check_person(self, user: int | None) -> None:
        """Refuses people whom the model cannot score.

        Raises:
            UserError: the person is no user and the model reads no histories.
        """
        if user is None:
            check_reads_history(self.scorer)

    def check(self, history: NDArray[np.int64], intervention: Intervention) -> None:
        """Refuses what cannot be done.

        Raises:
            UserError: an interaction or a fact that is to be taken away is not there, or one to be added is; or a fact
                is added of a form that training had none of.
        """
        check_edges(self.snapshot, self.facts, history, intervention)
        for fact in sorted(intervention.add_facts):
            if (fact.source[0], fact.relation, fact.target[0]) not in self._forms:
                raise UserError(
                    f"no fact of this form was in training: {self.scorer.name} has learned no weight for it",
                    value=f"{fact.source[0]}, {fact.relation}, {fact.target[0]}",
                )

    @cached_property
    def _forms(self) -> set[tuple[str, str, str]]:
        return set(self.snapshot.edges.select("source_type", "relation", "target_type").unique().iter_rows())
