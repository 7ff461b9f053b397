"""Paths as sentences: every fact literal, in the direction in which the graph holds it.

A sentence can be read back: labels stand in quotation marks that they do not hold, and a fact whose relation would make
it read like an interaction or like something learned has that relation marked (``‹interacted with›``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

from kgrec.config.outcome import ExplainConfig
from kgrec.dataset.snapshot import INTERACTS, Snapshot
from kgrec.explain.language import Language, plain
from kgrec.explain.relations import SLOT, Reading, Relations, of_name
from kgrec.explain.types import Node, Relation

__all__ = ["Wording", "Wordings", "people", "phrase", "plain", "sentence", "user_name"]

ENGLISH = "en"
_USER = r"user ([\w.@-]+)"
"""What :func:`user_name` makes of an id; ids of other characters are quoted like labels."""
_NODE, _ANY = "\ue000", "\ue001"  # stand for a node and for any words while templates become patterns


class Wording:
    """Sentences in one language.

    Args:
        relations: how relations are read, and the language.
        user_type, item_type: node type names between which ``interacts`` is the interaction.
    """

    def __init__(self, relations: Relations, user_type: str, item_type: str) -> None:
        self.relations, self.language = relations, relations.language
        self.user_type, self.item_type = user_type, item_type

    def sentence(self, nodes: Sequence[Node], relations: Sequence[Relation], negative: bool = False) -> str:
        """A path as one sentence; a learned hop is worded as what was learned, never as a fact.

        Args:
            nodes: user first; the user is addressed as "you", whoever it is.
            relations: the hops between them.
            negative: the path speaks against the item.
        """
        say = self.language.say
        clauses: list[str] = []
        open_clause = False  # whether the last clause ends in the current node and can take ", which …"
        told: tuple[Reading, bool] | None = None  # of a fact before: its reading, and whether it ends in this node
        for j, hop in enumerate(relations):
            here, there = self.name(nodes, j), self.name(nodes, j + 1)
            before = relations[j - 1] if j else None
            turned = before is not None and before.name == hop.name and before.direction != hop.direction
            if hop.learned:
                clauses.append(self.learned(hop, here, there, negative))
                open_clause, told = False, None
            elif self._interacts(hop, nodes[j], nodes[j + 1]):
                subject, thing = (here, there) if hop.direction == "forward" else (there, here)
                acted = self.interacted(thing)
                if turned and hop.direction == "reverse":
                    clauses[-1] = say("interaction.both", first=self.name(nodes, j - 1), second=subject, phrase=acted)
                else:
                    clauses.append(say(f"interaction.{'also' if turned else 'says'}", subject=subject, phrase=acted))
                open_clause, told = hop.direction == "forward", None
            else:
                reading, onward = self._reading(hop)
                subject, thing = (here, there) if onward else (there, here)
                if turned and told is not None:
                    mirrored, ended_here = told
                    if ended_here:
                        reading, onward, subject, thing = mirrored, False, there, here
                    if ended_here and reading.kind != "does":
                        clauses.append(say(f"fact.{reading.kind}.same", subject=subject))
                    else:
                        clauses.append(self._fact("again", reading, subject, thing))
                elif onward and open_clause:
                    clauses[-1] = self._fact("which", reading, clauses[-1], thing)
                else:
                    clauses.append(self._fact("says", reading, subject, thing))
                open_clause, told = False, (reading, onward)
        text: str = self.language.words["sentence.join"].join(clauses)
        return f"{text[:1].upper()}{text[1:]}{self.language.words['sentence.end']}"

    def clause(self, source: Node, hop: Relation, target: Node) -> str:
        """One edge as a clause, read from its source as the graph holds it; the user is "you"."""
        ends = [self._you if node.type == self.user_type else self.name([node, node], 1) for node in (source, target)]
        if self._interacts(hop, source, target):
            return self.language.say("interaction.says", subject=ends[0], phrase=self.interacted(ends[1]))
        return self._fact("says", self.relations.readings(hop.name, hop.label).forward, *ends)

    def learned(self, hop: Relation, here: str, there: str, negative: bool = False) -> str:
        """A learned hop as a clause, with how many people stand behind it where that is somebody."""
        clause = self.language.say(f"learned.{hop.kind}.{'against' if negative else 'for'}", here=here, there=there)
        if not hop.support:
            return clause
        return self.language.say("support.both", clause=clause, people=self.language.people(hop.support))

    def through(self, entity: Node, items: int, item: Node) -> str:
        """The paths over one entity as a sentence: ``“B” shares Genre “Drama” with 3 items of yours.``"""
        ends = {"item": self.language.quoted(item.label), "entity": self.language.quoted(entity.label)}
        return self.language.counted("through.shares", items, type=plain(entity.type), **ends)

    def interacted(self, thing: str) -> str:
        """``interacted with “A”``, or what the recipe says for it."""
        return _with_object("interaction.object", self.relations.interacted, thing, self.language)

    def seen(self, item: Node, note: str = "seen") -> str:
        """The note that the person has the item already."""
        return self.language.say(f"note.{note}", phrase=self.interacted(self.language.quoted(item.label)))

    def name(self, nodes: Sequence[Node], position: int) -> str:
        """A node of a path in a sentence: "you", somebody of whom only the id is known, or a label in quotes."""
        node = nodes[position]
        if position == 0:
            return self._you
        user = re.fullmatch(_USER, plain(node.label), re.ASCII) if node.type == self.user_type else None
        return self.language.say("person.user", id=user[1]) if user else self.language.quoted(node.label)

    @property
    def _you(self) -> str:
        return self.language.say("person.you")

    def _interacts(self, hop: Relation, a: Node, b: Node) -> bool:
        return hop.name == INTERACTS and {a.type, b.type} == {self.user_type, self.item_type}

    def _reading(self, hop: Relation) -> tuple[Reading, bool]:
        """How a hop is read, and whether from the node it leaves."""
        readings = self.relations.readings(hop.name, hop.label)
        if hop.direction == "forward":
            return readings.forward, True
        return (readings.forward, False) if readings.reverse is None else (readings.reverse, True)

    def _fact(self, form: str, reading: Reading, subject: str, thing: str) -> str:
        """A fact in one of its forms; of ``which`` the subject is the clause that it goes on with."""
        clause = self._filled(form, reading, subject, thing)
        if not self._reserved.fullmatch(clause):
            return clause
        return self._filled(form, Reading(reading.kind, f"‹{reading.relation}›"), subject, thing)

    def _filled(self, form: str, reading: Reading, subject: str, thing: str) -> str:
        words = reading.relation
        if form == "says" and subject == self._you:
            form = "you"
            for pattern, becomes in self.language.words["relation.second_person"] if reading.kind == "does" else ():
                if re.search(pattern, words):
                    words = re.sub(pattern, becomes, words)
                    break
        said = _with_object(f"fact.{reading.kind}.object", words, thing, self.language)
        if form == "which":
            return subject + self.language.say(f"fact.{reading.kind}.which", phrase=said)
        named = {} if form == "you" else {"subject": subject}
        return self.language.say(f"fact.{reading.kind}.{form}", phrase=said, **named)

    @cached_property
    def _reserved(self) -> re.Pattern[str]:
        """Clauses that are no facts, whatever they speak of."""
        say, words = self.language.say, self.language.words
        acted = self.interacted(_NODE)
        shapes = [say(f"interaction.{form}", subject=_NODE, phrase=acted) for form in ("says", "also")]
        shapes.append(say("interaction.both", first=_NODE, second=_NODE, phrase=acted))
        for key in words:
            if key.startswith("learned."):
                shapes.append(say(key, here=_NODE, there=_NODE))
                shapes.append(say("support.both", clause=shapes[-1], people=_ANY))
        marks = [re.escape(words[f"quote.{end}"]) for end in ("open", "close")]
        quoted = "{0}[^{0}{1}]*{1}".format(*marks)
        user = re.escape(say("person.user", id=_ANY)).replace(_ANY, r"[\w.@-]+")
        node = f"(?:{quoted}|{re.escape(self._you)}|{user})"
        patterns = [re.escape(shape).replace(_NODE, node).replace(_ANY, ".*") for shape in shapes]
        return re.compile("|".join(patterns), re.IGNORECASE)


class Wordings:
    """The wordings of a snapshot by language, each made once.

    Args:
        snapshot: whose relations are read.
        config: the language that is spoken by default, and the recipe's phrases.

    Raises:
        UserError: there is no such language.
        RecipeError: see :func:`kgrec.explain.relations.check_phrases`.
    """

    def __init__(self, snapshot: Snapshot, config: ExplainConfig) -> None:
        self.snapshot, self.config = snapshot, config
        self._made: dict[str, Wording] = {}
        self.of()

    def of(self, lang: str | None = None) -> Wording:
        """The wording of a language; by default the configuration's."""
        tag = self.config.lang if lang is None else lang
        if tag not in self._made:
            relations = Relations.of(self.snapshot, self.config, Language.of(tag))
            self._made[tag] = Wording(relations, self.snapshot.user_type, self.snapshot.item_type)
        return self._made[tag]


def _with_object(key: str, relation: str, thing: str, language: Language) -> str:
    """A relation's words with its object in their place."""
    if SLOT in relation:
        before, _, after = relation.partition(SLOT)
        return before + thing + after
    words = language.say("relation.latin", relation=relation) if relation.isascii() else relation
    return language.say(key, relation=words, object=thing)


def _bare(user_type: str, item_type: str, lang: str) -> Wording:
    return Wording(Relations(Language.of(lang), {}, {}), user_type, item_type)


def sentence(
    nodes: Sequence[Node],
    relations: Sequence[Relation],
    user_type: str,
    item_type: str,
    negative: bool = False,
    lang: str = ENGLISH,
) -> str:
    """:meth:`Wording.sentence` without a recipe's phrases."""
    return _bare(user_type, item_type, lang).sentence(nodes, relations, negative)


def phrase(relation: str, lang: str = ENGLISH) -> str:
    """A relation's name or label as a verb phrase: ``hasGenre`` and ``film.film.genre`` → "has genre", ``directed_by``
    → "is directed by", ``partOf`` → "is part of".  Nothing is guessed beyond that: ``director`` → "has director"."""
    language = Language.of(lang)
    reading = of_name(relation, language)
    return language.say(f"fact.{reading.kind}.says", subject="", phrase=reading.relation).strip()


def people(count: int, lang: str = ENGLISH) -> str:
    """``1 person``, ``12 people``."""
    return Language.of(lang).people(count)


def user_name(label: str, key: str | None) -> str:
    """ "user 42" for somebody of whom only the id is known, else the label."""
    if key is not None and label.casefold() in (key.casefold(), f"user {key}".casefold()):
        return f"user {key}"
    return label
