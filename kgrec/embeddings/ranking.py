"""How good the vectors are, and the vectors themselves, out of a trained model."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import Model

from kgrec.embeddings.triples import Parts
from kgrec.progress import Progress

RANKED_NUMBERS = 2_000_000_000
"""Numbers that the final ranking may touch: held-out triples × entities × columns of a vector."""
RANKED = (100, 1000)
"""Fewest and most held-out triples that are ranked among all entities, where there are so many."""
RANKED_BYTES = 2**24
"""Memory of one batch of the ranking: small, so that the allocator hands the same pages out again."""


def rank_test(model: Model, parts: Parts, progress: Progress) -> dict[str, Any]:
    """Filtered ranks of held-out triples among all entities, by PyKEEN's evaluator.

    Returns:
        ``mrr``, ``hits@1`` and ``hits@10`` over heads and tails (ties in random order), and ``ranked``, the number of
        triples; null and 0 where none was held out.
    """
    columns = entity_matrix(model).shape[1]
    affordable = RANKED_NUMBERS // (model.num_entities * columns)
    test = torch.from_numpy(parts.test[: max(RANKED[0], min(RANKED[1], affordable))])
    if not len(test):
        return {"mrr": None, "hits@1": None, "hits@10": None, "ranked": 0}
    filters = [torch.from_numpy(part) for part in (parts.train, parts.valid, parts.test)]
    # The batch is given: PyKEEN's automatic one is 32 on a CPU, whatever the number of entities.
    batch = max(1, min(256, RANKED_BYTES // (4 * model.num_entities * columns)))
    with progress.task("ranking held-out triples", total=1):
        results = RankBasedEvaluator(filtered=True).evaluate(
            model, test, batch_size=batch, additional_filter_triples=filters, use_tqdm=False
        )
    return {
        "mrr": float(results.get_metric("both.realistic.inverse_harmonic_mean_rank")),
        "hits@1": float(results.get_metric("both.realistic.hits_at_1")),
        "hits@10": float(results.get_metric("both.realistic.hits_at_10")),
        "ranked": len(test),
    }


def entity_matrix(model: Model) -> NDArray[np.float32]:
    """An entity's representations side by side, complex numbers as (real, imaginary) pairs: ``[entities, dim]``."""
    model.eval()
    parts = []
    with torch.no_grad():
        for representation in cast(Any, model).entity_representations:
            values = representation(indices=None).detach()
            if values.is_complex():
                values = torch.view_as_real(values)
            parts.append(values.reshape(model.num_entities, -1).float().cpu())
    matrix: NDArray[np.float32] = torch.cat(parts, dim=1).numpy()
    return matrix
