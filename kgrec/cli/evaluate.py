"""``kgrec evaluate``"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say


class Part(StrEnum):
    """A held-out part."""

    valid = "valid"
    test = "test"


def evaluate(
    recipe: Recipe,
    data: Data = None,
    run_dir: RunDir = None,
    split: Annotated[Part, typer.Option("--split", help="Choose on valid, report on test.")] = Part.test,
    json: Json = False,
) -> None:
    """One table: the model and the baselines, with 95 % bootstrap intervals over users."""
    from kgrec.progress import terminal_progress

    result = open_run(recipe, data, run_dir).evaluate(split.value, terminal_progress())
    if json:
        print_json(result)
    else:
        print_evaluation(result)


def print_evaluation(result: dict[str, Any]) -> None:
    """The table on stdout, one block a cut-off."""
    say(f"{result['split']} part, {result['users']:,} users; value [95 % interval over users]")
    names = list(result["rows"][0]["metrics"])
    blocks: dict[str, list[str]] = {}
    for name in names:
        blocks.setdefault(name.partition("@")[2], []).append(name)
    for block in blocks.values():
        say()
        rows = []
        for row in result["rows"]:
            cells = []
            for name in block:
                value, low, high = row["metrics"][name]
                cells.append(f"{_short(value)} [{_short(low)}, {_short(high)}]")
            rows.append([row["name"], *cells])
        print_table(["", *block], rows)


def _short(value: float) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"
