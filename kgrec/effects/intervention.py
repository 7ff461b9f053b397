"""What is taken away from, or added to, what a model reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kgrec.flow.hops import Node


@dataclass(frozen=True, order=True)
class Fact:
    """One edge of the knowledge graph; the same edge told by several sources is one."""

    source: Node
    relation: str
    target: Node


@dataclass(frozen=True)
class Intervention:
    """A set of edges.

    Attributes:
        drop_items, add_items: interactions of the person whose list is looked at, by item id.
        drop_facts, add_facts: edges of the knowledge graph.
    """

    drop_items: frozenset[int] = field(default_factory=frozenset)
    add_items: frozenset[int] = field(default_factory=frozenset)
    drop_facts: frozenset[Fact] = field(default_factory=frozenset)
    add_facts: frozenset[Fact] = field(default_factory=frozenset)

    @classmethod
    def without(cls, items: Iterable[int] = (), facts: Iterable[Fact] = ()) -> Intervention:
        """Takes interactions and facts away."""
        return cls(drop_items=frozenset(map(int, items)), drop_facts=frozenset(facts))

    def __bool__(self) -> bool:
        return bool(self.drop_items or self.add_items or self.drop_facts or self.add_facts)
