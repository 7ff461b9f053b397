"""Which terms are nodes, and the one type of each.

A node's type is, first that applies: its part in the interactions; its ``rdf:type`` (several: ``graph.type_order``,
the item and user types, the types that the recipe's own sources give, then alphabetically); the range declared for a
relation that points at it; ``Entity``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.build_names import type_names
from kgrec.dataset.build_statements import Codes, Statements

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
    types: Codes


def type_nodes(
    statements: Statements,
    relations: list[str],
    users: Codes,
    items: Codes,
    keyed: Codes,
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
    wanted = {*recipe.graph.types.values(), *recipe.graph.type_order}
    vocabulary = {iri for iri in METACLASSES if named.get(iri) not in wanted}
    # The universal classes and the default type leave a node's type open: a range may still say more.
    silent = vocabulary | {iri for iri in UNIVERSAL if named.get(iri) not in wanted}
    silent |= {iri for iri, name in named.items() if name == ENTITY}
    ranges = _ranges(statements, relations, named, silent, recipe)
    own = {name for iri, name in named.items() if iri.startswith(iris.type_iri(recipe.base, ""))}
    order = _order({user_type, item_type, ENTITY, *named.values(), *ranges.values()}, own, recipe)
    rank = {name: position for position, name in enumerate(order)}

    typed, classes = statements.types
    class_ranks = [len(order) if iri in silent else rank[named[iri]] for iri in statements.classes]
    best = _least(total, typed, np.array(class_ranks, dtype=np.int32)[classes], len(order))
    _, predicate, target, _ = statements.edges
    range_ranks = [rank[ranges[name]] if name in ranges else len(order) for name in relations]
    by_range = _least(total, target, np.array(range_ranks, dtype=np.int32)[predicate], len(order))
    best = np.where(best < len(order), best, by_range)
    best[best == len(order)] = rank[ENTITY]
    best[items] = rank[item_type]
    best[users] = rank[user_type]

    node = _is_node(statements, keyed, vocabulary)
    node[items] = node[users] = True
    names = sorted(order)
    position = np.array([names.index(name) for name in order], dtype=np.int32)
    return Typing(names, np.where(node, position[best], np.int32(-1)))


def _least(total: int, places: Codes, ranks: Codes, nothing: int) -> Codes:
    """The least rank at each place, shape ``[total]``; ``nothing`` where there is none."""
    best = np.full(total, nothing, dtype=np.int32)
    np.minimum.at(best, places, ranks)
    return best


def _is_node(statements: Statements, keyed: Codes, vocabulary: set[str]) -> NDArray[np.bool_]:
    """Terms that are nodes by the statements alone; ``vocabulary`` are the classes whose members are none."""
    total = len(statements.nodes)
    typed, classes = statements.types
    entity_class = np.array([iri not in vocabulary for iri in statements.classes], dtype=bool)
    member = np.zeros(total, dtype=bool)
    member[typed[entity_class[classes]]] = True
    for iri in statements.classes:
        if iri in statements.nodes:
            member[statements.nodes[iri]] = False
    described, has_key, linked = (np.zeros(total, dtype=bool) for _ in range(3))
    described[statements.literals["node"].to_numpy()] = True
    has_key[keyed] = True
    source, _, target, _ = statements.edges
    linked[source] = linked[target] = True
    return linked | member | (described & has_key)


def _order(names: set[str], own: set[str], recipe: Recipe) -> list[str]:
    """All type names, the one that wins first; ``own`` are those that tables and RecBole files give."""
    first = [*recipe.graph.type_order]
    first += [name for name in (recipe.interactions.item_type, recipe.interactions.user_type) if name not in first]
    place = {name: position for position, name in enumerate(dict.fromkeys(first))}
    return sorted(
        names | set(first), key=lambda name: (place.get(name, len(place)), name == ENTITY, name not in own, name)
    )


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
