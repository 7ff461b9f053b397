"""What a model is fitted on, and the one figure that choices are made by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kgrec.config.recipe import Recipe
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.evaluation.protocol import Protocol
from kgrec.metrics import find_hits, ndcg
from kgrec.recommend.scorer import Scorer

K = 10


@dataclass(frozen=True, eq=False)
class FitData:
    """A snapshot with the vectors that belong to it.

    Attributes:
        recipe: its settings.
        snapshot: nodes, edges, interactions.
        read_text, read_kg: give the vectors of the text encoder and of the KG embedding; None where there are none.
    """

    recipe: Recipe
    snapshot: Snapshot
    read_text: Callable[[], Features] | None = None
    read_kg: Callable[[], Features] | None = None

    @cached_property
    def text(self) -> Features | None:
        """The text vectors, read when first asked for."""
        return None if self.read_text is None else self.read_text()

    @cached_property
    def kg(self) -> Features | None:
        """The KG vectors, read when first asked for."""
        return None if self.read_kg is None else self.read_kg()

    @cached_property
    def candidates(self) -> NDArray[np.bool_]:
        """The items that are ranked, bool ``[num_items]``: what the recipe's evaluation says."""
        if self.recipe.evaluation.candidates == "all":
            return np.ones(self.snapshot.num_items, dtype=bool)
        return self.snapshot.interacted()

    @cached_property
    def validation(self) -> Protocol:
        """Who is measured on the validation part."""
        return Protocol.of(self.snapshot, "valid", self.candidates)

    def refitted(self) -> FitData:
        """The same with the validation part moved into training."""
        return replace(self, snapshot=self.snapshot.refitted())


def validation_ndcg(scorer: Scorer, data: FitData) -> float:
    """Mean NDCG@10 over the users of the validation part, all candidates ranked.

    Raises:
        DataError: nobody has a validation item.
    """
    protocol = data.validation
    ids, _ = protocol.rank(scorer, K)
    return float(ndcg(find_hits(ids, protocol.relevant), np.diff(protocol.relevant.indptr), K).mean())
