"""Keys and their IRIs, a column at a time."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from kgrec.config import Recipe
from kgrec.config.iris import PREFIXES, clean_key, fill
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
    iris: dict[str, str | None] = {}
    for key in keys.drop_nulls().unique().to_list():
        try:
            iris[key] = fill(template, **{field: key})
        except ValueError:
            iris[key] = None
    return keys.replace_strict(iris, return_dtype=pl.String, default=None)


def expand_template(template: str, field: str, prefixes: Mapping[str, str], where: str) -> str:
    """An IRI template with its prefix spelled out.

    Raises:
        RecipeError: the template does not hold ``{field}``.
    """
    if "{" + field + "}" not in template:
        raise RecipeError("the IRI template lacks its field", column=where, value=template, expected="{" + field + "}")
    prefix, colon, local = template.partition(":")
    known = {**PREFIXES, **prefixes}
    return known[prefix] + local if colon and prefix in known and not local.startswith("//") else template


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
