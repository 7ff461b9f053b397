"""``kgrec info``"""

from __future__ import annotations

from kgrec.cli.common import Data, Json, Recipe, RunDir, open_run, print_json, print_table, say


def info(recipe: Recipe, data: Data = None, run_dir: RunDir = None, json: Json = False) -> None:
    """Counts by node type and relation, degrees, unlinked items, rejects, and what has been built."""
    about = open_run(recipe, data, run_dir).info()
    if json:
        print_json(about)
        return
    say(f"{about['name']}: {about['run_dir']}")
    say()
    print_table(
        ["stage", "state", "seconds"],
        [[stage["stage"], stage["state"], stage["seconds"] or ""] for stage in about["stages"]],
        right=(2,),
    )
    profile = about.get("profile")
    if profile:
        print_profile(profile)


def print_profile(profile: dict[str, object]) -> None:
    """The counts of a snapshot."""
    for name, value in profile.items():
        say()
        if isinstance(value, dict) and value and all(isinstance(row, dict) for row in value.values()):
            header = list(next(iter(value.values())))
            print_table([name, *header], [[key, *(row.get(h, "") for h in header)] for key, row in value.items()])
        elif isinstance(value, dict):
            print_table([name, ""], list(value.items()), right=(1,))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            header = list(value[0])
            print_table([name, *header[1:]], [[row.get(h, "") for h in header] for row in value])
        else:
            say(f"{name}: {value}")
