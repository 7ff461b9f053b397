"""``kgrec explain``"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.common import Data, Json, Lang, Recipe, RunDir, check_all, open_run, print_json, say
from kgrec.cli.publish import As
from kgrec.errors import UserError

if TYPE_CHECKING:
    from kgrec.explain import Explanation
    from kgrec.explain.rerun import RerunExplanation

WHOLE = 100_000
"""Columns that no line fills."""
LISTED = 10
"""Items of a list that are explained."""


def explain(
    recipe: Recipe,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Whose list.", show_default=False)] = None,
    item: Annotated[
        str | None, typer.Option("--item", metavar="ID", help="Which item; else the whole list.", show_default=False)
    ] = None,
    k: Annotated[
        int | None, typer.Option("-k", "--k-paths", min=1, help="How many paths.", show_default="the recipe's")
    ] = None,
    instead_of: Annotated[
        str | None,
        typer.Option("--instead-of", metavar="ID", help="Why this item and not that one.", show_default=False),
    ] = None,
    all_users: Annotated[bool, typer.Option("--all", help="Every user's list, into a file (--out).")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F.parquet", help="File for --all.", show_default=False)
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", metavar="N", min=1, help="That share --all.", show_default="1")
    ] = None,
    length: Annotated[
        int | None,
        typer.Option("--list", metavar="N", min=1, help="How many items of a list are explained.", show_default="10"),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser", help="The link that shows it in Neo4j Browser, once it is published.")
    ] = False,
    name: As = None,
    lang: Lang = None,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Why an item is recommended: paths, what it loses without them, and what its place hangs on.

    A model of [model] name = "KGAT" and the like is no sum over paths: it is run again without single edges.
    """
    _check(user, item, instead_of, all_users, out, processes, length, browser, name)
    length = length or LISTED
    run = open_run(recipe, data, run_dir)
    if browser:
        from kgrec.publish.browser import show

        assert user is not None
        assert item is not None
        address = run.browser_link(user, item, name)
        if json:
            print_json({"link": address})
        else:
            say(address)
            show(address)
        return
    from kgrec.progress import terminal_progress

    if all_users:
        assert out is not None
        shared = processes or 1
        written = run.explain_all(out, length, paths=k, lang=lang, processes=shared, progress=terminal_progress())
        if json:
            print_json({"out": str(out), "rows": written})
        else:
            say(f"{written:,} rows in {out}")
        return
    assert user is not None
    found: Sequence[Explanation | RerunExplanation]
    if run.reruns is not None:
        items = run.recommend(user, length)["item"] if item is None else [item]
        progress = terminal_progress()
        found = [run.explain_rerun(user, one, lang=lang, instead_of=instead_of, progress=progress) for one in items]
    elif item is None:
        found = run.explain_list(user, length, paths=k, lang=lang)
    else:
        found = [run.explain(user, item, k=k, lang=lang, instead_of=instead_of)]
    if json:
        documents = [explanation.to_dict() for explanation in found]
        print_json({"user": user, "list": documents} if item is None else documents[0])
        return
    from rich.console import Console

    from kgrec.explain import Explanation
    from kgrec.explain.rerun_tree import render_rerun
    from kgrec.explain.tree import render

    # A terminal wraps; a pipe gets whole lines.
    wanted = k or run.recipe.explain.paths
    width = None if sys.stdout.isatty() else WHOLE
    tree = Console(file=sys.stdout, highlight=False, width=width)
    for explanation in found:
        shown = render(explanation) if isinstance(explanation, Explanation) else render_rerun(explanation, wanted)
        tree.print(shown, crop=False)


def _check(
    user: str | None,
    item: str | None,
    instead_of: str | None,
    all_users: bool,
    out: Path | None,
    processes: int | None,
    length: int | None,
    browser: bool,
    name: str | None,
) -> None:
    """Refuses options that contradict each other, or that nothing would read."""
    check_all(all_users, out, "reasons")
    if all_users == (user is not None):
        raise UserError("one of --user ID and --all is needed")
    if item is None and (browser or instead_of is not None):
        raise UserError("this is asked of one item", remedy="--item ID")
    if item is not None and all_users:
        raise UserError("--all explains every user's list", remedy="leave --item out")
    if item is not None and length is not None:
        raise UserError("--list is how many items of a list are explained: it takes no --item")
    if processes is not None and not all_users:
        raise UserError("--processes share --all --out FILE")
    if name is not None and not browser:
        raise UserError("--as names the published run that --browser shows", remedy="--browser")
