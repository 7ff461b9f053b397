"""Something that happens between a build's reading and its writing."""

from __future__ import annotations

from collections.abc import Callable


class Meanwhile(dict[str, str]):
    """Names for relations; the first time that one is asked for, something else happens."""

    def __init__(self, happen: Callable[[], object]) -> None:
        self.left = [happen]

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        while self.left:
            self.left.pop()()
        return default
