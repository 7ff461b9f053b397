"""Paths as sentences: every fact literal, in the direction in which the graph holds it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from kgrec.dataset.snapshot import INTERACTS
from kgrec.explain.types import Node, Relation

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C])
_VERBS = frozenset({"has", "is", "was", "are", "were", "can", "does", "did", "had"}) | frozenset(
    {"contains", "cites", "follows", "includes", "knows", "likes", "mentions", "owns", "plays", "requires", "uses"}
)
_PREPOSITIONS = frozenset({"of", "by", "in", "at", "from", "to", "with", "on", "for", "as"})
_PLURAL = {"has": "have", "is": "are", "was": "were", "does": "do"}


def plain(label: str) -> str:
    """A label on one line, without control characters and without characters that turn the writing direction."""
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in label.translate(_BIDI))
    return " ".join(text.split())


def phrase(relation: str) -> str:
    """A relation's name or label as a verb phrase: ``hasGenre`` and ``film.film.genre`` → "has genre", ``directed_by``
    → "is directed by", ``partOf`` → "is part of".  Nothing is guessed beyond that: ``director`` → "has director"."""
    name = plain(relation)
    if " " not in name:
        name = name.rsplit(".", 1)[-1] or name
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
        name = " ".join(word if word.isupper() else word.lower() for word in re.split(r"[\s_-]+", name) if word)
    words = name.split()
    if not words:
        return "is related to"
    if words[0].lower() in _VERBS:
        return name
    if len(words) > 1 and words[-1].lower() in _PREPOSITIONS:
        third_person = words[0].endswith("s") and not words[0].endswith("ss")
        return name if third_person else "is " + name
    return "has " + name


def user_name(label: str, key: str | None) -> str:
    """ "user 42" for somebody of whom only the id is known, else the label."""
    if key is not None and label.casefold() in (key.casefold(), f"user {key}".casefold()):
        return f"user {key}"
    return label


def sentence(
    nodes: Sequence[Node],
    relations: Sequence[Relation],
    user_type: str,
    item_type: str,
    negative: bool = False,
) -> str:
    """A path as one sentence; a learned hop is worded as what was learned, never as a fact.

    Args:
        nodes: user first; the user is addressed as "you", whoever it is.
        relations: the hops between them.
        user_type, item_type: node type names between which ``interacts`` is the interaction.
        negative: the path speaks against the item.
    """
    clauses: list[str] = []
    open_clause = False  # whether the last clause ends in the current node and can take ", which …"
    for j, hop in enumerate(relations):
        here, there = _name(nodes, j, user_type), _name(nodes, j + 1, user_type)
        before = relations[j - 1] if j else None
        if hop.learned:
            clauses.append(learned(hop, here, there, negative))
            open_clause = False
            continue
        subject, thing = (here, there) if hop.direction == "forward" else (there, here)
        ends = (nodes[j].type, nodes[j + 1].type)
        if hop.name == INTERACTS and set(ends) == {user_type, item_type}:
            met = before is not None and before.name == INTERACTS and before.direction != hop.direction
            if hop.direction == "reverse" and met:
                clauses[-1] = f"{_name(nodes, j - 1, user_type)} and {subject} both interacted with {thing}"
            else:
                clauses.append(f"{subject} {'also ' if met else ''}interacted with {thing}")
            open_clause = hop.direction == "forward"
            continue
        verb = phrase(hop.label)
        same = before is not None and before.name == hop.name and before.direction != hop.direction
        if subject == "you":
            first, *rest = verb.split(" ")
            clauses.append(" ".join(["you", _PLURAL.get(first, first.removesuffix("s")), *rest, thing]))
        elif hop.direction == "forward" and open_clause and not same:
            clauses[-1] += f", which {verb} {thing}"
        elif same and hop.direction == "reverse" and verb.startswith(("has ", "is ")):
            clauses.append(f"so {'does' if verb.startswith('has ') else 'is'} {subject}")
        else:
            clauses.append(f"{subject} {verb} {thing}{' too' if same else ''}")
        open_clause = False
    text = "; ".join(clauses)
    return text[:1].upper() + text[1:] + "."


def learned(hop: Relation, here: str, there: str, negative: bool = False) -> str:
    """A learned hop as a clause, with how many people stand behind it where that is somebody."""
    if hop.kind == "co-preference":
        less = f"people who liked {here} like {there} less often than others do"
        text = less if negative else f"people who liked {here} often like {there}"
    elif hop.kind == "latent":
        verb = "speaks against" if negative else "goes with"
        text = f"the model has learned that a taste for {here} {verb} one for {there}"
    elif hop.kind == "sequence":
        less = f"{there} comes after {here} less often than after other items"
        text = less if negative else f"{there} often comes after {here}"
    else:
        verb = "is unlike" if negative else "resembles"
        text = f"{there} {verb} {here}, as far as texts and links tell"
    return f"{text} (both: {people(hop.support)})" if hop.support else text


def people(count: int) -> str:
    """``1 person``, ``12 people``."""
    return "1 person" if count == 1 else f"{count:,} people"


def through(entity: Node, items: int, item: Node) -> str:
    """The paths over one entity as a sentence: ``“B” shares Genre “Drama” with 3 items of yours.``"""
    count = "an item of yours" if items == 1 else f"{items:,} items of yours"
    return f"“{plain(item.label)}” shares {plain(entity.type)} “{plain(entity.label)}” with {count}."


def _name(nodes: Sequence[Node], position: int, user_type: str) -> str:
    if position == 0:
        return "you"
    label = plain(nodes[position].label)
    return label if nodes[position].type == user_type else f"“{label}”"
