"""Builders by name: the project's own and those of installed packages (entry point group ``kgrec.channels``)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from class_resolver import ClassResolver

from kgrec.errors import RecipeError, nearest
from kgrec.flow.builder import Builder


@lru_cache(maxsize=1)
def builders() -> ClassResolver[Builder]:
    """All builders, in the order in which they are built where nothing else is asked for."""
    from kgrec.flow.channels import OWN

    resolver: ClassResolver[Builder] = ClassResolver(OWN, base=Builder, location="kgrec.flow.registry")
    resolver.lookup_dict.clear()
    for kind in OWN:
        resolver.register(kind, synonyms=[kind.name], raise_on_conflict=False)
    resolver.register_entrypoint("kgrec.channels")
    return resolver


def chosen(channels: Iterable[str], without: Iterable[str]) -> tuple[Builder, ...]:
    """Instances of the builders that are asked for, each after those that it is made from.

    Raises:
        RecipeError: no builder has a name; the nearest one is named.
    """
    known = {kind.name: kind for kind in builders().lookup_dict.values()}
    wanted = list(channels) or list(known)
    for name in (*wanted, *(name.split(":", 1)[0] for name in without)):
        if name not in known:
            close = nearest(name, known) or sorted(known)
            raise RecipeError(
                "no channel has this name", column="flow.channels", value=name, remedy=f"did you mean {close[0]!r}?"
            )
    left = [name for name in wanted if name not in set(without)]
    ordered: list[str] = []
    while len(ordered) < len(left):
        ready = [n for n in left if n not in ordered and all(a in ordered for a in known[n].after if a in left)]
        if not ready:
            raise RecipeError("channels are made from each other in a circle", column="flow.channels", value=left)
        ordered.append(ready[0])
    return tuple(known[name]() for name in ordered)
