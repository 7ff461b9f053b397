"""``kgrec info``"""

from __future__ import annotations

from collections.abc import Mapping

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say


def info(recipe: Recipe, data: Data = None, run_dir: RunDir = None, json: Json = False) -> None:
    """Counts by node type and relation, degrees, unlinked items, rejects, and what has been built."""
    about = open_run(recipe, data, run_dir).info()
    if json:
        print_json(about)
        return
    say(f"{about['name']}: {about['run_dir']}")
    say()
    stages = [[stage["stage"], stage["state"], _shown(stage["seconds"])] for stage in about["stages"]]
    print_table(["stage", "state", "seconds"], stages, right=(2,))
    for name, part in about.get("profile", {}).items():
        say()
        _print_part(name.replace("_", " "), part)


def _print_part(name: str, part: Mapping[str, object]) -> None:
    """A part of the profile: a table where its values are tables themselves, else one line a value."""
    rows = {key: value for key, value in part.items() if isinstance(value, Mapping)}
    if len(rows) < len(part):
        pairs = [[key.replace("_", " "), _shown(value)] for key, value in part.items()]
        print_table([name, ""], pairs, right=(1,))
        return
    header = list(dict.fromkeys(key for row in rows.values() for key in row))
    cells = [[key, *(_shown(row.get(column)) for column in header)] for key, row in rows.items()]
    numbers = [
        i + 1
        for i, column in enumerate(header)
        if all(isinstance(row.get(column, 0), int | float) for row in rows.values())
    ]
    print_table([name, *(column.replace("_", " ") for column in header)], cells, right=numbers)


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1 else f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
