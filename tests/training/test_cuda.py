"""The linear network trained by Lightning on a CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import RecipeError
from kgrec.recommend.linear import LinearScorer

from ..cuda import needs_cuda
from .test_fit import fit

pytestmark = needs_cuda


@pytest.mark.parametrize("loss", ["sampled-softmax", "bpr"])
def test_it_learns_what_it_learns_on_the_cpu(planted: Callable[..., Snapshot], tmp_path: Path, loss: str) -> None:
    snapshot = planted()
    here, there = (fit(snapshot, tmp_path / device, device=device, loss=loss) for device in ("cpu", "cuda"))
    for a, b in zip(here.history, there.history, strict=True):
        assert b["loss"] == pytest.approx(a["loss"], rel=1e-2)
    scores = [LinearScorer(one.propagation).score(snapshot.matrix("train")) for one in (here, there)]
    assert min(np.corrcoef(a, b)[0, 1] for a, b in zip(*scores, strict=True)) > 0.99


def test_auto_takes_it_and_a_second_one_is_missed(planted: Callable[..., Snapshot], tmp_path: Path) -> None:
    import torch

    before = torch.cuda.memory_stats().get("allocation.all.allocated", 0)
    fit(planted(), tmp_path / "auto", device="auto", epochs=1)
    assert torch.cuda.memory_stats()["allocation.all.allocated"] > before
    with pytest.raises(RecipeError, match="CUDA device"):
        fit(planted(), tmp_path / "no", device=f"cuda:{torch.cuda.device_count()}")
