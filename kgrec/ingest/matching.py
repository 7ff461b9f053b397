"""Meets table values with RDF nodes that carry them as a literal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config import Recipe, iris
from kgrec.config.recipe import LiteralMatch
from kgrec.errors import RecipeError


class Statements(Protocol):
    """Looks statements up, as :meth:`kgrec.store.GraphStore.quads` does."""

    def __call__(self, *, predicate: str | None = None, source: str | None = None) -> Iterable[Quad]: ...


class LiteralMatcher:
    """Finds the node for a value; each rule's index is built once, when first asked for.

    Attributes:
        ambiguous: number of normalised values that several nodes carry; the smallest IRI is taken.
    """

    def __init__(self, statements: Statements, recipe: Recipe) -> None:
        """
        Args:
            statements: ``store.quads`` of a store that holds the RDF sources already.
            recipe: its prefixes and base.
        """
        self._statements = statements
        self._recipe = recipe
        self._indexes: dict[LiteralMatch, Mapping[str, NamedNode]] = {}
        self.ambiguous: Counter[str] = Counter()

    def find(self, rule: LiteralMatch, value: str) -> NamedNode | None:
        """The node that carries the value under this rule.

        Raises:
            RecipeError: the rule's predicate is no IRI, or no statement has it.
        """
        index = self._indexes.get(rule)
        if index is None:
            index = self._indexes[rule] = self._build(rule)
        return index.get(normalise(value, rule.normalise))

    def _build(self, rule: LiteralMatch) -> Mapping[str, NamedNode]:
        try:
            predicate = iris.expand(rule.predicate, self._recipe.prefixes)
        except ValueError as error:
            raise RecipeError(str(error), column="match.predicate", value=rule.predicate) from error
        graph = None if rule.source is None else iris.source_graph(self._recipe.base, rule.source)
        nodes: dict[str, set[str]] = {}
        for quad in self._statements(predicate=predicate, source=graph):
            if not isinstance(quad.object, Literal) or not isinstance(quad.subject, NamedNode):
                continue
            if rule.language is not None and (quad.object.language or "") != rule.language.lower():
                continue
            nodes.setdefault(normalise(quad.object.value, rule.normalise), set()).add(quad.subject.value)
        if not nodes:
            where = f" in the source {rule.source!r}" if rule.source else ""
            raise RecipeError(
                f"no node carries a literal under this predicate{where}",
                column="match.predicate",
                value=rule.predicate,
                remedy="check predicate, language and source, and that the RDF file is among the sources",
            )
        self.ambiguous[rule.predicate] += sum(len(found) > 1 for found in nodes.values())
        return {value: NamedNode(min(found)) for value, found in nodes.items()}


def normalise(value: str, how: str) -> str:
    """``none``: cleaned as a key; ``casefold``: and case folded; ``alnum``: and letters and digits alone."""
    value = iris.clean_key(value)
    if how == "none":
        return value
    value = value.casefold()
    return value if how == "casefold" else "".join(filter(str.isalnum, value))
