"""Scores of nodes that are no items: the user's vector times the vector that the propagation gives to any node."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import UserError
from kgrec.recommend.ids import check_type
from kgrec.recommend.linear import LinearScorer, Propagation
from kgrec.recommend.scorer import Scorer


def node_vectors(propagation: Propagation, snapshot: Snapshot, node_type: str) -> NDArray[np.float32]:
    """``z = Σ_l a_l A^l x`` of the nodes of one type: float32 ``[num_nodes, d]``."""
    adjacency = propagation.adjacency(snapshot)
    layer = propagation.x.astype(np.float64)
    z = propagation.layer_weights[0] * layer
    for weight in propagation.layer_weights[1:]:
        layer = adjacency @ layer
        z += weight * layer
    start = snapshot.offsets[node_type]
    return np.asarray(z[start : start + snapshot.num_nodes[node_type]], dtype=np.float32)


class NodeScorer:
    """Scores the nodes of another type by ``<z_u, z_n>``, with the same user vectors as the items' scores.

    Raises:
        UserError: the snapshot has no such type, or the model has vectors for items only.
    """

    def __init__(self, scorer: Scorer, snapshot: Snapshot, node_type: str) -> None:
        check_type(snapshot, node_type)
        if not isinstance(scorer, LinearScorer):
            raise UserError(
                f"{scorer.name} ranks items only",
                value=node_type,
                expected=snapshot.item_type,
            )
        self.name = scorer.name
        self.scorer = scorer
        self.vectors = node_vectors(scorer.propagation, snapshot, node_type)

    def score(self, histories: sp.csr_array, users: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Scores of all nodes of the type: float32 ``[batch, num_nodes]``; arguments as in :class:`Scorer`."""
        return self.scorer.user_vectors(histories, users) @ self.vectors.T
