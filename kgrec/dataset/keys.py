"""Keys and their IRIs, a column at a time."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from kgrec.config import Recipe, iris
from kgrec.config.iris import clean_key, fill
from kgrec.errors import RecipeError


def clean_keys(column: pl.Series) -> pl.Series:
    """Every value as :func:`kgrec.config.iris.clean_key` has it; null where nothing is left."""
    distinct = column.drop_nulls().unique().to_list()
    cleaned = {value: clean_key(value) or None for value in distinct}
    if all(value == clean for value, clean in cleaned.items()):
        return column
    return column.replace_strict(cleaned, return_dtype=pl.String, default=None)


def iris_of(keys: pl.Series, template: str, field: str = "id") -> pl.Series:
    """The IRI of each key; null where the template and the key make no IRI."""
    filled: dict[str, str | None] = {}
    for key in keys.drop_nulls().unique().to_list():
        try:
            filled[key] = fill(template, **{field: key})
        except ValueError:
            filled[key] = None
    return keys.replace_strict(filled, return_dtype=pl.String, default=None)


def expand_template(template: str, field: str, prefixes: Mapping[str, str], where: str) -> str:
    """An IRI template with its prefix spelled out.

    Raises:
        RecipeError: the template does not hold ``{field}``, or makes no IRI.
    """
    try:
        return iris.expand_template(template, field, prefixes)
    except ValueError as error:
        raise RecipeError(str(error), column=where) from error


def type_template(recipe: Recipe, node_type: str) -> str:
    """IRI template with ``{id}`` of the rows of a type: the interactions' own for users and items."""
    interactions = recipe.interactions
    given = {
        interactions.user_type: ("user_iri", interactions.user_iri),
        interactions.item_type: ("item_iri", interactions.item_iri),
    }
    name, template = given.get(node_type, ("iri", None))
    if template is None:
        return f"{recipe.base}{node_type}/{{id}}"
    return expand_template(template, "id", recipe.prefixes, f"interactions.{name}")
