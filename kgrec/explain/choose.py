"""Which explainer a model has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UserError
from kgrec.explain.types import Explanation
from kgrec.recommend.scorer import Scorer


class Explains(Protocol):
    """Explains pairs of one trained model; made once, it answers in milliseconds."""

    def explain(
        self,
        user: int | None,
        item: int,
        *,
        history: Sequence[int] | NDArray[np.int64] | None = None,
        rank: int | None = None,
        paths: int | None = None,
        lang: str | None = None,
        instead_of: int | None = None,
    ) -> Explanation:
        """Explains one pair.

        Args:
            user: the user's id in the snapshot; None for a person who is not in it.
            item: the item's id.
            history: item ids that the person interacted with; by default the user's training interactions.
            rank: the item's place in the user's ranking, if known: it is passed on.
            paths: how many; by default the configuration's.
            lang: language tag of the sentences; by default the configuration's.
            instead_of: an item with which this one is compared.

        Raises:
            ValueError: neither a user nor a history, or an id out of range.
            UserError: there are no words of this language, or the model does not compare.
        """

    def explain_list(
        self, user: int, ranked: Sequence[tuple[int, int]], *, paths: int | None = None, lang: str | None = None
    ) -> list[Explanation]:
        """Explains several items of one user's list, which takes less time than one after the other.

        Args:
            user: id in the snapshot.
            ranked: ranks and item ids.
            paths, lang: as in :meth:`explain`.
        """


def explainer_of(
    snapshot: Snapshot,
    scorer: Scorer,
    config: ExplainConfig | None = None,
    *,
    text: Callable[[], Features | None] | None = None,
    candidates: NDArray[np.bool_] | None = None,
) -> Explains:
    """The explainer of a trained model.

    Args:
        snapshot: what it was trained on.
        scorer: the model.
        config: number of paths, and their words.
        text: reads the text vectors that it was trained with, where it was; called when they are needed.
        candidates: which items may be recommended, bool ``[num_items]``; all by default.

    Raises:
        UserError: the model does not explain its scores, or the configuration's language has no words.
        RecipeError: a phrase of the configuration is of no relation.
    """
    from kgrec.flow.model import FlowScorer
    from kgrec.recommend.linear import LinearScorer

    if isinstance(scorer, FlowScorer):
        from kgrec.explain.causal import CausalExplainer

        return CausalExplainer(snapshot, scorer, config, text, candidates)
    if isinstance(scorer, LinearScorer):
        from kgrec.explain.linear import LinearExplainer

        return LinearExplainer(snapshot, scorer, config, candidates)
    raise UserError(
        f"{scorer.name} does not explain its scores by paths",
        expected="a model whose score is a sum over paths",
        remedy='set model.name to "flow" or "linear"; `kgrec explain --user ID` runs other models again',
    )
