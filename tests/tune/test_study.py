"""A study ends at its number of trials, goes on after kill -9 as if nothing had happened, and finds a hill's top."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kgrec.config.space import OneOf, Real, Whole
from kgrec.errors import KgrecError, RecipeError
from kgrec.tune.study import tune

SPACE = {"x": Real(1e-3, 1e3, log=True), "n": Whole(1, 9), "kind": OneOf(("a", "b"))}


def hill(settings: Mapping[str, Any]) -> float:
    assert set(settings) == set(SPACE)
    return -abs(settings["n"] - 6) - (settings["kind"] == "a") - abs(settings["x"] - 1) / (settings["x"] + 1)


def rows(tuned) -> list[tuple[float, Mapping[str, Any]]]:
    return [(row["value"], row["settings"]) for row in tuned.trials]


def killed_in_trial(journal: Path, at: int, seen: Path) -> None:
    calls = []

    def measure(settings: Mapping[str, Any]) -> float:
        calls.append(settings)
        if len(calls) == at:
            seen.write_text(repr(dict(settings)))
            os.kill(os.getpid(), signal.SIGKILL)
        return hill(settings)

    tune(journal, "hill", SPACE, measure, trials=30, seed=3)


def test_after_kills_as_if_undisturbed(tmp_path: Path) -> None:
    whole = tune(tmp_path / "whole", "hill", SPACE, hill, trials=16, seed=3)
    context = multiprocessing.get_context("spawn")
    journal, seen = tmp_path / "killed", tmp_path / "seen"
    for at in (4, 10):  # of the first process, then of the second: in the random phase and after it
        process = context.Process(target=killed_in_trial, args=(journal, at, seen))
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    retried: list[Mapping[str, Any]] = []
    again = tune(journal, "hill", SPACE, lambda s: retried.append(s) or hill(s), trials=16, seed=3)
    assert repr(dict(retried[0])) == seen.read_text()
    assert len(retried) == 16 - 3 - 9
    assert rows(again) == rows(whole)
    assert again.refused == 0


def test_counts_all_trials_and_finds_the_top(tmp_path: Path) -> None:
    first = tune(tmp_path / "j", "hill", SPACE, hill, trials=10, seed=1)
    assert len(first.trials) == 10
    second = tune(tmp_path / "j", "hill", SPACE, hill, trials=40, seed=1)
    assert rows(second)[:10] == rows(first)
    assert len(second.trials) == 40
    values = [row["value"] for row in second.trials]
    assert second.value == max(values)
    # it learns: what it draws late is better than what it drew at random
    assert sum(values[-10:]) > sum(values[:10])
    assert second.best["kind"] == "b"
    nothing_new = tune(tmp_path / "j", "hill", SPACE, lambda s: pytest.fail("a trial"), trials=40, seed=1)
    assert nothing_new == second


def test_another_seed_is_another_study(tmp_path: Path) -> None:
    values = [rows(tune(tmp_path / str(seed), "hill", SPACE, hill, trials=3, seed=seed)) for seed in (1, 2)]
    assert values[0] != values[1]


def test_what_cannot_be_fitted_does_not_count(tmp_path: Path) -> None:
    def picky(settings: Mapping[str, Any]) -> float:
        if settings["kind"] == "a":
            raise RecipeError("not a")
        return hill(settings)

    tuned = tune(tmp_path / "j", "hill", SPACE, picky, trials=8, seed=0)
    assert len(tuned.trials) == 8
    assert tuned.refused > 0
    assert {row["settings"]["kind"] for row in tuned.trials} == {"b"}
    with pytest.raises(KgrecError, match="no trial of other could be finished: never"):
        tune(tmp_path / "j", "other", SPACE, never, trials=3)


def never(settings: Mapping[str, Any]) -> float:
    raise RecipeError("never")


def test_the_time_is_kept(tmp_path: Path) -> None:
    with pytest.raises(KgrecError, match="no time"):
        tune(tmp_path / "j", "hill", SPACE, hill, trials=3, timeout=-1)
