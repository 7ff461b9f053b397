"""`kgrec tune` on the shipped slice: finds settings, goes on, writes what a recipe can hold."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kgrec.config.load import parse_recipe
from kgrec.errors import UserError
from kgrec.tune.models import MODELS, model_named
from kgrec.tune.run import to_toml, tune_recipe

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run


@pytest.fixture
def place(small_run: Run) -> tuple[Path, Path]:
    return small_run.paths.recipe, small_run.paths.run


def test_goes_on_and_gives_toml(place: tuple[Path, Path]) -> None:
    recipe, run = place
    first = tune_recipe(recipe, 3, model="ease", run_dir=run)
    again = tune_recipe(recipe, 5, model="EASE", run_dir=run)
    assert (first["model"], len(first["trials"]), len(again["trials"])) == ("EASE", 3, 5)
    assert again["trials"][:3] == first["trials"]
    assert again["ndcg@10"] == max(trial["value"] for trial in again["trials"])
    (row,) = tomllib.loads(again["toml"])["evaluation"]["baselines"]
    assert row == {"name": "EASE", "l2": again["settings"]["l2"]}


def test_the_recipes_own_model(place: tuple[Path, Path]) -> None:
    recipe, run = place
    result = tune_recipe(recipe, 1, model="linear", run_dir=run)
    content = tomllib.loads(recipe.read_text())
    for section, values in tomllib.loads(result["toml"]).items():
        content.setdefault(section, {}).update(values)
    changed = parse_recipe(content)
    assert changed.training.learning_rate == result["settings"]["training.learning_rate"]
    assert changed.model.input.dropout == result["settings"]["model.input.dropout"]
    assert (changed.model.name, result["trials"][0]["value"] > 0) == ("linear", True)


def test_the_flagship(place: tuple[Path, Path]) -> None:
    recipe, run = place
    result = tune_recipe(recipe, 1, model="flow", run_dir=run)
    content = tomllib.loads(recipe.read_text())
    for section, values in tomllib.loads(result["toml"]).items():
        content.setdefault(section, {}).update(values)
    changed = parse_recipe(content)
    assert changed.model.name == "flow"
    assert changed.flow.held_out == result["settings"]["held_out"]


def test_unknown_models_and_models_without_settings(place: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match="did you mean 'RP3beta'"):
        tune_recipe(place[0], 1, model="RP3bet", run_dir=place[1])
    with pytest.raises(UserError, match="no settings to tune"):
        tune_recipe(place[0], 1, model="Popularity", run_dir=place[1])


@pytest.mark.parametrize("name", MODELS)
def test_every_model_declares_what_is_tuned(name: str) -> None:
    assert model_named(name.upper()).space or name == "Popularity"


def test_toml() -> None:
    content = {"model": {"name": "x", "deep": {"a": 0.5, "b": True}}, "evaluation": {"rows": [{"k": 1}, {"k": 2}]}}
    assert tomllib.loads(to_toml(content)) == content
