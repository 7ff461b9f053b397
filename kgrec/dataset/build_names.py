"""Names of relations and node types: the recipe's, else the IRI's local name made safe."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from kgrec.config import iris
from kgrec.config.recipe import Recipe
from kgrec.dataset.snapshot import INTERACTS
from kgrec.errors import RecipeError

REVERSE = "rev_"
"""What the built graphs put before a reverse relation's name; no relation's own name begins with it."""
INVERSE = "_inverse"
"""What PyKEEN puts after an inverse relation's name; no relation's own name ends with it."""


def safe_name(local: str, fallback: str) -> str:
    """A local name as a recipe's ``Name``: ``[A-Za-z_][A-Za-z0-9_.-]*``.

    Accents are dropped and punctuation becomes ``_``.  A name that loses letters (other scripts) gets six digits of
    its hash, so that two names do not fall together; one that loses all of them begins with ``fallback``.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", local) if not unicodedata.combining(c))
    name = re.sub(r"[^A-Za-z0-9_.-]+", "_", plain)
    if not re.search(r"[A-Za-z0-9]", name):
        name = fallback
    if any(c.isalnum() and not c.isascii() for c in plain) or name == fallback != plain:
        name = f"{name.strip('_')}_{hashlib.sha256(local.encode('utf-8', 'replace')).hexdigest()[:6]}"
    return name if re.match(r"[A-Za-z_]", name) else "_" + name


def expand(name: str, recipe: Recipe, column: str) -> str:
    """A recipe's IRI or prefixed name as an IRI.

    Raises:
        RecipeError: neither; ``column`` says where in the recipe.
    """
    try:
        return iris.expand(name, recipe.prefixes)
    except ValueError as error:
        raise RecipeError(str(error), column=column) from error


def relation_names(predicates: Iterable[str], recipe: Recipe) -> dict[str, str]:
    """Predicate IRI → relation name; the names are told apart, whatever the order of the predicates.

    ``graph.names`` comes first (two predicates given one name are one relation), then the recipe's own tables, then
    local names.  Predicates that share a local name get their namespace's prefix (``schema_name``), else a number.

    Raises:
        RecipeError: ``graph.names`` holds what is no IRI, or a name that built graphs use themselves.
    """
    given = {expand(key, recipe, "graph.names"): name for key, name in recipe.graph.names.items()}
    for name in given.values():
        if name == INTERACTS or name.startswith(REVERSE) or name.endswith(INVERSE):
            raise RecipeError(
                "this relation name is taken by the built graphs", column="graph.names", value=name, expected="another"
            )
    own = recipe.base + "relation/"
    names: dict[str, str] = {}
    shared: dict[str, list[str]] = defaultdict(list)
    for iri in sorted(set(predicates)):
        if iri in given:
            names[iri] = given[iri]
        else:
            local = safe_name(iris.local_name(iri), "relation")
            if local.startswith(REVERSE):
                local = "rev-" + local.removeprefix(REVERSE)
            if local.endswith(INVERSE):
                local = local.removesuffix(INVERSE) + "-inverse"
            shared[local].append(iri)
    taken = {INTERACTS, *given.values()}
    for local, group in sorted(shared.items()):
        group.sort(key=lambda iri: (not iri.startswith(own), iri))
        plain = group[0] if len(group) == 1 or group[0].startswith(own) else None
        for iri in group:
            prefix = None if iri == plain else _prefix(iri, recipe.prefixes)
            names[iri] = _free(f"{prefix}_{local}" if prefix else local, taken)
            taken.add(names[iri])
    return names


def type_names(classes: Iterable[str], recipe: Recipe) -> dict[str, str]:
    """Class IRI → node type name: ``graph.types``, else the local name; classes with one local name are one type.

    Raises:
        RecipeError: ``graph.types`` holds what is no IRI.
    """
    given = {expand(key, recipe, "graph.types"): name for key, name in recipe.graph.types.items()}
    return {iri: given.get(iri) or safe_name(iris.local_name(iri), "Type") for iri in sorted(set(classes))}


def _prefix(iri: str, prefixes: Mapping[str, str]) -> str | None:
    """The short name of the IRI's namespace, the longest that fits."""
    fits = [(len(space), name) for name, space in {**iris.PREFIXES, **prefixes}.items() if iri.startswith(space)]
    return max(fits)[1] if fits else None


def _free(name: str, taken: set[str]) -> str:
    """The name, numbered from 2 where it is taken."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    return free
