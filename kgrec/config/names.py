"""The IRIs, prefixed names and references of a recipe, checked before anything is read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kgrec.config.iris import PREFIXES, expand, expand_template, is_iri
from kgrec.config.recipe import Recipe, source_name
from kgrec.errors import RecipeError, nearest


def check_names(recipe: Recipe, path: str | Path) -> None:
    """Refuses names that can mean nothing.

    Raises:
        RecipeError: a base or prefix that is no IRI, a name whose prefix is not known, a template without its field, a
            match in a source that is not there.
    """
    for column, value, problem, known in _problems(recipe):
        close = nearest(value.partition(":")[0], known)
        raise RecipeError(
            problem, file=path, column=column, remedy=f"did you mean {close[0]!r}?" if known and close else None
        )


_Problem = tuple[str, str, str, list[str]]
"""Key, value, what is wrong, the names that it could have been."""


def _problems(recipe: Recipe) -> Iterator[_Problem]:
    if not is_iri(recipe.base) or not recipe.base.endswith(("/", "#", ":")):
        yield (
            "base",
            "",
            f"{recipe.base!r} is no beginning of IRIs; expected an absolute IRI that ends in /, # or :",
            [],
        )
    for prefix, iri in recipe.prefixes.items():
        if not is_iri(iri):
            yield f"prefixes.{prefix}", "", f"{iri!r} is no absolute IRI", []
    known = sorted({*PREFIXES, *recipe.prefixes})
    for column, name in _names(recipe):
        try:
            expand(name, recipe.prefixes)
        except ValueError as error:
            yield column, name, str(error), known
    for column, template, field in _templates(recipe):
        try:
            expand_template(template, field, recipe.prefixes)
        except ValueError as error:
            yield column, template, str(error), known
    yield from _sources(recipe)


def _names(recipe: Recipe) -> Iterator[tuple[str, str]]:
    graph = recipe.graph
    for key, names in (
        ("labels", graph.labels),
        ("text", graph.text),
        ("relations", tuple(name for name in graph.relations if name != "*")),
        ("exclude", graph.exclude),
        ("names", tuple(graph.names)),
        ("types", tuple(graph.types)),
    ):
        for name in names:
            yield f"graph.{key}", name
    for place, table in enumerate(recipe.table):
        for number, attribute in enumerate(table.attributes):
            if attribute.match is not None:
                yield f"table.{place}.attributes.{number}.match.predicate", attribute.match.predicate


def _templates(recipe: Recipe) -> Iterator[tuple[str, str, str]]:
    interactions = recipe.interactions
    for key, template in (("user_iri", interactions.user_iri), ("item_iri", interactions.item_iri)):
        if template is not None:
            yield f"interactions.{key}", template, "id"
    for place, source in enumerate(recipe.neo4j):
        for number, nodes in enumerate(source.nodes):
            if nodes.iri is not None:
                yield f"neo4j.{place}.nodes.{number}.iri", nodes.iri, "id"
    for place, table in enumerate(recipe.table):
        if table.iri is not None:
            yield f"table.{place}.iri", table.iri, "id"
        for number, attribute in enumerate(table.attributes):
            if attribute.iri is not None:
                yield f"table.{place}.attributes.{number}.iri", attribute.iri, "value"


def _sources(recipe: Recipe) -> Iterator[_Problem]:
    """The sources that matches name."""
    graphs = [*map(source_name, recipe.rdf), *map(source_name, recipe.neo4j)]
    for place, table in enumerate(recipe.table):
        for number, attribute in enumerate(table.attributes):
            wanted = attribute.match.source if attribute.match is not None else None
            if wanted is not None and wanted not in graphs:
                column = f"table.{place}.attributes.{number}.match.source"
                there = ", ".join(graphs) or "there is none"
                yield column, wanted, f"no RDF source is called {wanted!r} ({there})", graphs
