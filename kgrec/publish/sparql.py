"""The queries with which people read published interventions from RDF, one a need."""

from __future__ import annotations

from pathlib import Path

from kgrec.config.iris import KGREC
from kgrec.errors import StorageError
from kgrec.publish.records import Record

PREFIX = f"PREFIX kgrec: <{KGREC}>\n"


def facts_of_user(graph: str, user: str, limit: int = 25) -> str:
    """The facts that matter most to a user (an IRI): what the list loses without each."""
    return (
        f"{PREFIX}SELECT ?fact ?effect ?places {{\n  GRAPH <{graph}> {{\n"
        f'    ?w kgrec:user <{user}> ; kgrec:kind "fact" ; kgrec:text ?fact ; kgrec:effect ?effect ;\n'
        "       kgrec:changed ?places .\n  }\n}\n"
        f"ORDER BY DESC(?effect) ?fact LIMIT {limit}"
    )


def entities_of_lists(graph: str, limit: int = 25) -> str:
    """The entities that, if they were gone, would change most lists."""
    return (
        f"{PREFIX}SELECT ?entity (SUM(IF(?changed > 0, 1, 0)) AS ?lists) (SUM(?changed) AS ?places)"
        f" (SUM(?lost) AS ?effect) {{\n  GRAPH <{graph}> {{\n"
        '    ?w kgrec:kind "entity" ; kgrec:without ?entity ; kgrec:changed ?changed ; kgrec:effect ?lost .\n'
        "  }\n}\n"
        f"GROUP BY ?entity ORDER BY DESC(?lists) DESC(?places) DESC(?effect) ?entity LIMIT {limit}"
    )


def list_without(graph: str, user: str, item: str) -> str:
    """What a user (an IRI) would see had they never interacted with an item (an IRI)."""
    return (
        f"{PREFIX}SELECT ?rank ?item ?was {{\n  GRAPH <{graph}> {{\n"
        f'    ?w kgrec:user <{user}> ; kgrec:kind "interaction" ; kgrec:without <{item}> ; kgrec:place ?p .\n'
        "    ?p kgrec:at ?rank ; kgrec:listed ?item .\n    OPTIONAL { ?p kgrec:was ?was }\n  }\n}\n"
        "ORDER BY ?rank"
    )


def write_files(folder: Path, graph: str, example: Record) -> tuple[Path, ...]:
    """Writes the queries, with a record to begin with.

    Raises:
        StorageError: they cannot be written.
    """
    user = example.user.node.id
    had = example.reasons[0].path.nodes[1].id if example.reasons else example.item.id
    queries = {
        "facts-of-a-user": facts_of_user(graph, user),
        "entities-of-lists": entities_of_lists(graph),
        "list-without": list_without(graph, user, had),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, query in queries.items():
            (folder / f"{name}.rq").write_text(f"{query}\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return tuple(folder / f"{name}.rq" for name in queries)
