"""kill -9 at any moment, run again, and the result is that of an undisturbed run."""

from __future__ import annotations

import multiprocessing
import random
import shutil
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
    run, expected = tmp_path / "run", without_seconds(small_run.paths.run)
    killed = 0
    while killed < KILLS:
        process = context.Process(target=walk, args=(recipe, run))
        process.start()
        process.join(rng.uniform(0.3, 4.0))
        if process.is_alive():
            process.kill()
            killed += 1
            process.join()
        else:
            # It got to the end between two kills: that is compared, and the rest of the kills hit a new run.
            assert process.exitcode == 0
            assert without_seconds(run) == expected
            shutil.rmtree(run)
    kgrec.run(recipe, run_dir=run)
    assert without_seconds(run) == expected


def without_seconds(folder: Path) -> dict[str, str]:
    """The results but for the page, which shows how long things took."""
    return {name: value for name, value in results(folder).items() if name != "report/report.html"}
