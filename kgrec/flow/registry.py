"""Builders by name: the project's own and those of installed packages (entry point group ``kgrec.channels``)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points

from class_resolver import ClassResolver
from class_resolver.utils import normalize_string

from kgrec.errors import RecipeError, nearest
from kgrec.flow.builder import Builder

GROUP = "kgrec.channels"


@lru_cache(maxsize=1)
def builders() -> ClassResolver[Builder]:
    """All builders, in the order in which they are built where nothing else is asked for: the project's own, then
    those of installed packages by name.

    Raises:
        ChannelPackageError: a package's entry point cannot be loaded, is no builder, or has a name that is taken.
    """
    from kgrec.flow.channels import OWN

    resolver: ClassResolver[Builder] = ClassResolver(
        (),
        base=Builder,  # type: ignore[type-abstract]
        location="kgrec.flow.registry",
    )
    taken = {normalize_string(kind.name, suffix=None): "kgrec" for kind in OWN}
    resolver.lookup_dict.update((normalize_string(kind.name, suffix=None), kind) for kind in OWN)
    for entry in sorted(entry_points(group=GROUP), key=lambda one: (one.name, one.value)):
        kind = _load(entry)
        key = normalize_string(kind.name, suffix=None)
        if key in taken:
            raise ChannelPackageError(entry, f"its name {kind.name!r} is taken by {taken[key]}")
        taken[key] = _package(entry)
        resolver.lookup_dict[key] = kind
    return resolver


class ChannelPackageError(RecipeError):
    """An installed package offers a channel that cannot be used."""

    def __init__(self, entry: EntryPoint, problem: str) -> None:
        package = _package(entry)
        super().__init__(
            f"the channel {entry.name!r} of the package {package!r} cannot be used: {problem}",
            value=entry.value,
            expected=f"a subclass of kgrec.flow.builder.Builder at entry point group {GROUP!r}",
            remedy=f"mend or uninstall {package}",
        )


def _package(entry: EntryPoint) -> str:
    return entry.value if entry.dist is None else entry.dist.name


def _load(entry: EntryPoint) -> type[Builder]:
    try:
        kind = entry.load()
    except (ImportError, AttributeError) as error:
        raise ChannelPackageError(entry, f"it cannot be loaded: {error}") from error
    if not (isinstance(kind, type) and issubclass(kind, Builder)):
        raise ChannelPackageError(entry, "it is no builder")
    if not getattr(kind, "name", "") or ":" in kind.name:
        raise ChannelPackageError(entry, "it needs a name without a colon")
    return kind


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
