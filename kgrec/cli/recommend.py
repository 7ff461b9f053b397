"""``kgrec recommend``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.common import Data, Json, Lang, Recipe, RunDir, check_all, open_run, print_json, print_table, say
from kgrec.errors import UserError

if TYPE_CHECKING:
    from kgrec.explain.types import Explanation
    from kgrec.pipeline.run import Run
    from kgrec.progress import Progress


def recommend(
    recipe: Recipe,
    user: Annotated[str | None, typer.Option("--user", metavar="ID", help="For this user.", show_default=False)] = None,
    history: Annotated[
        str | None,
        typer.Option(
            "--history",
            metavar="ID,ID,…|FILE",
            help="For somebody who had these, the latest last; a file has id, rating, time.",
            show_default=False,
        ),
    ] = None,
    ratings: Annotated[
        str | None, typer.Option("--ratings", metavar="R,R,…", help="One for each of --history.", show_default=False)
    ] = None,
    new_item: Annotated[
        Path | None,
        typer.Option(
            "--new-item",
            metavar="FILE",
            help="Users for an item that came after training (JSON, TOML); with --user its place in their list.",
            show_default=False,
        ),
    ] = None,
    all_users: Annotated[bool, typer.Option("--all", help="For every user, into a file (--out).")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="F.parquet", help="File for --all.", show_default=False)
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many.")] = 10,
    knowledge: Annotated[
        float | None,
        typer.Option(
            "--knowledge",
            metavar="K",
            help="From 0, the model as trained, to 1, literal knowledge and text alone.",
            show_default="the recipe's",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="With the strongest path of each; with --new-item those of the new items.")
    ] = False,
    lang: Lang = None,
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

    progress = terminal_progress()
    restricted = candidates is not None or include_seen
    _check(user, history, ratings, new_item, all_users, out, explain, node_type, lang, restricted)
    run = open_run(recipe, data, run_dir)
    if knowledge is not None:
        run = run.at_knowledge(knowledge)
    if new_item is not None:
        _arrivals(run, new_item, user, k, explain, lang, candidates, include_seen, json, progress)
        return
    which: dict[str, Any] = {
        "k": k,
        "candidates": candidates,
        "include_seen": include_seen,
        "node_type": node_type,
        "progress": progress,
    }
    if all_users and out is not None:
        written = run.recommend_all(out, **which)
        if json:
            print_json({"out": str(out), "rows": written})
        else:
            say(f"{written:,} rows in {out}")
        return
    if history is not None:
        from kgrec.recommend import History

        known = History.read(history) if Path(history).is_file() else History.parse(history)
        if ratings is not None:
            known = known.rated(History.parse(history, ratings).ratings or ())
        if not known.items:
            progress.say("the history is empty: popularity alone ranks")
        frame = run.recommend_history(known, **which)
        person: dict[str, Any] = {"history": list(known.items)}
    else:
        assert user is not None
        frame = run.recommend(user, **which)
        person = {"user": run.snapshot.of_type(run.snapshot.user_type)["key"][run.snapshot.user_id(user)]}
    if frame.is_empty():
        whose = "the user has" if history is None else "the history holds"
        progress.say(f"nothing is left to recommend: {whose} every candidate already (--include-seen)")
    items = frame.select("rank", "item", "label", "score").to_dicts()
    reasons = {row["item"]: run.explain(user, row["item"], k=1, lang=lang) for row in items} if explain and user else {}
    _show(person, items, reasons, json)


def _check(
    user: str | None,
    history: str | None,
    ratings: str | None,
    new_item: Path | None,
    all_users: bool,
    out: Path | None,
    explain: bool,
    node_type: str | None,
    lang: str | None,
    restricted: bool,
) -> None:
    """Refuses options that contradict each other, or that nothing would read, before anything is read."""
    if history is None and ratings is not None:
        raise UserError("--ratings are those of --history ID,ID,…")
    if lang is not None and not explain:
        raise UserError("--lang is the language of reasons: it needs --explain")
    check_all(all_users, out, "lists")
    if all_users:
        if user is not None or history is not None or new_item is not None or explain:
            raise UserError(
                "--all writes every user's list: it takes neither --user nor --history nor --new-item nor --explain"
            )
        return
    if user is None and history is None and new_item is None:
        raise UserError("for whom?", remedy="--user ID, --history ID,ID,…, --new-item FILE, or --all --out F.parquet")
    if history is not None and (user is not None or new_item is not None):
        raise UserError("--history is somebody whom the data do not have: it takes neither --user nor --new-item")
    if history is not None and explain:
        raise UserError("--explain needs --user")
    if new_item is not None and node_type is not None:
        raise UserError("--new-item ranks users, or items for a user: it takes no --type")
    if new_item is not None and user is None and explain:
        raise UserError("--explain needs --user")
    if new_item is not None and user is None and restricted:
        raise UserError("--candidates and --include-seen are about a user's list", remedy="--user ID")


def _show(person: dict[str, Any], items: list[dict[str, Any]], reasons: dict[str, Explanation], json: bool) -> None:
    if json:
        for row in items:
            if row["item"] in reasons:
                row["paths"] = reasons[row["item"]].to_dict()["paths"]
        print_json({**person, "items": items})
        return
    if not reasons:
        rows = [[row["rank"], row["item"], row["label"], f"{row['score']:.4f}"] for row in items]
        print_table(["rank", "item", "label", "score"], rows, right=(0, 3))
        return
    from kgrec.explain.language import Language

    for row in items:
        score = Language.of(reasons[row["item"]].lang).say("tree.score", score=f"{row['score']:.4f}")
        say(f"{row['rank']:>3}. {row['label']}  ({row['item']})  {score}")
        _reasons(reasons[row["item"]])


def _reasons(explanation: Explanation) -> None:
    from kgrec.explain.language import Language

    language = Language.of(explanation.lang)
    for path in explanation.paths:
        # what the item loses without the path; what the path carries, where that is not known
        if path.effect is None:
            told = language.say("tree.weight", weight=f"{path.weight:.3g}")
        else:
            told = language.say("tree.effect", effect=f"{path.effect:.3g}")
        say(f"     {path.text}  [{told}]")
    for note in explanation.notes:
        say(f"     {note}")


def _arrivals(
    run: Run,
    file: Path,
    user: str | None,
    k: int,
    explain: bool,
    lang: str | None,
    candidates: Path | None,
    include_seen: bool,
    json: bool,
    progress: Progress,
) -> None:
    """Users for new items, or a list with the new items in it."""
    arrivals = run.arrivals(file, progress)
    progress.say("new items are carried by content: their text and links against those of the items that were there")
    if user is None:
        rows = arrivals.users(k, progress).to_dicts()
        if json:
            found = [
                {
                    "item": item.id,
                    "carried_by": "content",
                    "users": [
                        {key: row[key] for key in ("rank", "user", "score")} for row in rows if row["item"] == item.id
                    ],
                }
                for item in arrivals.items
            ]
            print_json({"items": found})
            return
        table = [[row["item"], row["rank"], row["user"], f"{row['score']:.4f}"] for row in rows]
        print_table(["item", "rank", "user", "score"], table, right=(1, 3))
        return
    number = run.snapshot.user_id(user)
    frame = run.listed(arrivals, user, k=k, candidates=candidates, include_seen=include_seen, progress=progress)
    rows = frame.to_dicts()
    reasons = {}
    if explain:
        from kgrec.explain.newcomer import explain_arrival
        from kgrec.explain.wording import Wordings

        wording = Wordings(run.snapshot, run.recipe.explain).of(lang)
        place = {row["item"]: row["rank"] for row in rows}
        reasons = {
            item.id: explain_arrival(arrivals, n, number, place[item.id], wording=wording)
            for n, item in enumerate(arrivals.items)
        }
    if json:
        for row in rows:
            if row["new"]:
                row["carried_by"] = "content"
            if row["item"] in reasons:
                row["paths"] = reasons[row["item"]].to_dict()["paths"]
        print_json({"user": run.snapshot.of_type(run.snapshot.user_type)["key"][number], "items": rows})
        return
    table = [
        [row["rank"], row["item"], row["label"], f"{row['score']:.4f}", "new: by content" if row["new"] else ""]
        for row in rows
    ]
    print_table(["rank", "item", "label", "score", ""], table, right=(0, 3))
    for item in arrivals.items:
        if item.id in reasons:
            say(f"{item.name}  ({item.id})")
            _reasons(reasons[item.id])
