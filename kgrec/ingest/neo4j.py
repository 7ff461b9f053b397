"""Somebody's Neo4j graph → statements; only ever read, and streamed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import Neo4jNodes, Neo4jRelationships, Neo4jSource
from kgrec.dataset.keys import expand_template, type_template
from kgrec.errors import DataError
from kgrec.ingest.mapping import LABEL, TEXT, TYPE
from kgrec.store.neo4j.names import ENTITY, GRAPH, backticked

if TYPE_CHECKING:
    import neo4j

PUBLISHED = (
    "({0}:Explanation AND {0}.run IS NOT NULL AND {0}.model IS NOT NULL AND {0}.rank IS NOT NULL"
    " AND {0}.created IS NOT NULL)"
)
"""What kgrec has published, whether or not the graph that it is about is still there."""


def read_graph(driver: neo4j.Driver, source: Neo4jSource, recipe: Recipe, counts: Counter[str]) -> Iterator[Quad]:
    """Type, label and texts of each mapped node, and each mapped relationship that is no interaction.

    Args:
        driver: of the server; only read transactions are opened.
        source: the mapping; what kgrec itself has written into the same database is no part of it.
        recipe: base IRI and how users and items become IRIs.
        counts: is told nodes and relationships, how many were rejected and why, dropped properties.

    Raises:
        DataError: a label or relationship type of the mapping is not in the graph.
        neo4j.exceptions.Neo4jError, neo4j.exceptions.DriverError: the server's.
    """
    graph = NamedNode(iris.source_graph(recipe.base, source.name))
    with reading(driver, source) as session:
        shared = is_shared(session)
        for nodes in source.nodes:
            template = _template(nodes, recipe)
            kind = NamedNode(iris.type_iri(recipe.base, nodes.type or nodes.label))
            wanted = [nodes.key, *((nodes.name,) if nodes.name else ()), *nodes.text]
            columns = ", ".join(f"n.{backticked(name)} AS c{place}" for place, name in enumerate(wanted))
            found = 0
            match = f"MATCH (n:{backticked(nodes.label)})" + _theirs("n", shared=shared)
            for properties, key, *values in map(cells, session.run(f"{match} RETURN keys(n), {columns}")):
                found += 1
                if _lacks(key):
                    counts[f"{nodes.label} rejected: no {nodes.key}"] += 1
                    continue
                count_dropped(counts, nodes.label, properties, wanted)
                node = _node(template, key)
                counts["nodes"] += 1
                yield Quad(node, TYPE, kind, graph)
                if nodes.name and (label := values.pop(0)) is not None:
                    yield Quad(node, LABEL, Literal(as_text(label)), graph)
                text = "\n".join(as_text(value) for value in values if value is not None)
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
    for key, other, properties in map(cells, session.run(pattern(part, first, last, shared) + ", keys(r)")):
        if rejected(part, first, last, key, other, counts):
            continue
        count_dropped(counts, part.type, properties, ())
        counts["relationships"] += 1
        yield Quad(_node(templates[0], key), predicate, _node(templates[1], other), graph)


def _lacks(key: object) -> bool:
    return key is None or as_text(key) == ""


def rejected(
    part: Neo4jRelationships, first: Neo4jNodes, last: Neo4jNodes, key: object, other: object, counts: Counter[str]
) -> bool:
    """Whether an end of a relationship has no key, so that it is no node; counted with what it lacks."""
    for end, value in ((first, key), (last, other)):
        if _lacks(value):
            counts[f"{part.type} rejected: a {end.label} without {end.key}"] += 1
            return True
    return False


def count_dropped(counts: Counter[str], of: str, properties: Iterable[str], wanted: Sequence[str]) -> None:
    """Counts the properties of a node or relationship that are not wanted."""
    for name in properties:
        if name not in wanted:
            counts[f"dropped {of}.{name}"] += 1


def reading(driver: neo4j.Driver, source: Neo4jSource) -> neo4j.Session:
    """A session that reads."""
    import neo4j

    return driver.session(database=source.database, default_access_mode=neo4j.READ_ACCESS)


def is_shared(session: neo4j.Session) -> bool:
    """Whether kgrec writes into this database too."""
    return session.run(f"MATCH (g:{GRAPH}) RETURN g LIMIT 1").single() is not None


def _theirs(*nodes: str, shared: bool) -> str:
    """What nodes of theirs are: nothing that kgrec has published, and no entity where it keeps a graph here."""
    ours = [f"{PUBLISHED.format(node)}{f' OR {node}:{ENTITY}' if shared else ''}" for node in nodes]
    return f" WHERE NOT ({' OR '.join(ours)})"


def pattern(part: Neo4jRelationships, first: Neo4jNodes, last: Neo4jNodes, shared: bool) -> str:
    """A query for the keys of both ends, to be gone on with."""
    return (
        f"MATCH (a:{backticked(first.label)})-[r:{backticked(part.type)}]->(b:{backticked(last.label)})"
        f"{_theirs('a', 'b', shared=shared)} RETURN a.{backticked(first.key)}, b.{backticked(last.key)}"
    )


def cells(record: neo4j.Record) -> list[Any]:
    return record.values()


def _template(nodes: Neo4jNodes, recipe: Recipe) -> str:
    if nodes.iri is not None:
        return expand_template(nodes.iri, "id", recipe.prefixes, "neo4j.nodes.iri")
    return type_template(recipe, nodes.type or nodes.label)


def _node(template: str, key: object) -> NamedNode:
    try:
        return NamedNode(iris.fill(template, id=as_text(key)))
    except ValueError as error:
        raise DataError(f"the key makes no IRI with {template!r}", value=key, expected="an absolute IRI") from error


def as_text(value: Any) -> str:
    """A property's value as a table would have it: whole numbers without a point, times in ISO 8601."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "\n".join(map(as_text, value))
    return str(value.iso_format() if hasattr(value, "iso_format") else value)
