"""Which terms are nodes, and the one type of each.

A node's type is, first that applies: its part in the interactions; its ``rdf:type`` (several: ``graph.type_order``,
the item and user types, then alphabetically); the range declared for a relation that points at it; ``Entity``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.build_names import type_names
from kgrec.dataset.build_statements import Statements

ENTITY = "Entity"

_RDF, _RDFS, _OWL = iris.PREFIXES["rdf"], iris.PREFIXES["rdfs"], iris.PREFIXES["owl"]
UNIVERSAL = frozenset({_OWL + "Thing", _OWL + "NamedIndividual", _RDFS + "Resource"})
"""Classes that say nothing of their members."""
METACLASSES = frozenset(
    {
        *(_RDFS + name for name in ("Class", "Datatype")),
        _RDF + "Property",
        *(_OWL + name for name in ("Class", "Restriction", "Ontology", "DeprecatedClass", "DeprecatedProperty")),
        *(_OWL + name for name in ("ObjectProperty", "DatatypeProperty", "AnnotationProperty", "OntologyProperty")),
        *(_OWL + name for name in ("FunctionalProperty", "InverseFunctionalProperty", "TransitiveProperty")),
        *(_OWL + name for name in ("SymmetricProperty", "AsymmetricProperty", "ReflexiveProperty")),
        _OWL + "IrreflexiveProperty",
    }
)
"""Classes whose members are vocabulary, not entities."""


@dataclass(frozen=True)
class Typing:
    """Types of all terms.

    Attributes:
        names: type names, sorted.
        types: int32, shape ``[num_terms]``: position in ``names``, -1 where the term is no node.
    """

    names: list[str]
    types: NDArray[np.int32]


def type_nodes(
    statements: Statements,
    relations: list[str],
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    keyed: NDArray[np.int32],
    recipe: Recipe,
) -> Typing:
    """Types every term and says which are nodes.

    A term is a node if it stands in a relation or an interaction, has a type, or has a literal and a table's key.
    Classes are nodes only where they stand in a relation.

    Args:
        statements: what was read; its nodes hold the users and items too.
        relations: relation name of each predicate code.
        users, items: codes of the interactions' nodes.
        keyed: codes of the nodes with a table's key.
        recipe: its ``graph`` and ``interactions`` tables.

    Raises:
        RecipeError: a class in the recipe is no IRI.
    """
    total = len(statements.nodes)
    user_type, item_type = recipe.interactions.user_type, recipe.interactions.item_type
    named = type_names([*statements.classes, *(cls for _, cls in statements.ranges)], recipe)
    given = {iri for iri, name in named.items() if name in (*recipe.graph.types.values(), *recipe.graph.type_order)}
    silent = (UNIVERSAL | METACLASSES) - given
    ranges = _ranges(statements, relations, named, silent, recipe)
    order = _order({user_type, item_type, ENTITY, *named.values(), *ranges.values()}, recipe)
    rank = {name: position for position, name in enumerate(order)}
    nothing = len(order)

    best = np.full(total, nothing, dtype=np.int32)
    typed, classes = statements.types
    class_rank = np.array(
        [nothing if iri in silent else rank[named[iri]] for iri in statements.classes], dtype=np.int32
    )
    np.minimum.at(best, typed, class_rank[classes])
    declared = best < nothing

    source, predicate, target, _ = statements.edges
    linked = np.zeros(total, dtype=bool)
    linked[source] = linked[target] = True
    range_rank = np.array([rank[ranges[name]] if name in ranges else nothing for name in relations], dtype=np.int32)
    by_range = np.full(total, nothing, dtype=np.int32)
    if ranges:
        np.minimum.at(by_range, target, range_rank[predicate])
    best = np.where(declared, best, by_range)
    best[best == nothing] = rank[ENTITY]
    best[items] = rank[item_type]
    best[users] = rank[user_type]

    is_class = np.zeros(total, dtype=bool)
    is_class[[code for iri in statements.classes if (code := statements.nodes.get(iri)) is not None]] = True
    described = np.zeros(total, dtype=bool)
    described[statements.literals["node"].to_numpy()] = True
    has_key = np.zeros(total, dtype=bool)
    has_key[keyed] = True
    thing = _members(statements, UNIVERSAL, total)
    node = linked | ((declared | thing) & ~is_class) | (described & has_key)
    node[items] = node[users] = True

    names = sorted(order)
    position = np.array([names.index(name) for name in order], dtype=np.int32)
    return Typing(names, np.where(node, position[best], np.int32(-1)).astype(np.int32))


def _members(statements: Statements, classes: frozenset[str], total: int) -> NDArray[np.bool_]:
    """Terms that are declared members of one of these classes."""
    typed, codes = statements.types
    wanted = np.array([iri in classes for iri in statements.classes], dtype=bool)
    members = np.zeros(total, dtype=bool)
    if wanted.any():
        members[typed[wanted[codes]]] = True
    return members


def _order(names: set[str], recipe: Recipe) -> list[str]:
    """All type names, the one that wins first."""
    first = [*recipe.graph.type_order]
    first += [name for name in (recipe.interactions.item_type, recipe.interactions.user_type) if name not in first]
    place = {name: position for position, name in enumerate(dict.fromkeys(first))}
    return sorted(names | set(first), key=lambda name: (place.get(name, len(place)), name))


def _ranges(
    statements: Statements,
    relations: list[str],
    named: dict[str, str],
    silent: frozenset[str] | set[str],
    recipe: Recipe,
) -> dict[str, str]:
    """Relation name → type of its targets; the recipe beats its tables' attributes, they beat the data."""
    name_of = dict(zip(statements.predicates, relations))
    ranges: dict[str, str] = {}
    for predicate, cls in sorted(statements.ranges, reverse=True):
        if predicate in name_of and cls not in silent and not cls.startswith(iris.PREFIXES["xsd"]):
            ranges[name_of[predicate]] = named[cls]
    for table in recipe.table:
        for attribute in table.attributes:
            if attribute.relation and attribute.type:
                ranges[attribute.relation] = attribute.type
    return ranges | recipe.graph.ranges
