"""``kgrec publish``"""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.common import Data, Json, Lang, Recipe, RunDir, open_run, print_json, say
from kgrec.errors import UserError

if TYPE_CHECKING:
    from kgrec.pipeline.publish import Published


class Place(StrEnum):
    """Where people read explanations."""

    neo4j = "neo4j"
    rdf = "rdf"


As = Annotated[
    str | None,
    typer.Option("--as", metavar="RUN", help="The run's name.", show_default="the recipe's, the run directory's"),
]


def publish(
    recipe: Recipe,
    to: Annotated[Place, typer.Option("--to", help="Neo4j, or a named graph in the run's store.", show_default=False)],
    users: Annotated[
        str | None, typer.Option("--users", metavar="ID,ID,…", help="Of these users.", show_default=False)
    ] = None,
    all_users: Annotated[bool, typer.Option("--all-users", help="Of every user.")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="Length of a list.")] = 10,
    name: As = None,
    lang: Lang = None,
    knowledge: Annotated[
        float | None,
        typer.Option(
            "--knowledge", metavar="K", help="The dial, as of `kgrec recommend`.", show_default="the recipe's"
        ),
    ] = None,
    interventions: Annotated[
        bool, typer.Option(help="Lists without interactions, facts and entities too; of hubs they take seconds each.")
    ] = True,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Explanations where people read them; what the run had published of these users is replaced."""
    from kgrec.progress import terminal_progress

    wanted = [user.strip() for user in (users or "").split(",") if user.strip()]
    if bool(wanted) == all_users:
        raise UserError("of whom?", remedy="--users ID,ID,… or --all-users")
    run = open_run(recipe, data, run_dir)
    if knowledge is not None:
        run = run.at_knowledge(knowledge)
    people = None if all_users else wanted
    progress = terminal_progress()
    done = run.publish(to.value, people, k, name=name, lang=lang, interventions=interventions, progress=progress)
    if json:
        print_json(asdict(done) | {"files": [str(file) for file in done.files]})
    else:
        _show(done)


def _show(done: Published) -> None:
    people = "1 user" if done.users == 1 else f"{done.users:,} users"
    say(f"{done.explanations:,} explanations of {people} in {done.place}, as run {done.run}")
    if done.to == "rdf":
        say(f"  read them   kgrec query RECIPE 'SELECT * {{ GRAPH <{done.place}> {{ ?s ?p ?o }} }}'")
        for file in done.files:
            say(f"              kgrec query RECIPE @{file}")
        return
    if done.files:
        say(f"  style       {done.files[0]}")
        say(f"  favourites  {done.files[2]} (their text: {done.files[1].name})")
        say("  drop both onto the window of Neo4j Browser; then open")
        say(f"  {done.link}")
