"""The steps that a channel's weight is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Node = tuple[str, int]
"""Node type and id in the snapshot."""


@dataclass(frozen=True)
class Hop:
    """One step of a path.

    Attributes:
        kind: ``fact``: an edge of the knowledge graph; ``interaction``: a training interaction; otherwise learned:
            ``co-preference``, ``similarity`` (of texts or embeddings), ``latent`` (low-rank), ``sequence``.
        source, target: nodes in the direction in which the path is read.
        relation: of a fact; empty otherwise.
        outward: of a fact: the edge runs from ``source`` to ``target``.
        support: of a learned hop between two items: how many training users hold both.
    """

    kind: Literal["fact", "interaction", "co-preference", "similarity", "latent", "sequence"]
    source: Node
    target: Node
    relation: str = ""
    outward: bool = True
    support: int = 0

    @property
    def learned(self) -> bool:
        """Whether the step is no edge of the training graph."""
        return self.kind not in ("fact", "interaction")
