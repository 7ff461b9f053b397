"""How people are to read the graph: labels, captions and readable properties of entities."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kgrec.config.iris import RDFS_LABEL, local_name
from kgrec.store.neo4j import names
from kgrec.store.neo4j.spool import Node, Spool
from kgrec.store.neo4j.terms import decode, readable, types
from kgrec.store.neo4j.writer import NodeRow


@dataclass(frozen=True)
class Reading:
    """How people are to read the graph.

    Attributes:
        entities: id, labels, caption (None: the local name) of entities, each once; they become nodes even without a
            statement.
        relations: predicate → relationship type.
        interactions: user's id, item's id, value, time (seconds since 1970 or None), sorted by user; a call gives
            them anew.
        interactions_digest: a hash of them.
    """

    entities: Iterable[tuple[str, tuple[str, ...], str | None]] = ()
    relations: Mapping[str, str] = field(default_factory=dict)
    interactions: Callable[[], Iterable[tuple[str, str, float, int | None]]] = tuple
    interactions_digest: str | None = None


def all_labels(spool: Spool) -> set[str]:
    """The labels of all entities that are to be."""
    given, classes = spool.kinds()
    return _labels("\n".join(given), classes)


def _labels(given: str | None, texts: Iterable[str]) -> set[str]:
    """Labels that are given (joined by line breaks) and those of the classes that statements give."""
    names_given = set(given.split("\n")) if given else set()
    return {names.label(name) for name in names_given | types(texts)} - {names.ENTITY}


def node_rows(spool: Spool, written: set[str], fresh: bool) -> Iterator[NodeRow]:
    """What :meth:`Writer.nodes` takes, of every entity."""
    for node in spool.nodes():
        labels = _labels(node.labels, node.values)
        old_labels, old_values = (set[str](), set[str]()) if fresh else spool.old(node.id)
        properties: dict[str, Any] = {names.key(name): None for name in readable(old_values)}
        properties |= {names.key(name): value for name, value in readable(node.values).items()}
        properties |= {"name": node.name or _caption(node), "statements": node.values or None}
        yield node.id, tuple(sorted(labels)), tuple(sorted((old_labels & written) - labels)), properties


def _caption(node: Node) -> str:
    """The first ``rdfs:label``, else the IRI's local name."""
    found = (term.value for _, predicate, term in map(decode, node.values) if predicate == RDFS_LABEL)
    return min(found, default="") or local_name(node.id) or node.id
