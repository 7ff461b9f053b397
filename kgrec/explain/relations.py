"""How a relation is read in a language: by the recipe's phrase, else by the data's label, else by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.errors import RecipeError, nearest
from kgrec.explain.language import Language, languages, plain

SLOT = "…"
"""Where a recipe's phrase takes its object; without one it follows."""


@dataclass(frozen=True)
class Reading:
    """A relation as words.

    Attributes:
        kind: ``has``: a noun (``genre``); ``is``: what follows "is" (``directed by``); ``does``: a verb.
        relation: the words; from a recipe they may hold a :data:`SLOT`.
    """

    kind: Literal["has", "is", "does"]
    relation: str


@dataclass(frozen=True)
class Readings:
    """From the source of an edge and, where the recipe says so, from its target."""

    forward: Reading
    reverse: Reading | None = None


class Relations:
    """Labels and readings of a snapshot's relations in one language.

    Args:
        language: in which.
        labels: relation name → label, in the language where the data have one.
        phrases: relation name → the recipe's readings.
    """

    def __init__(self, language: Language, labels: Mapping[str, str], phrases: Mapping[str, Readings]) -> None:
        self.language, self._labels, self._phrases = language, labels, phrases

    @classmethod
    def of(cls, snapshot: Snapshot, config: ExplainConfig, language: Language) -> Relations:
        """The relations of a snapshot.

        Raises:
            RecipeError: see :func:`check_phrases`.
        """
        check_phrases(snapshot, config)
        phrases = {}
        for name, by_language in config.phrases.items():
            if (phrase := by_language.get(language.tag)) is not None:
                reverse = None if phrase.reverse is None else of_phrase(phrase.reverse, language)
                phrases[name] = Readings(of_phrase(phrase.forward, language), reverse)
        labels = {name: label or name for name, _, label in snapshot.relations.iter_rows()}
        return cls(language, labels | labels_in(snapshot, language.tag), phrases)

    def label(self, name: str) -> str:
        """Label of a relation; its name where it has none."""
        return self._labels.get(name, name)

    def readings(self, name: str, label: str) -> Readings:
        """The recipe's readings of a relation, else that of its label."""
        return self._phrases.get(name) or Readings(of_name(label, self.language))

    @property
    def interacted(self) -> str:
        """What people did with items: the recipe's phrase for ``interacts``, else the language's."""
        said = self._phrases.get(INTERACTS)
        return self.language.words["interaction.verb"] if said is None else said.forward.relation


def check_phrases(snapshot: Snapshot, config: ExplainConfig) -> None:
    """Refuses phrases that nothing would ever say.

    Raises:
        RecipeError: no such relation in the snapshot, or no such language; the nearest is named.
    """
    known = [*snapshot.relations["name"].to_list(), INTERACTS]
    for name, by_language in config.phrases.items():
        for wanted, there, what in (
            (name, known, "relation"),
            *((tag, languages(), "language") for tag in by_language),
        ):
            if wanted not in there:
                close = nearest(wanted, there, 1)
                raise RecipeError(
                    f"there is no such {what}: {wanted!r}",
                    column=f"explain.phrases.{name}",
                    remedy=f"did you mean {close[0]!r}?" if close else f"there is: {', '.join(sorted(there)[:20])}",
                )


def labels_in(snapshot: Snapshot, tag: str) -> dict[str, str]:
    """Relation name → its label in a language or a kind of it (``zh-hans`` is ``zh``), where the data have one."""
    mine = [
        (len(language), language, name, label)
        for name, language, label in snapshot.relation_labels.iter_rows()
        if language == tag or language.startswith(tag + "-")
    ]
    return {name: label for _, _, name, label in sorted(mine, reverse=True)}


def of_phrase(phrase: str, language: Language) -> Reading:
    """A recipe's phrase, as it is written."""
    return _read("phrase", language.unquoted(phrase), language)


def of_name(relation: str, language: Language) -> Reading:
    """A name or label in the data: ``hasGenre`` and ``film.film.genre`` are the noun "genre", ``directed_by`` is what
    follows "is".  Nothing is guessed beyond the language's patterns."""
    name = language.unquoted(relation).replace(SLOT, "...").translate({ord("‹"): "<", ord("›"): ">"})
    if " " not in name:
        name = name.rsplit(".", 1)[-1] or name
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
        name = " ".join(word if word.isupper() else word.lower() for word in re.split(r"[\s_-]+", name) if word)
    return _read("name", " ".join(name.split()), language)


def _read(which: str, words: str, language: Language) -> Reading:
    words = plain(words.replace(language.words["sentence.join"].strip(), language.words["sentence.comma"]))
    for kind, pattern in language.words[f"relation.{which}"]:
        if found := re.search(pattern, words):
            return Reading(kind, found[1])
    return Reading("is", language.words["relation.unnamed"])
