"""Names that data bring into Cypher: labels, relationship types, property keys.

Cypher takes none of them as parameters, so they are quoted; what is never quoted never reaches a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from kgrec.config.iris import local_name

ENTITY, USER, ITEM = "Entity", "User", "Item"
INTERACTED = "INTERACTED"
GRAPH, RELATION = "KgrecGraph", "KgrecRelation"

OWN_LABELS = frozenset({GRAPH, RELATION, "Explanation", "Step", "Intervention"})
"""Labels that kgrec gives to nodes that are no entities; a class of that name gets ``_`` after its own."""
OWN_TYPES = frozenset({INTERACTED, "LEARNED_HOP", "FOR", "RECOMMENDS", "STEP", "WITHOUT", "BRINGS", "COSTS"})
"""Relationship types of interactions and explanations; a relation of that name gets a number."""
OWN_KEYS = frozenset({"id", "name", "statements"})
LONGEST = 500
"""Characters; Neo4j's own limit lies at 16,383 bytes."""


def quoted(name: str) -> str:
    """The name in backticks.

    Neo4j reads ``\\u0060`` as a backtick before it parses, so a backslash before a ``u`` would open a way out; names
    here have none, nor control characters (:func:`safe`).
    """
    return backticked(safe(name))


def backticked(name: str) -> str:
    """A name of somebody else's in backticks, to the letter; the recipe refuses one with a backslash."""
    return "`" + name.replace("`", "``") + "`"


def safe(name: str) -> str:
    """The name without backslashes and control characters, never empty, at most :data:`LONGEST` characters."""
    name = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\\]+", "_", name).strip()
    return name[:LONGEST] or "_"


def label(name: str) -> str:
    """The label of a type."""
    name = safe(name)
    return name + "_" if name in OWN_LABELS else name


def key(name: str) -> str:
    """The property key of a predicate's local name."""
    name = safe(name)
    return name + "_" if name in OWN_KEYS else name


def relationship_types(
    predicates: Iterable[str], known: Mapping[str, str], preferred: Mapping[str, str]
) -> dict[str, str]:
    """Predicate → relationship type, each type one predicate's.

    Args:
        predicates: IRIs.
        known: what the graph has already; stays.
        preferred: names that the recipe gives; else it is the local name, with a number where it is taken.
    """
    chosen = dict(known)
    taken = {*known.values(), *OWN_TYPES}
    for predicate in sorted(set(predicates) - chosen.keys()):
        stem = name = safe(preferred.get(predicate) or local_name(predicate))
        number = 1
        while name in taken:
            number += 1
            name = f"{stem[: LONGEST - 8]}_{number}"
        taken.add(name)
        chosen[predicate] = name
    return chosen
