"""A slice of the shipped MovieLens: small enough to run the whole comparison in a minute."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kgrec.bench.cells import write_atomic
from kgrec.config import load_recipe
from kgrec.config.recipe import TableSource
from kgrec.errors import DataError

NAME = "movielens-slice"
SOURCE = "movielens"
"""The recipe that it is cut from."""
USERS = 40

SMALL = """
[text]
types = ["Genre", "Movie"]

[embedding]
dim = 8
epochs = 4
"""


def write_slice(recipes: Path, data: Path | None, folder: Path) -> Path:
    """Ratings and tags of the first users and the films they are about, with a recipe; its path.

    The same call writes the same bytes, so nothing that was made from them becomes stale.

    Args:
        recipes: folder of the recipes.
        data: data directory instead of the recipe's.
        folder: where to.

    Raises:
        RecipeError: the recipe is missing.
        DataError: its data are.
    """
    source = recipes / f"{SOURCE}.toml"
    recipe, paths = load_recipe(source, data)
    target = folder / "data"
    for name in (recipe.interactions.file, *(table.file for table in recipe.table), *(one.file for one in recipe.rdf)):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
    kept: dict[str, pl.DataFrame] = {}
    for name, user in ((recipe.interactions.file, recipe.interactions.user), *_with_users(recipe.table)):
        rows = pl.read_csv(_existing(paths.data / name), infer_schema=False)
        kept[name] = rows.filter(pl.col(user).cast(pl.Int64) <= USERS)
    films = pl.concat(rows[recipe.interactions.item] for rows in kept.values()).unique()
    for table in recipe.table:
        if table.file not in kept:
            rows = pl.read_csv(_existing(paths.data / table.file), infer_schema=False)
            kept[table.file] = rows.filter(pl.col(table.id).is_in(films.implode()))
    for name, rows in kept.items():
        write_atomic(target / name, rows.write_csv())
    for one in recipe.rdf:
        write_atomic(target / one.file, _existing(paths.data / one.file).read_bytes())
    text = source.read_text().replace(f'name = "{SOURCE}"', f'name = "{NAME}"')
    text = text.replace(f'data = "{recipe.data}"', 'data = "data"')
    path = folder / f"{NAME}.toml"
    write_atomic(path, text[: text.index("[evaluation]")] + SMALL)
    return path


def _with_users(tables: tuple[TableSource, ...]) -> list[tuple[str, str]]:
    return [(table.file, table.user) for table in tables if table.user]


def _existing(path: Path) -> Path:
    """The path.

    Raises:
        DataError: there is no file.
    """
    if not path.is_file():
        raise DataError("no such file", file=path, remedy="name the folder of the shipped data with --data DIR")
    return path
