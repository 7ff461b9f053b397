"""Files that the graph is made from: tables, RDF, RecBole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from kgrec.config.section import Name, Section

TableFormat = Literal["auto", "csv", "tsv", "parquet", "jsonl", "recbole"]
RdfFormat = Literal["auto", "nt", "nq", "ttl", "trig", "xml", "jsonld"]


class TableFile(Section):
    """How one tabular file is read.

    Attributes:
        file: path below the data directory; ``.gz`` is decompressed.
        format: ``auto`` goes by the file name; ``recbole`` is tab separated with ``name:type`` headers.
        delimiter: one character; by default the format's own.
        quote: the quote character, ``""`` for none; by default none where tabs or spaces separate, else ``"``.
        header: without one, columns are ``column_1`` … or the names in ``columns``.
        columns: names to give to the columns of a file without a header.
    """

    file: str
    format: TableFormat = "auto"
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    quote: str | None = Field(default=None, max_length=1)
    header: bool = True
    columns: tuple[str, ...] = ()


class JsonList(Section):
    """A JSON array column: scalars where ``id`` is not given, else objects.

    Attributes:
        id: key of each object that identifies the entity.
        label: key of each object that names it.
    """

    id: str | None = None
    label: str | None = None


class LiteralMatch(Section):
    """Meets an RDF node that carries the value as a literal.

    Attributes:
        predicate: IRI or prefixed name of the literal's predicate, for example ``skos:prefLabel``.
        language: only literals with this tag; any where not given.
        normalise: ``none``, ``casefold``, or ``alnum`` (case folded, letters and digits alone).
        source: only nodes of this RDF source.
    """

    predicate: str
    language: str | None = None
    normalise: Literal["none", "casefold", "alnum"] = "casefold"
    source: str | None = None


class Attribute(Section):
    """A column whose values become entities, each joined to the row's node by a relation.

    Attributes:
        column: column of the table.
        relation: relation name; by default the column's name.
        type: node type of the entities; by default the column's name in CamelCase.
        separator: splits a list such as ``a|b|c``.
        json: reads a JSON array; ``json_list = {}`` for an array of scalars.
        bucket: numbers are floored to a multiple of this (year 1994, bucket 10 → ``1990``).
        pattern: a regular expression whose first group is the value (``\\((\\d{4})\\)`` takes a year out of a title).
        iri: IRI template with ``{value}``; by default ``<base><type>/<value>``.
        match: looks the node up by a literal instead; values that meet none fall back to ``iri``.
        skip: values that mean "nothing", besides the empty string.
        normalise: ``casefold`` folds the value before it becomes an id (``Mafia`` and ``mafia`` are one tag).
    """

    column: str
    relation: Name | None = None
    type: Name | None = None
    separator: str | None = Field(default=None, min_length=1)
    json_list: JsonList | None = None
    bucket: float | None = Field(default=None, gt=0)
    pattern: str | None = None
    iri: str | None = None
    match: LiteralMatch | None = None
    skip: tuple[str, ...] = ()
    normalise: Literal["none", "casefold"] = "none"

    @model_validator(mode="after")
    def _one_shape(self) -> Attribute:
        if self.separator is not None and self.json_list is not None:
            raise ValueError("a column is either a separated list or JSON: give separator or json_list, not both")
        return self


class Join(TableFile):
    """Finds the row's key through another table: ``column`` there equals this table's ``id``, ``key`` is taken.

    ``id`` of tmdb_5000_movies.csv → links.csv: column = "tmdbId", key = "movieId".
    """

    column: str
    key: str


class TableSource(TableFile):
    """A table whose rows describe nodes.

    Attributes:
        name: source name (provenance); by default the file's stem.
        id: column with the node's key.
        type: node type; by default the interactions' item type.
        iri: IRI template with ``{id}``; by default the one of the interactions where the type is theirs, else
            ``<base><type>/<id>``.
        join: goes through another table to the key.
        label: column with the node's label.
        text: columns whose texts, joined by a line break, describe the node.
        attributes: columns that become entities and relations.
        user, timestamp: columns that say who wrote the row and when.  Such a row belongs to the (user, id) pair and
            is left out where the split holds that pair out or the row comes after the split's cut.
        duplicates: a second row with the same id: refused (``error``) or merged (``merge``).  Rows with a ``user``
            are always merged.
    """

    name: Name | None = None
    id: str
    type: Name | None = None
    iri: str | None = None
    join: Join | None = None
    label: str | None = None
    text: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    user: str | None = None
    timestamp: str | None = None
    duplicates: Literal["error", "merge"] = "error"


class RdfSource(Section):
    """An RDF file.

    Attributes:
        name: source name (provenance, named graph); by default the file's stem.
        file: path below the data directory; ``.gz`` is decompressed.
        format: ``auto`` goes by the file name.
        base: base IRI for relative references; without one they are refused.
    """

    name: Name | None = None
    file: str
    format: RdfFormat = "auto"
    base: str | None = None


class RecboleSource(Section):
    """A RecBole knowledge graph: triples and the link file that joins items to entities.

    Attributes:
        name: source name; by default the stem of ``kg``.
        kg: file with ``head_id relation_id tail_id``.
        link: file with ``item_id entity_id``; a linked entity is the item's own node.
        type: node type of entities that are no items.
    """

    name: Name | None = None
    kg: str
    link: str | None = None
    type: Name = "Entity"


ForeignName = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f\\]+$")]
"""A label, relationship type or property key in somebody's Neo4j."""


def _is_name(text: str) -> bool:
    return re.match(r"^[A-Za-z_][A-Za-z0-9_.-]*$", text) is not None


class Neo4jNodes(Section):
    """Nodes of one label.

    Attributes:
        label: nodes with it are taken, whatever other labels they have.
        key: property that identifies a node; any scalar.
        type: node type; by default the label.
        iri: IRI template with ``{id}``; by default the one of the interactions where the type is theirs, else
            ``<base><type>/<key>``.
        name: property with the node's label.
        text: properties whose texts describe the node.
    """

    label: ForeignName
    key: ForeignName
    type: Name | None = None
    iri: str | None = None
    name: ForeignName | None = None
    text: tuple[ForeignName, ...] = ()

    @model_validator(mode="after")
    def _named(self) -> Neo4jNodes:
        if self.type is None and not _is_name(self.label):
            raise ValueError(f"the label {self.label!r} cannot be a node type: give type a name of its own")
        return self


class Neo4jRelationships(Section):
    """Relationships of one type between two of the labels.

    Attributes:
        type: relationship type.
        source, target: labels of its ends, both listed under ``nodes``.
        relation: relation name; by default the type.
        interactions: these are the interactions: users at ``source``, items at ``target``.  ``interactions.value`` and
            ``interactions.timestamp`` then name properties of the relationship; other properties are dropped and
            counted, as are all properties of other relationships.
    """

    type: ForeignName
    source: ForeignName
    target: ForeignName
    relation: Name | None = None
    interactions: bool = False

    @model_validator(mode="after")
    def _named(self) -> Neo4jRelationships:
        if self.relation is None and not self.interactions and not _is_name(self.type):
            raise ValueError(f"the type {self.type!r} cannot be a relation: give relation a name of its own")
        return self


class Neo4jSource(Section):
    """Somebody's graph on a Neo4j server; only ever read.

    Attributes:
        name: source name (provenance).
        uri, database: the server, as in ``store``; no password stands here.
        nodes, relationships: what is taken.
    """

    name: Name = "neo4j"
    uri: str | None = Field(default=None, exclude=True)
    database: str | None = Field(default=None, exclude=True)
    nodes: tuple[Neo4jNodes, ...] = Field(min_length=1)
    relationships: tuple[Neo4jRelationships, ...] = ()

    @model_validator(mode="after")
    def _ends(self) -> Neo4jSource:
        labels = [nodes.label for nodes in self.nodes]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"the label {label!r} is listed twice under nodes")
        for relationship in self.relationships:
            for end in (relationship.source, relationship.target):
                if end not in labels:
                    raise ValueError(f"no nodes of the label {end!r} are listed ({', '.join(labels)})")
        return self


def source_name(source: TableSource | RdfSource | RecboleSource | Neo4jSource) -> str:
    """Name of a source: as given, else the stem of its file (``tags.csv.gz`` → ``tags``)."""
    if isinstance(source, Neo4jSource):
        return source.name
    if source.name:
        return source.name
    file = source.kg if isinstance(source, RecboleSource) else source.file
    stem = Path(file).name.split(".")[0]
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in stem) or "source"
