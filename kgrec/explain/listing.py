"""Explainers that know a person's list as it would be without some edges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects import EdgeSet, Fact, Ranking
from kgrec.effects.facts import Facts
from kgrec.explain.edges import named_edges
from kgrec.explain.names import Names
from kgrec.explain.types import Edge, Node
from kgrec.explain.wording import Wording, Wordings
from kgrec.flow.hops import Node as NodeId


class Scored(Protocol):
    """One person's scores, as they are and without some edges.

    Attributes:
        scores: float32 ``[num_items]``; ranking: which items may stand in the list.
    """

    scores: NDArray[np.float32]
    ranking: Ranking

    def score(self, items: Iterable[int] = (), facts: Iterable[Fact] = ()) -> NDArray[np.float32]:
        """Scores without these interactions and facts."""

    def scores_without(self, sets: Sequence[Iterable[int]]) -> Iterator[NDArray[np.float32]]:
        """Scores without each set of interactions."""


class Listing(ABC):
    """What such an explainer has.

    Attributes:
        snapshot: what the model was trained on.
        names, wordings: how nodes and edges are called.
    """

    snapshot: Snapshot
    names: Names
    wordings: Wordings

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The facts that the model reads."""

    @abstractmethod
    def history(self, user: int) -> NDArray[np.int64]:
        """Items of the user's interactions, increasing: int64 ``[h]``."""

    @abstractmethod
    def scored(self, user: int) -> Scored:
        """Of a user."""

    def without_entity(self, user: int, node: NodeId) -> NDArray[np.float32]:
        """A user's scores without all facts of an entity: float32 ``[num_items]``."""
        return self.scored(user).score((), self.facts.of_node(node))

    def items(self, items: Sequence[int]) -> list[Node]:
        """Items by id, with their names."""
        at = [self.snapshot.offsets[self.snapshot.item_type] + item for item in items]
        nodes = self.names.nodes(sorted(set(at)))
        return [nodes[one] for one in at]

    def edges(self, user: int | None, edges: EdgeSet, wording: Wording) -> tuple[Edge, ...]:
        """Edges with their names, interactions first.

        Args:
            user: whose interactions they are; None for a person who is not in the graph.
            edges: ids.
            wording: the language.
        """
        return named_edges(self.names, user, edges, wording)
