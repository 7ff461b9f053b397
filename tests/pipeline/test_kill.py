"""kill -9 at any moment, run again, and the result is that of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kgrec
from tests.pipeline.test_road import results

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

KILLS = 10


def walk(recipe: Path, folder: Path) -> None:
    kgrec.run(recipe, run_dir=folder)


def test_killed_ten_times(
    small_run: Run, make_slice: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A cache of its own, so that texts are encoded while it is killed.
    monkeypatch.setenv("KGREC_CACHE", str(tmp_path / "cache"))
    recipe = make_slice(tmp_path)
    # Processes fork from a server that has the frameworks loaded: a kill hits the work and not the imports.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "lightning.pytorch", "pykeen.models", "torch_geometric", "polars"])
    rng = random.Random(11)
    killed = 0
    for _ in range(KILLS):
        process = context.Process(target=walk, args=(recipe, tmp_path / "run"))
        process.start()
        process.join(rng.uniform(0.3, 4.0))
        if process.is_alive():
            process.kill()
            killed += 1
        process.join()
        time.sleep(0.05)
    assert killed >= 3, "the run is over too soon for this test"
    run = kgrec.run(recipe, run_dir=tmp_path / "run")
    mine, theirs = results(small_run.paths.run), results(run.paths.run)
    mine.pop("report/report.html"), theirs.pop("report/report.html")
    assert mine == theirs
