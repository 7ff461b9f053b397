"""A language of explanations: one file of templates, numbers and plural forms.

Values are put into templates once and never read as templates themselves.  Plural forms go by the number itself, else
``other``: enough for languages whose numbers fall into one and many; not for those with finer rules.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from kgrec.errors import UserError, nearest

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])


def plain(label: str) -> str:
    """A label on one line, without control characters and without characters that turn the writing direction."""
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in label.translate(_BIDI))
    return " ".join(text.split())


@cache
def languages() -> tuple[str, ...]:
    """Tags of the languages that there is a file of, sorted."""
    names = (file.name for file in files("kgrec.explain").joinpath("words").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@dataclass(frozen=True, eq=False)
class Language:
    """The words of one language; :meth:`of` gives it.

    Attributes:
        tag: its language tag, the file's name.
        words: dotted key → template, forms by number, or patterns.
    """

    tag: str
    words: Mapping[str, Any]

    @staticmethod
    def of(tag: str) -> Language:
        """The language of a tag.

        Raises:
            UserError: there is no file of it; those that there are are named.
        """
        if tag not in languages():
            close = nearest(tag, languages(), 1)
            raise UserError(
                "explanations are not worded in this language",
                value=tag,
                expected=" or ".join(languages()),
                remedy=f"did you mean {close[0]!r}?" if close else None,
            )
        return _load(tag)

    def say(self, key: str, **values: object) -> str:
        """A template with its values put in."""
        template: str = self.words[key]
        return template.format(**values)

    def counted(self, key: str, count: int, **values: object) -> str:
        """The form for a number; ``{count}`` is the number as the language writes it."""
        forms: Mapping[str, str] = self.words[key]
        return forms.get(str(count), forms["other"]).format(count=self.number(count), **values)

    def number(self, count: int) -> str:
        """A whole number with its thousands grouped."""
        return f"{count:,}".replace(",", self.words["number.group"])

    def people(self, count: int) -> str:
        """``1 person``, ``12 people``."""
        return self.counted("support.people", count)

    def quoted(self, label: str) -> str:
        """A label in quotation marks on one line; it holds none of them itself, so that its end is plain to see."""
        return f"{self.words['quote.open']}{self.unquoted(label)}{self.words['quote.close']}"

    def unquoted(self, label: str) -> str:
        """A label on one line, its own quotation marks made inner ones."""
        marks = (("quote.open", "quote.inner_open"), ("quote.close", "quote.inner_close"))
        return plain(label).translate({ord(self.words[outer]): self.words[inner] for outer, inner in marks})

    def listed(self, things: Sequence[str]) -> str:
        """``a``, ``a and b``, ``a, b and c``."""
        *most, last = things
        return f"{self.words['list.join'].join(most)}{self.words['list.last']}{last}" if most else last


@cache
def _load(tag: str) -> Language:
    text = files("kgrec.explain").joinpath("words", f"{tag}.toml").read_text(encoding="utf-8")
    return Language(tag, dict(_flat(tomllib.loads(text))))


def _flat(table: Mapping[str, Any], above: str = "") -> list[tuple[str, Any]]:
    found = []
    for key, value in table.items():
        if isinstance(value, Mapping) and "other" not in value:
            found += _flat(value, f"{above}{key}.")
        else:
            found.append((above + key, value))
    return found
