"""The published models on a CUDA device: the same scores, and a training that learns what it learns on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgrec.dataset.snapshot import Snapshot
from kgrec.zoo import fit_zoo
from kgrec.zoo.data import ZooData
from kgrec.zoo.registry import make_config, zoo_class
from kgrec.zoo.sasrec import SASRec

from ..cuda import needs_cuda
from .test_contract import SETTINGS

pytestmark = [needs_cuda, pytest.mark.parametrize("name", SETTINGS)]


def test_the_same_parameters_give_the_same_scores(name: str, planted: Snapshot) -> None:
    kind = zoo_class(name)
    torch.manual_seed(0)
    model = kind(ZooData.of(planted, None, None), make_config(kind, SETTINGS[name]), 0).eval()
    histories, users = planted.matrix("train"), np.arange(planted.num_users)
    expected = model.scorer().score(histories, users)
    found = model.to("cuda").scorer().score(histories, users)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_it_learns_there_as_well(name: str, planted: Snapshot) -> None:
    torch.cuda.manual_seed(7)
    before = torch.cuda.get_rng_state()
    here, there = (fit_zoo(name, planted, SETTINGS[name], device=device) for device in ("cpu", "cuda"))
    assert torch.equal(torch.cuda.get_rng_state(), before)
    assert all(np.isfinite(value).all() for value in there.parameters.values())
    assert there.history[-1]["loss"] < there.history[0]["loss"]
    # batches and negatives are the same; dropout is drawn by the device, and decides much of what SASRec learns here
    if zoo_class(name) is not SASRec:
        assert there.history[0]["loss"] == pytest.approx(here.history[0]["loss"], rel=0.1)
        assert here.val_ndcg is not None
        assert there.val_ndcg is not None
        assert there.val_ndcg > here.val_ndcg - 0.1
