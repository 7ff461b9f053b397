"""The graph and where it is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from kgrec.config.section import Name, Section


class GraphConfig(Section):
    """How statements become nodes, edges, labels and texts.  Predicates are IRIs or prefixed names.

    Attributes:
        labels: literal predicates that name a node, best first.
        text: literal predicates that describe a node; all of them are joined by line breaks.
        languages: preferred language tags, best first; ``""`` is no tag.  A literal in another language comes last.
        relations: predicates that are relations; ``*`` takes every predicate whose object is a node.
        exclude: predicates that never are.
        names: predicate → relation name; by default the IRI's local name.
        types: class → node type name; by default the IRI's local name.
        type_order: which type wins where a node has several; the others come after, alphabetically.
        ranges: relation name → type of untyped targets; ``rdfs:range`` statements in the data count too.
        literal_cap: longest literal in bytes.
    """

    labels: tuple[str, ...] = ("rdfs:label", "skos:prefLabel", "schema:name", "foaf:name")
    text: tuple[str, ...] = (
        "kgrec:text",
        "dcterms:description",
        "rdfs:comment",
        "skos:definition",
        "schema:description",
    )
    languages: tuple[str, ...] = ("en", "")
    relations: tuple[str, ...] = ("*",)
    exclude: tuple[str, ...] = ()
    names: dict[str, Name] = Field(default_factory=dict)
    types: dict[str, Name] = Field(default_factory=dict)
    type_order: tuple[str, ...] = ()
    ranges: dict[str, Name] = Field(default_factory=dict)
    literal_cap: int = Field(default=1_048_576, gt=0)


class StoreConfig(Section):
    """Where the knowledge graph is kept.  No password stands here, and none of this is part of what a stage is.

    Attributes:
        kind: ``oxigraph``: embedded, in the run directory.  ``neo4j``: on a server.
        uri: Neo4j's address, such as ``neo4j://localhost:7687``; by default ``NEO4J_URI``, else the managed server's.
        database: its name; by default ``NEO4J_DATABASE``, else the user's home database.
        bulk: loads an empty managed server by its import tool, as graphs of a million edges are anyway.
    """

    kind: Literal["oxigraph", "neo4j"] = "oxigraph"
    uri: str | None = Field(default=None, exclude=True)
    database: str | None = Field(default=None, exclude=True)
    bulk: bool = False
