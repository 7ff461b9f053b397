"""Reads sentences back into hops, knowing nothing but a language's file and which relations are read how."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import kgrec.explain
from kgrec.explain.language import plain
from kgrec.explain.types import Node, Relation

WORDS = Path(kgrec.explain.__file__).with_name("words")
LEARNED = ("co-preference", "latent", "sequence", "similarity")
ID = r"[A-Za-z0-9_.@-]+"
Vocabulary = Mapping[tuple[str, str], tuple[str, frozenset[str]]]
"""(kind of reading, words) → direction of the reading, names of the relations that are read so."""


def words_of(lang: str) -> dict[str, Any]:
    return tomllib.loads((WORDS / f"{lang}.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Told:
    """What a sentence says of one hop: an edge from its source to its target, or something learned.

    Nodes are ``you``, ``#42`` (somebody of whom only the id is known) or ``=label``.
    """

    kind: str
    source: str
    target: str
    relation: frozenset[str] = frozenset()
    support: int | None = None
    negative: bool = False
    read: str = field(default="forward", compare=False)


def told(nodes: Sequence[Node], relations: Sequence[Relation], negative: bool) -> list[Told]:
    """What a true sentence says of a path."""

    def name(position: int) -> str:
        label = plain(nodes[position].label)
        user = re.fullmatch(f"user ({ID})", label) if nodes[position].type == "User" else None
        if position == 0:
            return "you"
        return "#" + user[1] if user else "=" + label.replace("“", "‘").replace("”", "’")

    hops = []
    for j, hop in enumerate(relations):
        ends = (name(j), name(j + 1)) if hop.direction == "forward" else (name(j + 1), name(j))
        if hop.learned:
            hops.append(Told(hop.kind, *ends, support=hop.support or None, negative=negative))
        else:
            named = frozenset({hop.name}) if hop.kind == "fact" else frozenset()
            hops.append(Told(hop.kind, *ends, named))
    return hops


def agree(read: list[Told], true: list[Told]) -> bool:
    """The same hops; relations that are read alike cannot be told apart."""
    return len(read) == len(true) and all(
        b.relation <= a.relation
        and (a.kind, a.source, a.target, a.support, a.negative) == (b.kind, b.source, b.target, b.support, b.negative)
        for a, b in zip(read, true, strict=True)
    )


class Reader:
    def __init__(self, lang: str, vocabulary: Vocabulary, interacted: str | None = None) -> None:
        self.words, self.vocabulary = words_of(lang), vocabulary
        quote, self.you = self.words["quote"], self.words["person"]["you"]
        self.outside = f"[^{quote['open']}{quote['close']}]"
        self.label = f"{quote['open']}{self.outside}*{quote['close']}"
        self.user = re.escape(self.words["person"]["user"]).replace(r"\{id\}", f"({ID})")
        self.node = "(?:{}|{}|{})".format(self.user.replace(f"({ID})", ID), re.escape(self.you), self.label)
        verb = interacted or self.words["interaction"]["verb"]
        usual = self.words["interaction"]["object"].replace("{relation}", verb)
        self.acted = self._pattern(verb.replace("…", "{object}") if "…" in verb else usual)

    def read(self, text: str) -> list[Told]:
        join, end = (self.words["sentence"][key] for key in ("join", "end"))
        assert text.endswith(end), text
        text = text[:1].lower() + text[1:].removesuffix(end)
        told: list[Told] = []
        for clause in re.findall(f"((?:{self.label}|(?!{join}).)+)(?:{join}|$)", text):
            readings = set(self._clause(clause, told[-1] if told else None))
            assert len(readings) == 1, (clause, readings)
            told += readings.pop()
        return told

    def _name(self, text: str) -> str:
        if text == self.you:
            return "you"
        user = re.fullmatch(self.user, text)
        return "#" + user[1] if user else "=" + text[1:-1]

    @cache  # noqa: B019
    def _pattern(self, template: str, **inner: str) -> str:
        """``{name}`` is a node, or what ``inner`` says, as the group ``name``."""
        pattern = re.escape(template)
        for name in re.findall(r"\{(\w+)\}", template):
            pattern = pattern.replace(rf"\{{{name}\}}", inner.get(name) or f"(?P<{name}>{self.node})")
        return pattern

    def _clause(self, text: str, last: Told | None) -> Iterator[tuple[Told, ...]]:
        """Every way to read a clause; what reads like no fact is none: such a fact would have been marked."""
        plain = [*self._learned(text), *self._interaction(text)]
        yield from plain or self._fact(text, last)

    def _interaction(self, text: str) -> Iterator[tuple[Told, ...]]:
        forms = self.words["interaction"]
        for form in ("says", "also"):
            if found := re.fullmatch(self._pattern(forms[form], phrase=self.acted) + "(?P<rest>.*)", text):
                hop = Told("interaction", self._name(found["subject"]), self._name(found["object"]))
                if not found["rest"]:
                    yield (hop,)
                for fact in self._facts("which", found["rest"], found["object"]):
                    yield (hop, fact)
        if found := re.fullmatch(self._pattern(forms["both"], phrase=self.acted), text):
            yield tuple(
                Told("interaction", self._name(found[who]), self._name(found["object"])) for who in ("first", "second")
            )

    def _fact(self, text: str, last: Told | None) -> Iterator[tuple[Told, ...]]:
        for kind in ("has", "is"):
            found = re.fullmatch(self._pattern(self.words["fact"][kind]["same"]), text)
            if found and last is not None and last.kind == "fact":
                subject = self._name(found["subject"])
                ends = (subject, last.target) if last.read == "forward" else (last.source, subject)
                yield (Told("fact", *ends, last.relation, read=last.read),)
        for form in ("says", "you", "again"):
            for fact in self._facts(form, text, self.you if form == "you" else None):
                yield (fact,)

    def _learned(self, text: str) -> Iterator[tuple[Told, ...]]:
        support, forms = None, self.words["support"]
        people = "|".join(re.escape(form).replace(r"\{count\}", r"[\d,]+") for form in forms["people"].values())
        both = self._pattern(forms["both"], clause="(?P<clause>.*)", people=f"(?P<people>{people})")
        if found := re.fullmatch(both, text):
            text, support = found["clause"], int(re.sub(r"\D", "", found["people"]))
        for kind in LEARNED:
            for sign, template in self.words["learned"][kind].items():
                if found := re.fullmatch(self._pattern(template), text):
                    ends = (self._name(found["here"]), self._name(found["there"]))
                    yield (Told(kind, *ends, support=support, negative=sign == "against"),)

    def _facts(self, form: str, text: str, subject: str | None) -> Iterator[Told]:
        """Every way in which a clause, or what goes on after one, says a fact of a known relation."""
        for kind in ("has", "is", "does"):
            forms = self.words["fact"][kind]
            # short before long: "用户" may belong to the person who follows, or to the relation
            shapes = [
                self._pattern(forms["object"], relation=f"(?P<relation>{self.outside}+{few})") for few in ("?", "")
            ]
            slot = "(?P<before>{0}*{1})(?P<object>{2})(?P<after>{0}*)"
            shapes += [slot.format(self.outside, few, self.node) for few in ("?", "")]
            for phrase in shapes:
                if found := re.fullmatch(self._pattern(forms[form], phrase=phrase), text):
                    groups = found.groupdict()
                    said = groups.get("relation") or f"{groups.get('before')}…{groups.get('after')}"
                    ends = (self._name(subject or found["subject"]), self._name(found["object"]))
                    yield from self._known(kind, said.strip().strip("‹›"), form, ends)

    def _known(self, kind: str, said: str, form: str, ends: tuple[str, str]) -> Iterator[Told]:
        for (known, words), (direction, names) in self.vocabulary.items():
            rules = self.words["relation"]["second_person"] if form == "you" and kind == "does" else []
            bent = next((re.sub(rule, becomes, words) for rule, becomes in rules if re.search(rule, words)), words)
            if (known, bent) == (kind, said):
                yield Told("fact", *(ends if direction == "forward" else ends[::-1]), names, read=direction)
