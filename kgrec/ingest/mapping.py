"""What a table's columns become: relations, entity types and IRIs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import Attribute
from kgrec.dataset.keys import expand_template, type_template
from kgrec.errors import RecipeError
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.values import Value, ValueFault, cell_parser

TYPE = NamedNode(iris.RDF_TYPE)
LABEL = NamedNode(iris.RDFS_LABEL)
TEXT = NamedNode(iris.TEXT)


def relation_name(attribute: Attribute) -> str:
    """As given, else the column's name with other characters as ``_``.

    Raises:
        RecipeError: the column's name makes no name.
    """
    return attribute.relation or _named(
        re.sub(r"[^A-Za-z0-9_.-]+", "_", attribute.column).strip("_"), attribute, "relation"
    )


def entity_type(attribute: Attribute) -> str:
    """As given, else the column's name in CamelCase.

    Raises:
        RecipeError: the column's name makes no name.
    """
    words = re.split(r"[^A-Za-z0-9]+", attribute.column)
    return attribute.type or _named("".join(word[:1].upper() + word[1:] for word in words), attribute, "type")


def _named(name: str, attribute: Attribute, key: str) -> str:
    if re.match(r"[A-Za-z_]", name):
        return name
    raise RecipeError(
        f"the column's name cannot be a {key}", column=attribute.column, remedy=f"give the attribute a {key} of its own"
    )


def literal(text: str, cap: int) -> Literal:
    """A plain literal of at most ``cap`` bytes.

    Raises:
        ValueFault: it is longer, or holds half a surrogate pair.
    """
    try:
        size = len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise ValueFault("the text holds half a surrogate pair", ascii(text), "text that UTF-8 can hold") from error
    if size > cap:
        raise ValueFault(f"the text has {size} bytes", text, f"at most {cap} (graph.literal_cap)")
    return Literal(text)


@dataclass(frozen=True)
class Entity:
    """A value's node, and the statements that describe it."""

    node: NamedNode
    key: str | None
    description: tuple[Quad, ...]


class AttributeMapper:
    """One attribute column: cell → relation and entities.

    Attributes:
        matched, unmatched: distinct values that met an RDF node, or none.
    """

    def __init__(self, attribute: Attribute, recipe: Recipe, graph: NamedNode, matcher: LiteralMatcher | None) -> None:
        self.attribute = attribute
        self.column = attribute.column
        self.predicate = NamedNode(iris.relation_iri(recipe.base, relation_name(attribute)))
        kind = entity_type(attribute)
        self._type = NamedNode(iris.type_iri(recipe.base, kind))
        self._graph = graph
        self._cap = recipe.graph.literal_cap
        if attribute.match is not None and matcher is None:
            raise RecipeError(
                "there is no RDF source to match values with", column=f"attributes.{attribute.column}.match"
            )
        self._matcher = matcher
        if attribute.iri is None:
            self._template, self._field = type_template(recipe, kind), "id"
        else:
            where = f"attributes.{attribute.column}.iri"
            self._template, self._field = expand_template(attribute.iri, "value", recipe.prefixes, where), "value"
        self._parse = _remembering(cell_parser(attribute)) if attribute.json_list is None else cell_parser(attribute)
        self._entities: dict[Value, Entity] = {}
        self.matched = self.unmatched = 0

    def entities(self, cell: str | None) -> list[Entity]:
        """The entities in one cell.

        Raises:
            ValueFault: the cell cannot be read.
        """
        if not cell:
            return []
        return [self._entities.get(value) or self._make(value) for value in self._parse(cell)]

    def _make(self, value: Value) -> Entity:
        rule = self.attribute.match
        if rule is not None and self._matcher is not None:
            node = self._matcher.find(rule, value.label)
            if node is not None:
                self.matched += 1
                entity = self._entities[value] = Entity(node, None, ())
                return entity
            self.unmatched += 1
        label = literal(value.label, self._cap)
        try:
            node = NamedNode(iris.fill(self._template, **{self._field: value.key}))
        except ValueError as error:
            raise ValueFault(f"the value makes no IRI with {self._template!r}", value.key, "an absolute IRI") from error
        description = (Quad(node, TYPE, self._type, self._graph), Quad(node, LABEL, label, self._graph))
        entity = self._entities[value] = Entity(node, value.key, description)
        return entity


def _remembering(parse: Callable[[str], tuple[Value, ...]], size: int = 100_000) -> Callable[[str], tuple[Value, ...]]:
    """The same function with its results kept for up to ``size`` distinct cells."""
    known: dict[str, tuple[Value, ...]] = {}

    def remembered(cell: str) -> tuple[Value, ...]:
        values = known.get(cell)
        if values is None:
            values = parse(cell)
            if len(known) < size:
                known[cell] = values
        return values

    return remembered
