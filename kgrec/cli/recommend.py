"""``kgrec recommend``"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say
from kgrec.errors import UserError


def recommend(
    recipe: Recipe,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="For this user.", show_default=False)] = None,
    all_users: Annotated[bool, typer.Option("--all", help="For every user, into a file (--out).")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F.parquet", help="File for --all.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="With the strongest path of each.")] = False,
    candidates: Annotated[
        Path | None,
        typer.Option("--candidates", metavar="FILE", help="Only these items, one id a line.", show_default=False),
    ] = None,
    include_seen: Annotated[bool, typer.Option("--include-seen", help="Items the user already has, too.")] = False,
    node_type: Annotated[
        str | None, typer.Option("--type", metavar="T", help="Nodes of this type instead of items.", show_default=False)
    ] = None,
    data: Data = None,
    run_dir: RunDir = None,
    json: Json = False,
) -> None:
    """Top-k with labels."""
    from kgrec.progress import terminal_progress

    run = open_run(recipe, data, run_dir)
    if all_users:
        if out is None or user is not None or explain:
            raise UserError("--all writes every user's list: it takes --out FILE, and neither --user nor --explain")
        if out.suffix.lower() != ".parquet":
            raise UserError("the lists are written as Parquet", file=out, expected="a file name that ends in .parquet")
        written = run.recommend_all(
            out,
            k=k,
            candidates=candidates,
            include_seen=include_seen,
            node_type=node_type,
            progress=terminal_progress(),
        )
        if json:
            print_json({"out": str(out), "rows": written})
        else:
            say(f"{written:,} rows in {out}")
        return
    if user is None:
        raise UserError("for whom?", remedy="--user ID, or --all --out F.parquet")
    frame = run.recommend(
        user,
        k=k,
        candidates=candidates,
        include_seen=include_seen,
        node_type=node_type,
        progress=terminal_progress(),
    )
    if frame.is_empty():
        terminal_progress().say("nothing is left to recommend: the user has every candidate already (--include-seen)")
    items = frame.select("rank", "item", "label", "score").to_dicts()
    reasons = {}
    if explain:
        reasons = {row["item"]: run.explain(user, row["item"], k=1) for row in items}
    if json:
        for row in items:
            if explain:
                row["paths"] = reasons[row["item"]].to_dict()["paths"]
        key = run.snapshot.of_type(run.snapshot.user_type)["key"][run.snapshot.user_id(user)]
        print_json({"user": key, "items": items})
        return
    rows = [[row["rank"], row["item"], row["label"], f"{row['score']:.4f}"] for row in items]
    if not explain:
        print_table(["rank", "item", "label", "score"], rows, right=(0, 3))
        return
    for row in items:
        say(f"{row['rank']:>3}. {row['label']}  ({row['item']})  score {row['score']:.4f}")
        explanation = reasons[row["item"]]
        for path in explanation.paths:
            say(f"     {path.text}  [weight {path.weight:.3g}]")
        for note in explanation.notes:
            say(f"     {note}")
