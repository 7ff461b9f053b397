"""The flow's trained factors on a CUDA device, and a whole fit with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.flow import fit_flow
from kgrec.flow.channels.learned_training import Start, train_factors
from kgrec.flow.channels.sampled_training import train_factors_sampled

from ..cuda import needs_cuda

if TYPE_CHECKING:
    from .conftest import World

pytestmark = needs_cuda


@pytest.mark.parametrize("sampled", [False, True])
def test_factors_are_those_of_the_cpu(world: World, sampled: bool) -> None:
    part = world.part
    rng = np.random.default_rng(0)
    source, target = (rng.normal(scale=0.3, size=(part.num_items, 8)).astype(np.float32) for _ in range(2))
    links, text = part.content.link_rows, part.content.white_text
    assert links is not None
    assert text is not None
    made = []
    for device in ("cpu", "cuda"):
        rest = {"validate": None, "seed": 3, "device": device}
        data = Start(part.train, source, target, sp.csr_array(links), text)
        made.append(train_factors_sampled(data, steps=5, **rest) if sampled else train_factors(data, epochs=2, **rest))
    for here, there, first in zip(made[0][:2], made[1][:2], (source, target), strict=True):
        # one step of AdamW is 1e-3 at most, whatever the gradient: where it is all rounding, its sign may differ
        assert np.abs(here - first).max() > 2e-3
        assert np.mean(np.abs(here - there) > 1e-4) < 0.01
        assert np.abs(here - there).max() < 0.02


def test_a_whole_fit_is_that_of_the_cpu(world: World) -> None:
    here, there = (
        fit_flow(world.snapshot, world.config, text=world.text, kg=world.kg, device=device)
        for device in ("cpu", "cuda")
    )
    # what is closed form is not touched by the device
    assert {one.name for one in here.channels} - {"learned"} <= {one.name for one in there.channels}
    users = np.arange(world.snapshot.num_users)
    scores = [one.scorer(world.snapshot).score(world.part.train, users) for one in (here, there)]
    agreement = [np.corrcoef(a, b)[0, 1] for a, b in zip(*scores, strict=True)]
    assert np.mean(agreement) > 0.98


def test_a_refit_on_the_device(world: World) -> None:
    config = world.config.model_copy(update={"dial": False})
    flow = fit_flow(world.snapshot, config, text=world.text, kg=world.kg, device="cuda")
    again = flow.refit(world.snapshot, text=world.text, kg=world.kg, device="cuda")
    users = np.arange(world.snapshot.num_users)
    first, second = (one.scorer(world.snapshot).score(world.part.train, users) for one in (flow, again))
    np.testing.assert_allclose(first, second, atol=0.05 * np.abs(first).max())
    assert replace(again, channels=flow.channels).gates == flow.gates
