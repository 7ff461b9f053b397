"""Writes a commented recipe for files that nobody has described yet (``kgrec init``)."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgrec.config import parse_recipe
from kgrec.config.folders import make_folder
from kgrec.config.iris import is_iri
from kgrec.config.recipe import Attribute
from kgrec.dataset.frames import read_frame
from kgrec.dataset.interactions import read_interactions
from kgrec.dataset.keys import clean_keys
from kgrec.dataset.splits import split
from kgrec.dataset.table_files import missing
from kgrec.errors import UserError
from kgrec.ingest.guess import InteractionGuess, ItemGuess, guess_interactions, guess_items
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.probe import Probe, probe
from kgrec.ingest.recipe_text import toml_table
from kgrec.ingest.rejects import Rejects
from kgrec.ingest.sniff_rdf import RdfGlance, glance
from kgrec.ingest.tables import read_table

RECIPE = "recipe.toml"
_MANY = 10**9
_CODE = r"^column_|asin|sku|isbn|ean$|gtin|code|number|uri|url|node|^[iuv]$"
"""Names of columns that say how a thing is numbered, not what it is."""


def write_recipe(folder: Path, interactions: Path, items: Path | None = None, rdf: Path | None = None) -> Path:
    """Looks into the files and writes ``folder/recipe.toml``, which runs as it is.

    Args:
        folder: made where it does not exist.
        interactions: who interacted with what.
        items: a table that describes the items.
        rdf: an RDF file, or RecBole's ``.kg`` (its ``.link`` is looked for beside it).

    Returns:
        The recipe's path.

    Raises:
        UserError: there is a recipe already, or a file is missing or cannot be understood.
    """
    target = folder / RECIPE
    if target.exists():
        raise UserError("there is a recipe already", file=target, remedy="move it away, or name another folder")
    for path in (interactions, items, rdf):
        if path is not None and not path.is_file():
            raise missing(path, FileNotFoundError())
    text = recipe_text(
        folder.resolve(),
        interactions.resolve(),
        None if items is None else items.resolve(),
        None if rdf is None else rdf.resolve(),
    )
    make_folder(folder, "name another folder for the recipe")
    target.write_text(text, encoding="utf-8")
    return target


def recipe_text(folder: Path, interactions: Path, items: Path | None, rdf: Path | None) -> str:
    """The recipe for these files as it stands in ``folder`` (all absolute)."""
    data = Path(os.path.commonpath([path.parent for path in (interactions, items, rdf) if path is not None]))
    draft = _draft(data, interactions, items, rdf)
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", folder.name)
    head = {
        "name": name if re.match(r"[A-Za-z_]", name) else f"run_{name}",
        "seed": 42,
        "data": Path(os.path.relpath(data, folder)).as_posix(),
    }
    comments = [
        "Written by kgrec init: comments tell what was guessed; change what is wrong.",
        "data: the folder of the files.",
    ]
    body = "\n".join(draft.parts)
    rejects = _trial("\n".join([toml_table("", head), body]), data, draft.rdf)
    if rejects.rows:
        file, line, column, value, reason = rejects.rows[0]
        head["max_rejects"] = len(rejects)
        where = f"{Path(file).name}, line {line}" + (f" [{column}]" if column else "")
        comments.append(f"max_rejects: so many rows cannot be read, the first in {where}: {reason} (got {value!r}).")
    return "\n".join([toml_table("", head, comments), body])


@dataclass(frozen=True)
class _Draft:
    parts: list[str]
    rdf: RdfGlance


def _draft(data: Path, interactions: Path, items: Path | None, rdf: Path | None) -> _Draft:
    table = probe(interactions)
    guess = guess_interactions(table)
    ids = _item_ids(table, guess)
    user_type, item_type = _types(guess)
    seen = glance(rdf) if rdf is not None else RdfGlance()
    item_iri = "{id}" if ids and all(map(is_iri, ids)) else seen.item_template(ids)
    parts = [_interactions(table, data, guess, user_type, item_type, item_iri), _split(guess)]
    if rdf is not None:
        parts.append(_graph(rdf, data, seen, item_iri))
    if items is not None:
        parts += _items(probe(items), data, ids, seen)
    parts.append(
        toml_table(
            "",
            {},
            [
                "The rest has defaults; for example:",
                "[model]",
                'name = "flow"       # or linear, LightGCN, KGIN, …',
                "[evaluation]",
                "ablation = true     # the same model without the knowledge graph, for comparison",
            ],
        )
    )
    return _Draft(parts, seen)


def _trial(text: str, data: Path, seen: RdfGlance) -> Rejects:
    """Reads the tables by the recipe, so that it is known to run; gives the rows that cannot be read."""
    recipe = parse_recipe(tomllib.loads(text))
    rejects = Rejects(limit=_MANY, rows=list(seen.rejects))
    split(read_interactions(recipe, data, rejects), recipe, data, rejects)
    matcher = LiteralMatcher(seen.quads, recipe)
    for source in recipe.table:
        for _ in read_table(source, recipe, data, rejects=rejects, keys=KeyIndex(), matcher=matcher):
            pass
    return rejects


def _item_ids(table: Probe, guess: InteractionGuess) -> frozenset[str]:
    frame = read_frame(table.path, table.spec, [guess.item], rejects=Rejects(limit=_MANY))
    return frozenset(clean_keys(frame[guess.item]).drop_nulls().unique())


def _types(guess: InteractionGuess) -> tuple[str, str]:
    """``movieId`` → ``Movie``."""
    names = []
    for column, default in ((guess.user, "User"), (guess.item, "Item")):
        stem = re.sub(r"(_?id|_?iri|_?key)$", "", column, flags=re.IGNORECASE)
        words = "".join(word[:1].upper() + word[1:] for word in re.split(r"[^A-Za-z0-9]+", stem))
        plain = re.match(r"[A-Z][A-Za-z]*$", words) and not re.search(_CODE, column, flags=re.IGNORECASE)
        names.append(words if plain else default)
    return (names[0], names[1]) if names[0] != names[1] else ("User", "Item")


def _reading(table: Probe, data: Path) -> dict[str, object]:
    spec = table.spec
    values: dict[str, object] = {"file": table.path.relative_to(data).as_posix(), "delimiter": spec.delimiter}
    return values if spec.header else {**values, "header": False}


def _interactions(
    table: Probe, data: Path, guess: InteractionGuess, user_type: str, item_type: str, item_iri: str | None
) -> str:
    comments = [f"Who interacted with what. Columns found: {', '.join(table.columns)}."]
    if guess.value is not None:
        low, high = _range(table.values(guess.value))
        comments.append(f"The value was seen between {low:g} and {high:g}; threshold = N would keep those from N on.")
    if guess.timestamp is None:
        comments.append("No column with times was found: timestamp, timestamp_format.")
    if item_iri is not None:
        comments.append("item_iri: how an item's id becomes its IRI in the RDF data.")
    values = {
        **_reading(table, data),
        "user": guess.user,
        "item": guess.item,
        "value": guess.value,
        "timestamp": guess.timestamp,
        "timestamp_format": None if guess.time_format == "auto" else guess.time_format,
        "user_type": user_type,
        "item_type": item_type,
        "item_iri": item_iri,
    }
    return toml_table("[interactions]", values, comments)


def _range(values: list[str]) -> tuple[float, float]:
    numbers = [float(value) for value in values]
    return min(numbers), max(numbers)


def _split(guess: InteractionGuess) -> str:
    if guess.timestamp is None:
        comment = (
            "Without times: a tenth of each user's items, at random, is held out for test, a tenth for validation."
        )
        return toml_table("[split]", {"kind": "random", "valid": 0.1, "test": 0.1}, [comment])
    comment = "The last tenth of each user's interactions is the test part, the tenth before it validation."
    return toml_table("[split]", {"kind": "last", "valid": 0.1, "test": 0.1}, [comment])


def _graph(rdf: Path, data: Path, seen: RdfGlance, item_iri: str | None) -> str:
    file = rdf.relative_to(data).as_posix()
    if rdf.suffix == ".kg":
        link = rdf.parent / rdf.name.replace(".kg", ".link")
        values = {"name": "graph", "kg": file, "link": link.relative_to(data).as_posix() if link.is_file() else None}
        return toml_table("[[recbole]]", values, ["A knowledge graph in RecBole's format."])
    comments = ["Statements of an RDF file; every predicate between two nodes is a relation, see [graph]."]
    if item_iri is None and seen.statements:
        comments.append(
            'No IRI in it holds an item id; if items are in it, say how: interactions.item_iri = "http://…/{id}".'
        )
    if seen.base is not None:
        comments.append("base: what relative IRIs in it are relative to; a made-up one, mend it if you know better.")
    return toml_table("[[rdf]]", {"name": "graph", "file": file, "base": seen.base}, comments)


def _items(table: Probe, data: Path, ids: frozenset[str], seen: RdfGlance) -> list[str]:
    guess = guess_items(table, ids)
    keys = _keys(table, guess)
    found = len(ids.intersection(keys)) / max(len(ids), 1)
    comments = [
        f"A row describes an item. Columns found: {', '.join(table.columns)}.",
        f"{found:.0%} of the items that somebody interacted with have a row here.",
    ]
    if guess.left_out:
        comments.append(f"Not used, because they may sum up what people did later: {', '.join(guess.left_out)}.")
    values: dict[str, object] = {
        "name": "items",
        **_reading(table, data),
        "id": guess.id,
        "label": guess.label,
        "text": list(guess.text) or None,
        "duplicates": "merge" if keys.is_duplicated().any() else None,
    }
    parts = [toml_table("[[table]]", values, comments)]
    for attribute in guess.attributes:
        match = seen.match(attribute, table.values(attribute.column))
        parts.append(_attribute(attribute, match))
    return parts


def _keys(table: Probe, guess: ItemGuess) -> pl.Series:
    frame = read_frame(table.path, table.spec, [guess.id], rejects=Rejects(limit=_MANY))
    return clean_keys(frame[guess.id]).drop_nulls()


def _attribute(attribute: Attribute, match: dict[str, object] | None) -> str:
    values = attribute.model_dump(exclude_defaults=True)
    if attribute.json_list is not None:
        values["json_list"] = attribute.json_list.model_dump(exclude_none=True)
    comments = ["The values are names of nodes of the RDF file."] if match else []
    return toml_table("[[table.attributes]]", {**values, "match": match}, comments)
