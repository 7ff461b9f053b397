"""What is published: the explanations of a user's list as plain values, whatever they are written into."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.choose import Explains
from kgrec.explain.listing import Listing
from kgrec.explain.names import Names
from kgrec.explain.types import Explanation, Node, Path
from kgrec.publish.absences import Absence, Absences
from kgrec.recommend.lists import recommend
from kgrec.recommend.scorer import Scorer

USERS = 256
"""Users whose lists are held at a time."""


@dataclass(frozen=True)
class Reason:
    """One path of an explanation.

    Attributes:
        number: from 1, in the order of the explanation.
        path: nodes, hops, weight (its additive part of the score) and sentence.
        part: the path's share by the score's mass (:attr:`kgrec.explain.types.Explanation.mass`), from -1 to 1.
    """

    number: int
    path: Path
    part: float


@dataclass(frozen=True)
class Owner:
    """Whose graph the paths are in: the recipe's name and its base IRI."""

    name: str
    base: str


@dataclass(frozen=True)
class Person:
    """A user: the node, and the id in the source table (the IRI where no table names the node)."""

    node: Node
    key: str


@dataclass(frozen=True)
class Record:
    """One explanation as it is published.

    Attributes:
        run: the name under which it is published.
        model: as it stands in tables.
        created: when, with its time zone.
        user: for whom.
        item, item_key: the node, and its id in the source table (the IRI where no table names it).
        rank: in the user's list, from 1.
        score: the model's.
        reasons: the paths.
        notes: what the reader should know besides.
        necessary, sufficient: the edges of the two sets (:class:`kgrec.explain.types.Causes`), as they are worded; None
            where there is no such set.
    """

    run: str
    model: str
    created: datetime
    user: Person
    item: Node
    item_key: str
    rank: int
    score: float
    reasons: tuple[Reason, ...]
    notes: tuple[str, ...] = ()
    necessary: tuple[str, ...] | None = None
    sufficient: tuple[str, ...] | None = None

    @property
    def id(self) -> str:
        """``<run>/<user>/<item>``, each percent-encoded."""
        return explanation_id(self.run, self.user.key, self.item_key)

    @property
    def text(self) -> str:
        """The paths' sentences, then the notes, one a line."""
        return "\n".join((*(reason.path.text for reason in self.reasons), *self.notes))


class OfUser(NamedTuple):
    """What is published of one user.

    Attributes:
        person: the user.
        records: the explanations of the list.
        absences: the list without each of several things; none where the model does not tell.
    """

    person: Person
    records: list[Record]
    absences: list[Absence]


def explanation_id(run: str, user: str, item: str) -> str:
    """Id of an explanation, from the run's name and the ids of the source tables."""
    return _joined(run, user, item)


def absence_id(run: str, user: str, absence: Absence) -> str:
    """``<run>/<user>/without/<key>``, each part percent-encoded."""
    return _joined(run, user, "without", *absence.key)


def _joined(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


class Recorder:
    """Makes the records of one trained model.

    Args:
        snapshot: what it was trained on.
        scorer: the model.
        explainer: of the same model.
        run: the name to publish under.
        created: the time to publish under.
        candidates: bool ``[num_items]``: which items may be recommended; all by default.
        k: length of a list.
        lang: language tag of the sentences; by default the explainer's.
        interventions: whether lists without things are worked out too, where the model tells.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        scorer: Scorer,
        explainer: Explains,
        *,
        run: str,
        created: datetime,
        candidates: NDArray[np.bool_] | None = None,
        k: int = 10,
        lang: str | None = None,
        interventions: bool = True,
    ) -> None:
        self.snapshot, self.scorer, self.explainer = snapshot, scorer, explainer
        self.run, self.created, self.candidates, self.k, self.lang = run, created, candidates, k, lang
        self.names = Names(snapshot)
        items = snapshot.of_type(snapshot.item_type).select("id", "iri", "key").rows()
        self._item_of_key = {key or iri: item for item, iri, key in items}
        self.absences: Absences | None = None
        if interventions and isinstance(explainer, Listing):
            self.absences = Absences(explainer, k, lang)

    def records(self, users: Sequence[int]) -> Iterator[OfUser]:
        """Every user (snapshot id) with the explanations of their list; in the order given, a few hundred at a time."""
        for start in range(0, len(users), USERS):
            some = users[start : start + USERS]
            people = self._people(some)
            keys = [person.key for person in people]
            frame = recommend(self.scorer, self.snapshot, keys, self.k, candidates=self.candidates)
            lists: dict[str, list[tuple[int, int]]] = {key: [] for key in keys}
            for key, rank, item in frame.select("user", "rank", "item").iter_rows():
                lists[key].append((rank, self._item_of_key[item]))
            for user, person in zip(some, people, strict=True):
                yield self._of_user(user, person, lists[person.key])

    def _people(self, users: Sequence[int]) -> list[Person]:
        at = [self.snapshot.offsets[self.snapshot.user_type] + user for user in users]
        nodes, keys = self.names.nodes(at), self.names.keys(at)
        return [Person(nodes[place], keys[place]) for place in at]

    def _of_user(self, user: int, person: Person, ranked: list[tuple[int, int]]) -> OfUser:
        """What is published of one user's list of ranks and items."""
        found = self.explainer.explain_list(user, ranked, lang=self.lang)
        at = [self.snapshot.offsets[self.snapshot.item_type] + item for _, item in ranked]
        nodes = self.names.nodes(at)
        records = [
            Record(
                self.run,
                self.scorer.name,
                self.created,
                person,
                nodes[at[place]],
                explanation.item,
                rank,
                explanation.score,
                tuple(
                    Reason(
                        number,
                        path,
                        path.share / explanation.mass if explanation.mass else 0.0,
                    )
                    for number, path in enumerate(explanation.paths, 1)
                ),
                explanation.notes,
                *_sets(explanation),
            )
            for place, (explanation, (rank, _)) in enumerate(zip(found, ranked, strict=True))
        ]
        return OfUser(person, records, [] if self.absences is None else self.absences.of(user, found))


def _sets(explanation: Explanation) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    causes = explanation.causes
    if causes is None:
        return None, None
    necessary, sufficient = causes.necessary, causes.sufficient
    return (
        None if necessary is None else tuple(edge.text for edge in necessary),
        None if sufficient is None else tuple(edge.text for edge in sufficient),
    )
