"""``kgrec what-if``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say

Facts = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar='"S,P,O"', help="Takes a fact away.", show_default=False),
]
MovedFacts = Annotated[
    list[str] | None, typer.Option("--add", metavar='"S,P,O"', help="Adds a fact.", show_default=False)
]


def _ids(option: str, what: str) -> typer.models.OptionInfo:
    info: typer.models.OptionInfo = typer.Option(option, metavar="ID", help=what, show_default=False)
    return info


def what_if(
    recipe: Recipe,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="Whose list.", show_default=False)] = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history", metavar="ID,ID,…|FILE", help="Of somebody who had these, the latest last.", show_default=False
        ),
    ] = None,
    drop_item: Annotated[list[str] | None, _ids("--drop-item", "Takes an interaction away.")] = None,
    add_item: Annotated[list[str] | None, _ids("--add-item", "Adds one, as the latest.")] = None,
    drop: Facts = None,
    add: MovedFacts = None,
    drop_entity: Annotated[list[str] | None, _ids("--drop-entity", "Takes all facts of a node away.")] = None,
    drop_relation: Annotated[list[str] | None, _ids("--drop-relation", "Takes all facts of a relation away.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of the lists.")] = 10,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """The list as it is and as it would be, side by side; nothing is trained, nothing stored changes.

    A flow is worked out anew where it is touched; another model (of [model] name = "linear", "KGAT" and the like) is
    run again on the edited graph, its parameters held fixed.
    """
    from kgrec.progress import terminal_progress
    from kgrec.recommend import History

    known = None
    if history is not None:
        known = History.read(history) if Path(history).is_file() else History.parse(history)
    found = open_run(recipe, data, run_dir).what_if(
        user,
        history=known,
        k=k,
        drop_items=drop_item or (),
        add_items=add_item or (),
        drop=drop or (),
        add=add or (),
        drop_entities=drop_entity or (),
        drop_relations=drop_relation or (),
        progress=terminal_progress(),
    )
    if json:
        print_json(found.to_dict())
        return
    rows = []
    for n in range(max(len(found.before), len(found.after))):
        row: list[object] = [n + 1]
        for side in (found.before, found.after):
            if n < len(side):
                one = side[n]
                row += [f"{one.label}  ({one.item})", f"{one.score:.4f}"]
            else:
                row += ["", ""]
        rows.append([*row, _moved(found.after[n].other_rank, n + 1) if n < len(found.after) else ""])
    print_table(("", "as it is", "score", "as it would be", "score", "was"), rows, right=(0, 2, 4))
    gone = [(one, after) for one, before, after in found.moved if before is not None and before <= k < (after or k + 1)]
    for one, after in gone:
        say(f"{one.label} ({one.item}): from {one.rank} to {after or 'none'}")
    if not found.moved:
        say("nothing moves")
    for note in found.notes:
        say(note)


def _moved(before: int | None, after: int) -> str:
    if before is None:
        return "new"
    return "" if before == after else f"{'▲' if after < before else '▼'} {before}"
