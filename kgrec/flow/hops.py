"""The steps that a channel's weight is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Node = tuple[str, int]
"""Node type and id in the snapshot."""
Kind = Literal["fact", "interaction", "co-preference", "similarity", "latent", "sequence"]


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

    kind: Kind
    source: Node
    target: Node
    relation: str = ""
    outward: bool = True
    support: int = 0

    @property
    def learned(self) -> bool:
        """Whether the step is no edge of the training graph."""
        return self.kind not in ("fact", "interaction")


@dataclass(frozen=True, eq=False)
class Stop:
    """Nodes of one type that stand between two factors of a channel, reached over one relation where that is literal.

    Attributes:
        node_type: their type.
        nodes: their ids, int64 ``[n]``.
        places: where they stand in the inner dimension of the product, int64 ``[n]``.
        relation, outward: of the links to them, as in :class:`Hop`; empty where they are no link's.
    """

    node_type: str
    nodes: NDArray[np.int64]
    places: NDArray[np.int64]
    relation: str = ""
    outward: bool = True
