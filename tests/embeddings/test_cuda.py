"""PyKEEN on a CUDA device."""

from __future__ import annotations

import numpy as np
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.embeddings import train_embedding

from ..cuda import needs_cuda
from .test_train import config


@needs_cuda
@pytest.mark.parametrize("model", ["TransE", "DistMult", "ComplEx", "RotatE"])
def test_held_out_edges_are_found_there_too(clubs: Snapshot, model: str) -> None:
    first, again = (train_embedding(clubs, config(model=model), 0, "cuda") for _ in range(2))
    assert first.metrics["hits@10"] > 0.6
    assert first.metrics["losses"][-1] < first.metrics["losses"][0]
    for kind, (matrix, _) in first.vectors.items():
        assert isinstance(matrix, np.ndarray)
        np.testing.assert_allclose(matrix, again.vectors[kind][0], atol=1e-2 * np.abs(matrix).max())
