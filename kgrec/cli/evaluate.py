"""``kgrec evaluate``"""

from __future__ import annotations

from enum import StrEnum
from shutil import get_terminal_size
from typing import Annotated, Any

import typer

from kgrec.cli.common import Data, Json, Recipe, RunDir, Store, open_run, print_json, print_table, say

CELL = len("-.0123 [-.0123, -.0123]")
"""Columns of a terminal that a value with its interval takes, at most."""


class Part(StrEnum):
    """A held-out part."""

    valid = "valid"
    test = "test"


def evaluate(
    recipe: Recipe,
    data: Data = None,
    run_dir: RunDir = None,
    store: Store = None,
    split: Annotated[Part, typer.Option("--split", help="Choose on valid, report on test.")] = Part.test,
    json: Json = False,
) -> None:
    """One table: the model and the baselines, with 95 % bootstrap intervals over users."""
    from kgrec.progress import terminal_progress

    result = open_run(recipe, data, run_dir, store=store).evaluate(split.value, terminal_progress())
    if json:
        print_json(result)
    else:
        print_evaluation(result)


def print_evaluation(result: dict[str, Any]) -> None:
    """The table on stdout, one block a cut-off; then what the model is ahead or behind by, and the rating models."""
    say(f"{result['split']} part, {result['users']:,} users, {result['candidates']:,} items ranked")
    say("value [95 % interval over users]")
    blocks: dict[str, list[str]] = {}
    for name in result["rows"][0]["metrics"]:
        blocks.setdefault(name.partition("@")[2], []).append(name)
    for block in blocks.values():
        _print_block("", block, {row["name"]: row["metrics"] for row in result["rows"]})
    differences = {f"− {item['against']}": item["metrics"] for item in result["differences"]}
    if differences:
        first = [name for name in next(iter(blocks.values())) if name in next(iter(differences.values()))]
        _print_block(f"{result['rows'][0]['name']}, user by user", first, differences)
    for item in result["skipped"]:
        say(f"\n{item['name']} is left out: {item['reason']}")
    if "ratings" in result:
        ratings = {row["name"]: row["metrics"] for row in result["ratings"]["rows"]}
        _print_block("ratings", list(next(iter(ratings.values()))), ratings)


def _print_block(title: str, names: list[str], rows: dict[str, dict[str, list[float]]]) -> None:
    """The metrics beside each other, in as many tables as the terminal's width asks for."""
    label_width = max(map(len, (title, *rows)))
    fit = max((get_terminal_size((120, 24)).columns - label_width) // (CELL + 2), 1)
    for start in range(0, len(names), fit):
        part = names[start : start + fit]
        say()
        print_table([title, *part], [[label, *(_cell(row[name]) for name in part)] for label, row in rows.items()])


def _cell(interval: list[float]) -> str:
    value, low, high = (_short(number) for number in interval)
    return f"{value} [{low}, {high}]"


def _short(value: float) -> str:
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"
