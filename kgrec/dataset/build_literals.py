"""Labels and texts of nodes, out of their literals."""

from __future__ import annotations

import hashlib

import polars as pl

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.build_names import expand
from kgrec.dataset.build_statements import Statements

_OPAQUE = r"^(?:[0-9a-fA-F]{16,}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"
"""Local names that name nothing: long hexadecimal hashes and UUIDs."""


def labels(statements: Statements, recipe: Recipe) -> pl.DataFrame:
    """The best label of each term that has one: columns node (code), label.

    ``graph.labels`` in their order (``rdfs:label``, which tables write, at the latest last), within one predicate the
    preferred language, then by tag and value.
    """
    predicates = [expand(name, recipe, "graph.labels") for name in recipe.graph.labels]
    chosen = _ranked(statements, [*predicates, iris.RDFS_LABEL], recipe.graph.languages)
    return chosen.unique("node", keep="first", maintain_order=True).select("node", label="value")


def labels_by_language(statements: Statements, recipe: Recipe) -> pl.DataFrame:
    """The best label of each term in each language that it is labelled in: columns node (code), language, label."""
    predicates = [expand(name, recipe, "graph.labels") for name in recipe.graph.labels]
    chosen = _ranked(statements, [*predicates, iris.RDFS_LABEL], recipe.graph.languages).filter(pl.col("tag") != "")
    return chosen.unique(["node", "tag"], keep="first", maintain_order=True).select(
        "node", language="tag", label="value"
    )


def texts(statements: Statements, recipe: Recipe) -> pl.DataFrame:
    """The text of each term that has one: columns node (code), text.

    All literals of ``graph.text`` (and what tables wrote), by predicate, language, tag and value, without repeats,
    joined by line breaks.
    """
    predicates = [expand(name, recipe, "graph.text") for name in recipe.graph.text]
    parts = _ranked(statements, [*predicates, iris.TEXT], recipe.graph.languages)
    parts = parts.unique(["node", "value"], keep="first", maintain_order=True)
    return parts.group_by("node", maintain_order=True).agg(pl.col("value").str.join("\n").alias("text"))


def _ranked(statements: Statements, predicates: list[str], languages: tuple[str, ...]) -> pl.DataFrame:
    """The non-empty literals of these predicates (node, tag, value), sorted by node and then best first."""
    place = {iri: position for position, iri in reversed(list(enumerate(predicates)))}
    predicate_rank = pl.DataFrame(
        [(code, place[iri]) for code, iri in enumerate(statements.predicates) if iri in place],
        schema={"predicate": pl.Int32, "predicate_rank": pl.Int32},
        orient="row",
    )
    language_rank = pl.DataFrame(
        [(code, _language_rank(tag, languages), tag) for code, tag in enumerate(statements.languages)],
        schema={"language": pl.Int32, "language_rank": pl.Int32, "tag": pl.String},
        orient="row",
    )
    return (
        statements.literals.join(predicate_rank, on="predicate")
        .join(language_rank, on="language")
        .with_columns(pl.col("value").str.strip_chars())
        .filter(pl.col("value") != "")
        .sort("node", "predicate_rank", "language_rank", "tag", "value")
        .select("node", "tag", "value")
    )


def _language_rank(tag: str, languages: tuple[str, ...]) -> int:
    """Position of the first preferred language that the tag is, or is a kind of (``en-gb`` is ``en``)."""
    for position, language in enumerate(languages):
        wanted = language.lower()
        if tag == wanted or (wanted and tag.startswith(wanted + "-")):
            return position
    return len(languages)


def labels_of_iris(iri: pl.Series, node_type: pl.Series, key: pl.Series) -> pl.Series:
    """Labels of nodes without a literal: the IRI's decoded local name, or type and short id where that says nothing.

    Underscores stand for spaces (``Third_Eye_Blind``), but not in a table's ``key`` (``user_7``; null for none).
    The short id is the beginning of an opaque local name (of a blank node, a long hexadecimal hash, a UUID), or of the
    IRI's SHA-256 where there is no local name.
    """
    iri, node_type = iri.alias("iri"), node_type.alias("type")
    name = iri.str.strip_chars_end("/#").str.extract(r"([^#/]*)$").str.strip_chars()
    # Only what is left without a slash needs a look at its colons, only what has a per cent sign decoding.
    special = name.str.contains("[:%]", literal=False) | (name == "")
    exact = pl.Series([iris.local_name(value).strip() for value in iri.filter(special)], dtype=pl.String)
    name = name.scatter(special.arg_true(), exact)
    name = name.zip_with((name == key).fill_null(False), name.str.replace_all("_", " ", literal=True).str.strip_chars())
    dull = (name == "") | name.str.contains(_OPAQUE) | iri.str.starts_with(iris.BNODE)
    short = [
        f"{kind} {(local or hashlib.sha256(value.encode()).hexdigest())[:8]}"
        for value, kind, local in zip(iri.filter(dull), node_type.filter(dull), name.filter(dull))
    ]
    return name.scatter(dull.arg_true(), pl.Series(short, dtype=pl.String))
