"""Interventions on models that are worked out over the whole graph: what they have in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.facts import Facts, check_edges, check_forms
from kgrec.effects.intervention import Intervention
from kgrec.recommend.scorer import Scorer

KEPT = 256
"""Answers whose scores are kept."""
History = tuple[int, ...]
"""Item ids, increasing."""


class GraphEffects(ABC):
    """Scores under interventions, of one trained model.

    Args:
        snapshot: what it was trained on.
        scorer: its serving form.

    Attributes:
        runs: how often scores were worked out; seconds: wall-clock time of that.
        unmoved: why no score changes, as a sentence, where none does.
        newcomers: what is to be known of lists of people whom the model never saw, as a sentence; None for nothing.
    """

    unmoved: str
    newcomers: str | None = None

    def __init__(self, snapshot: Snapshot, scorer: Scorer) -> None:
        self.snapshot = snapshot
        self.name = scorer.name
        self.train = snapshot.matrix("train")
        self.facts = Facts(snapshot)
        self.runs, self.seconds = 0, 0.0
        self._known = lru_cache(KEPT)(self._timed)

    def history(self, user: int) -> NDArray[np.int64]:
        """Items of a user's training interactions, increasing."""
        row = slice(self.train.indptr[user], self.train.indptr[user + 1])
        return np.sort(self.train.indices[row]).astype(np.int64)

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
        self.check_person(user)
        return self._known(user, tuple(np.unique(history).tolist()), intervention or Intervention())

    def _timed(self, user: int | None, history: History, intervention: Intervention) -> NDArray[np.float32]:
        start = time.perf_counter()
        scores = self._score(user, history, intervention)
        self.runs += 1
        self.seconds += time.perf_counter() - start
        return scores

    @abstractmethod
    def _score(self, user: int | None, history: History, intervention: Intervention) -> NDArray[np.float32]:
        """See :meth:`score`."""

    @abstractmethod
    def how(self, user: int | None, history: NDArray[np.int64], intervention: Intervention) -> str:
        """How an answer is worked out, as the beginning of a sentence."""

    def check_person(self, user: int | None) -> None:  # noqa: B027 -- everybody, unless a model says otherwise
        """Refuses people whom the model cannot score.

        Raises:
            UserError: the person is no user and the model has no vector for others.
        """

    def check(self, history: NDArray[np.int64], intervention: Intervention) -> None:
        """Refuses what cannot be done.

        Raises:
            UserError: an interaction or a fact that is to be taken away is not there, or one to be added is; or a fact
                is added of a form that training had none of.
        """
        check_edges(self.snapshot, self.facts, history, intervention)
        check_forms(self.facts, intervention, self.name)


def left(history: History, intervention: Intervention) -> list[int]:
    """A history after an intervention, increasing."""
    return sorted((set(history) - intervention.drop_items) | intervention.add_items)
