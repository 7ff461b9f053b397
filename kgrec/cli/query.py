"""``kgrec query``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say
from kgrec.errors import UserError


def query(
    recipe: Recipe,
    sparql: Annotated[
        str, typer.Argument(metavar="SPARQL", help="A SPARQL 1.1 query, or @FILE that holds one.", show_default=False)
    ],
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Ask the embedded store; read-only, over the union of the sources (GRAPH gives provenance)."""
    if sparql.startswith("@"):
        try:
            sparql = Path(sparql[1:]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"the query cannot be read: {error}", value=sparql[1:]) from error
    result = open_run(recipe, data, run_dir).query(sparql)
    if json:
        print_json(result.document())
    elif result.kind == "ask":
        say("yes" if result.boolean else "no")
    elif result.kind == "construct":
        for triple in result.triples:
            say(f"{triple} .")
    else:
        rows = [["" if term is None else getattr(term, "value", str(term)) for term in row] for row in result.rows]
        print_table(result.variables, rows)
