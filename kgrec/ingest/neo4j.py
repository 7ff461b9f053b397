"""Somebody's Neo4j graph → statements and interactions; only ever read, and streamed."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import Neo4jNodes, Neo4jRelationships, Neo4jSource
from kgrec.dataset.keys import expand_template, type_template
from kgrec.errors import DataError
from kgrec.ingest.mapping import LABEL, TEXT, TYPE
from kgrec.store.neo4j.names import GRAPH, backticked

if TYPE_CHECKING:
    import neo4j

USER, ITEM = "user", "item"
"""Columns of the interactions' file, before those of the relationship's properties."""

THEIRS = "NOT {0}:Entity AND NOT ({0}:Explanation AND EXISTS {{ ({0})-[:FOR]->(:Entity) }})"
"""What a node of theirs is in a database into which kgrec writes too: no entity, no published explanation."""


def read_graph(driver: neo4j.Driver, source: Neo4jSource, recipe: Recipe, counts: Counter[str]) -> Iterator[Quad]:
    """Type, label and texts of each mapped node, and each mapped relationship that is no interaction.

    Args:
        driver: of the server; only read transactions are opened.
        source: the mapping; what kgrec itself has written into the same database is no part of it.
        recipe: base IRI and how users and items become IRIs.
        counts: is told nodes, relationships, nodes without a key, dropped properties.

    Raises:
        DataError: a label or relationship type of the mapping is not in the graph.
        neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError: the server's.
    """
    graph = NamedNode(iris.source_graph(recipe.base, source.name))
    with _reading(driver, source) as session:
        shared = _shared(session)
        for nodes in source.nodes:
            template = _template(nodes, recipe)
            kind = NamedNode(iris.type_iri(recipe.base, nodes.type or nodes.label))
            wanted = [nodes.key, *((nodes.name,) if nodes.name else ()), *nodes.text]
            columns = ", ".join(f"n.{backticked(name)} AS c{place}" for place, name in enumerate(wanted))
            found = 0
            match = f"MATCH (n:{backticked(nodes.label)})" + _theirs("n", shared=shared)
            for key, *values in map(_values, session.run(f"{match} RETURN {columns}")):
                found += 1
                if key is None or _text(key) == "":
                    counts[f"{nodes.label} nodes without {nodes.key}"] += 1
                    continue
                node = _node(template, key)
                counts["nodes"] += 1
                yield Quad(node, TYPE, kind, graph)
                if nodes.name and (label := values.pop(0)) is not None:
                    yield Quad(node, LABEL, Literal(_text(label)), graph)
                text = "\n".join(_text(value) for value in values if value is not None)
                if text:
                    yield Quad(node, TEXT, Literal(text), graph)
            if not found:
                raise DataError(f"the graph at {source.name!r} has no nodes labelled {nodes.label!r}")
        for part in source.relationships:
            if not part.interactions:
                yield from _edges(session, source, part, recipe, graph, counts, shared)


def _edges(
    session: neo4j.Session,
    source: Neo4jSource,
    part: Neo4jRelationships,
    recipe: Recipe,
    graph: NamedNode,
    counts: Counter[str],
    shared: bool,
) -> Iterator[Quad]:
    ends = {nodes.label: nodes for nodes in source.nodes}
    first, last = ends[part.source], ends[part.target]
    templates = _template(first, recipe), _template(last, recipe)
    predicate = NamedNode(iris.relation_iri(recipe.base, part.relation or part.type))
    for key, other, properties in map(_values, session.run(_pattern(part, first, last, shared) + ", keys(r)")):
        for name in properties:
            counts[f"dropped {part.type}.{name}"] += 1
        if key is None or other is None:
            counts[f"{part.type} between nodes without a key"] += 1
            continue
        counts["relationships"] += 1
        yield Quad(_node(templates[0], key), predicate, _node(templates[1], other), graph)


def write_interactions(
    driver: neo4j.Driver, source: Neo4jSource, part: Neo4jRelationships, recipe: Recipe, out: Path, counts: Counter[str]
) -> None:
    """The interactions as a CSV file: user, item and the properties that ``interactions`` names, sorted.

    Args:
        driver: of the server; only read transactions are opened.
        source, part: the mapping, and its kind of relationship that the interactions are.
        recipe: names the properties with value and time.
        out: the file.
        counts: is told the interactions, and how often each other property was dropped.
    """
    wanted = [name for name in (recipe.interactions.value, recipe.interactions.timestamp) if name is not None]
    ends = {nodes.label: nodes for nodes in source.nodes}
    columns = "".join(f", r.{backticked(name)}" for name in wanted)
    rows: list[tuple[str, ...]] = []
    with _reading(driver, source) as session:
        cypher = _pattern(part, ends[part.source], ends[part.target], _shared(session)) + ", keys(r)" + columns
        for user, item, properties, *values in map(_values, session.run(cypher)):
            for name in properties:
                if name not in wanted:
                    counts[f"dropped {part.type}.{name}"] += 1
            rows.append(tuple("" if value is None else _text(value) for value in (user, item, *values)))
    counts["interactions"] += len(rows)
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([USER, ITEM, *wanted])
        # the server's order means nothing; the same graph gives the same file
        writer.writerows(sorted(rows))


def _reading(driver: neo4j.Driver, source: Neo4jSource) -> neo4j.Session:
    import neo4j

    return driver.session(database=source.database, default_access_mode=neo4j.READ_ACCESS)


def _shared(session: neo4j.Session) -> bool:
    """Whether kgrec writes into this database too."""
    return session.run(f"MATCH (g:{GRAPH}) RETURN g LIMIT 1").single() is not None


def _theirs(*nodes: str, shared: bool) -> str:
    return " WHERE " + " AND ".join(map(THEIRS.format, nodes)) if shared else ""


def _pattern(part: Neo4jRelationships, first: Neo4jNodes, last: Neo4jNodes, shared: bool) -> str:
    return (
        f"MATCH (a:{backticked(first.label)})-[r:{backticked(part.type)}]->(b:{backticked(last.label)})"
        f"{_theirs('a', 'b', shared=shared)} RETURN a.{backticked(first.key)}, b.{backticked(last.key)}"
    )


def _values(record: neo4j.Record) -> list[Any]:
    return record.values()


def _template(nodes: Neo4jNodes, recipe: Recipe) -> str:
    if nodes.iri is not None:
        return expand_template(nodes.iri, "id", recipe.prefixes, "neo4j.nodes.iri")
    return type_template(recipe, nodes.type or nodes.label)


def _node(template: str, key: object) -> NamedNode:
    try:
        return NamedNode(iris.fill(template, id=_text(key)))
    except ValueError as error:
        raise DataError(f"the key makes no IRI with {template!r}", value=key, expected="an absolute IRI") from error


def _text(value: Any) -> str:
    """A property's value as a table would have it: whole numbers without a point, times in ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "\n".join(map(_text, value))
    return str(value.iso_format() if hasattr(value, "iso_format") else value)
