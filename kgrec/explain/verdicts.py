"""What interventions on a model's inputs come to, in words: places, sets, contrasts, and what no path carries.

These are statements about the model alone, recomputed; :func:`claim` says so and belongs beside them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.dataset.snapshot import INTERACTS
from kgrec.explain.language import Language
from kgrec.explain.types import Node, Relation
from kgrec.explain.wording import Wording


def moved(before: int | None, after: int | None, language: Language) -> str:
    """Where an item would stand: ``would fall from place 2 to 14``.

    Args:
        before, after: places in the list from 1, without the intervention and with it; None outside the list.
        language: in which.
    """
    if before is None:
        return language.say("place.outside") if after is None else language.say("place.enter", after=after)
    if after is None:
        return language.say("place.leave")
    if after == before:
        return language.say("place.stay", before=before)
    return language.say("place.fall" if after > before else "place.rise", before=before, after=after)


def necessary(size: int | None, k: int, language: Language) -> str:
    """What the necessary set means: without these things the item is not among the first ``k``.

    Args:
        size: of the set; None where nothing that could be taken away does it, so that popularity carries the item.
        k: length of the list.
        language: in which.
    """
    if size is None:
        return language.say("set.popularity", k=k)
    return language.counted("set.necessary", size, k=k)


def sufficient(size: int, k: int, language: Language) -> str:
    """What the sufficient set means: these things alone keep the item among the first ``k``; popularity does, where it
    is empty."""
    if not size:
        return language.say("set.alone", k=k)
    return language.counted("set.sufficient", size, k=k)


def outside(rank: int, k: int, language: Language) -> str:
    """That the item is not among the first ``k``: there is no set to be told."""
    return language.say("set.outside", rank=rank, k=k)


def thing(source: Node, hop: Relation, target: Node, wording: Wording) -> str:
    """One edge that can be taken away, as a noun: ``“A” in your history``, ``the fact that “A” has genre “B”``.

    Args:
        source, target: ends of the edge as the graph holds it.
        hop: the edge, no learned hop; the user of an interaction is "you".
        wording: the language and how relations are read.

    Raises:
        ValueError: the hop is learned.
    """
    if hop.learned:
        raise ValueError(f"a learned hop is no edge: {hop.kind}")
    if hop.name == INTERACTS and source.type == wording.user_type:
        return wording.language.say("contrast.interaction", item=wording.language.quoted(target.label))
    return wording.language.say("contrast.fact", clause=wording.clause(source, hop, target))


def contrast(above: Node, below: Node, things: Sequence[str], language: Language) -> str:
    """Why one item stands above another: ``“A” stands above “B” because of …``.

    Args:
        above, below: the items.
        things: at least one, as :func:`thing` words them.
        language: in which.
    """
    ends = {"above": language.quoted(above.label), "below": language.quoted(below.label)}
    return language.say("contrast.above", things=language.listed(things), **ends)


def carried_alone(popularity: float, text: float, language: Language) -> str:
    """What carries an item that no path leads to, with shares of the score's mass, from 0 to 1.

    Raises:
        ValueError: both are 0.
    """
    shares = {"alone.popularity": popularity, "alone.text": text}
    parts = [language.say(key, percent=f"{100 * share:.3g}") for key, share in shares.items() if share]
    if not parts:
        raise ValueError("expected a share above 0")
    return language.say("alone.carries", parts=language.listed(parts))


def already_have(language: Language) -> str:
    """``you have this item already``"""
    return language.say("scope.have")


def claim(language: Language) -> str:
    """What all of this is, and is not."""
    return language.say("scope.claim")
