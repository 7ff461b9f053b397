"""``kgrec tune``: what it prints is TOML that a recipe can hold."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable

from tests.cli.conftest import Answer


def test_the_best_settings_as_toml(kgrec: Callable[..., Answer], places: list[str]) -> None:
    answer = kgrec("tune", *places, "--model", "iALS", "--trials", 2)
    assert answer.code == 0, answer.err
    assert answer.out.startswith("# iALS: validation NDCG@10 0.")
    (row,) = tomllib.loads(answer.out)["evaluation"]["baselines"]
    assert row["name"] == "iALS"
    whole = json.loads(kgrec("tune", *places, "--model", "iALS", "--trials", 2, "--json").out)
    assert whole["settings"] == {key: value for key, value in row.items() if key != "name"}
    assert len(whole["trials"]) == 2


def test_an_unknown_model_is_the_users_mistake(kgrec: Callable[..., Answer], places: list[str]) -> None:
    answer = kgrec("tune", *places, "--model", "LightGCM", "--trials", 2)
    assert answer.code == 2
    assert "did you mean 'LightGCN'?" in answer.err
    assert not answer.out
