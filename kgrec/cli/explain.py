"""``kgrec explain``"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, Lang, Recipe, RunDir, open_run, print_json, say
from kgrec.cli.publish import As

WHOLE = 100_000
"""Columns that no line fills."""


def explain(
    recipe: Recipe,
    user: Annotated[str, typer.Option("--user", metavar="ID", show_default=False)],
    item: Annotated[str, typer.Option("--item", metavar="ID", show_default=False)],
    k: Annotated[int | None, typer.Option("-k", min=1, help="How many paths.", show_default="the recipe's")] = None,
    browser: Annotated[
        bool, typer.Option("--browser", help="The link that shows it in Neo4j Browser, once it is published.")
    ] = False,
    name: As = None,
    lang: Lang = None,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """The paths that carry a recommendation, as sentences and as a tree."""
    if browser:
        from kgrec.publish.browser import show

        address = open_run(recipe, data, run_dir).browser_link(user, item, name)
        if json:
            print_json({"link": address})
        else:
            say(address)
            show(address)
        return
    explanation = open_run(recipe, data, run_dir).explain(user, item, k=k, lang=lang)
    if json:
        print_json(explanation.to_dict())
        return
    from rich.console import Console

    from kgrec.explain.tree import render

    # A terminal wraps; a pipe gets whole lines.
    width = None if sys.stdout.isatty() else WHOLE
    tree = Console(file=sys.stdout, highlight=False, width=width)
    tree.print(render(explanation), crop=False)
