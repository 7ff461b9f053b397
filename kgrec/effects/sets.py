"""Smallest sets of edges: without which an item leaves the list, with which alone it stays, which turn two items round.

Searched for greedily on the items that could take part, then thinned out until nothing in them is superfluous, and what
is returned has been checked on all items.  CountER's necessity and sufficiency (Tan et al., CIKM 2021) on edges.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgrec.effects.board import Board
from kgrec.effects.flow import FlowEffects
from kgrec.effects.greedy import In, Out
from kgrec.effects.intervention import Fact
from kgrec.effects.person import Person
from kgrec.effects.ranking import Ranking

RIVALS = 200
"""Items of the list against which is searched."""
TOGETHER, SCORES = 64, 2_000_000
"""Histories that are scored at once, and scores that are kept: the items of a list share many reasons."""
BOARDS = 8
"""Boards that are kept."""
LITERAL = ("kg",)
"""Families that reach an item by its own facts alone."""


@dataclass(frozen=True)
class EdgeSet:
    """Edges that a set is made of.

    Attributes:
        items: of the history, in the order in which they were found.
        facts: of the knowledge graph.
    """

    items: tuple[int, ...] = ()
    facts: tuple[Fact, ...] = ()

    def __len__(self) -> int:
        return len(self.items) + len(self.facts)


class SetSearch:
    """Searches for one person's list.

    Args:
        effects: of the model.
        person: whose list.
        ranking: which items may stand in it.
        k: its length.
    """

    def __init__(self, effects: FlowEffects, person: Person, ranking: Ranking, k: int) -> None:
        self.effects, self.person, self.ranking, self.k = effects, person, ranking, k
        self.scores = effects.score(person)
        self.rivals = np.sort(ranking.top(self.scores, RIVALS))
        self._boards: dict[bytes, Board] = {}
        self._room = max(8, SCORES // max(1, len(self.scores)))
        self._left: dict[frozenset[int], NDArray[np.float32]] = {}
        self._alone: dict[int, list[int] | None] = {}

    def holds(self, item: int) -> bool:
        """Whether the item is among the first k."""
        return self._listed(self.scores, item)

    # --- scores of all items

    def score(self, items: Iterable[int] = (), facts: Iterable[Fact] = ()) -> NDArray[np.float32]:
        """Scores without some interactions and facts: float32 ``[num_items]``."""
        gone, cut = frozenset(items), frozenset(facts)
        (scores,) = self.scores_without([gone]) if gone else (self.scores,)
        if cut:
            after = self.person.edited(gone, frozenset())
            scores = scores + self.effects.by_links(after, self.effects.edit(cut, frozenset()))
        return scores

    def scores_without(self, sets: Sequence[Iterable[int]]) -> Iterator[NDArray[np.float32]]:
        """Scores without some sets of interactions, one after the other: float32 ``[num_items]``."""
        together = min(TOGETHER, self._room)
        for start in range(0, len(sets), together):
            some = [frozenset(one) for one in sets[start : start + together]]
            missing = [one for one in dict.fromkeys(some) if one not in self._left]
            if len(self._left) + len(missing) > self._room:
                self._left, missing = {}, list(dict.fromkeys(some))
            found = self.effects.scores([self.person.edited(one, frozenset()) for one in missing])
            self._left |= zip(missing, found)
            yield from [self._left[one] for one in some]

    # --- single interactions

    def effects_of_items(self, item: int) -> NDArray[np.float64]:
        """What each interaction does to an item's score: float64 ``[h]``."""
        if not self.ranking.allowed[item]:
            # an item of the history is reached over the person's own node, too
            each = self.scores_without([[one] for one in self.person.items.tolist()])
            return np.array([float(self.scores[item]) - float(scores[item]) for scores in each])
        board = self.board(item)
        whole, without = board.without_each(int(np.searchsorted(board.columns, item)))
        return np.asarray(whole - without)[:, 0]

    def ready(self, items: Sequence[int], most: int) -> None:
        """Scores at once what will be asked about some items: the history without each of the interactions that do
        most, and with those alone that keep the item.

        Args:
            items: ids.
            most: interactions of each.
        """
        history, asked = self.person.items, list[frozenset[int]]()
        for item in items:
            best = np.argsort(-self.effects_of_items(item), kind="stable")[:most]
            asked += [frozenset([one]) for one in history[best].tolist()]
            kept = self._first(item) if self.holds(item) else None
            asked += [] if kept is None else [frozenset(history.tolist()) - frozenset(kept)]
        for _ in self.scores_without(list(dict.fromkeys(asked))[: self._room]):
            pass

    def places_without(self, item: int, sets: Sequence[Iterable[int]]) -> list[int | None]:
        """Places of an item without some sets of interactions."""
        return [self.ranking.place(row, item) for row in self.scores_without(sets)]

    def weights(self, item: int) -> NDArray[np.float32] | None:
        """``W_ji`` of each channel for the items j of the history, float32 ``[channels, h]``; None of an item that may
        not stand in the list."""
        if not self.ranking.allowed[item]:
            return None
        board = self.board(item)
        at = int(np.searchsorted(board.columns, item))
        return np.stack([one[:, at] for one in board.blocks])

    def board(self, item: int) -> Board:
        """The history against an item and its rivals."""
        return self._board(np.union1d(self.rivals, [item]))

    def _board(self, columns: NDArray[np.int64]) -> Board:
        key = columns.tobytes()
        if key not in self._boards:
            if len(self._boards) >= BOARDS:
                self._boards.clear()
            self._boards[key] = Board(self.person, columns)
        return self._boards[key]

    # --- necessary

    def necessary(self, item: int, facts: Sequence[Fact] = (), *, exact: int = 0) -> EdgeSet | None:
        """The smallest set found without which the item is not among the first k; None where there is none.

        Args:
            item: in the list.
            facts: edges of the knowledge graph that may be taken away, besides the history.
            exact: sets of up to so many interactions are searched for one by one before anything else.
        """
        board = self.board(item)
        search = Out(board, int(np.searchsorted(board.columns, item)), self.k)
        for size in range(1, exact + 1):
            found = search.smallest(size)
            if found is not None:
                return EdgeSet(tuple(self.person.items[list(found)].tolist()))
        chosen = search.greedy()
        if chosen is not None:
            return EdgeSet(tuple(self.person.items[chosen].tolist()))
        return self._with_facts(item, facts)

    def _with_facts(self, item: int, facts: Sequence[Fact]) -> EdgeSet | None:
        """No interactions are enough: facts go with the whole history, then what is superfluous comes back."""
        items, gone = list(map(int, self.person.items)), list(facts)
        if not gone or not self._out(item, items, gone):
            return None
        for fact in facts:
            if self._out(item, items, [one for one in gone if one != fact]):
                gone.remove(fact)
        for one in list(items):
            if self._out(item, [other for other in items if other != one], gone):
                items.remove(one)
        return EdgeSet(tuple(items), tuple(gone))

    def _out(self, item: int, items: Iterable[int], facts: Iterable[Fact]) -> bool:
        return not self._listed(self.score(items, facts), item)

    def _listed(self, scores: NDArray[np.float32], item: int) -> bool:
        return self.ranking.within(scores, item, self.k)

    # --- sufficient

    def sufficient(self, item: int) -> EdgeSet | None:
        """The smallest set found that alone keeps the item among the first k, the rest of the history and of the item's
        facts gone; None where the item is not in the list.
        """
        if not self._listed(self.scores, item):
            return None
        facts = self._facts(item)
        found = self._enough(item, facts)
        return self._by_facts(item, facts) if found is None else EdgeSet(found)

    def _facts(self, item: int) -> frozenset[Fact]:
        """The item's, where items share any."""
        node = (self.effects.snapshot.item_type, item)
        return self.effects.facts.of_node(node) if self.effects.graph is not None else frozenset()

    def _first(self, item: int) -> list[int] | None:
        """Interactions that alone keep the item among the first k of its rivals, without its facts."""
        if item not in self._alone:
            self._alone[item] = self._few(self.board(item), item, bool(self._facts(item)))
        return self._alone[item]

    def _few(self, board: Board, item: int, bare: bool) -> list[int] | None:
        at = int(np.searchsorted(board.columns, item))
        chosen = In(board, at, self.k, board.bare(at, LITERAL) if bare else None).greedy()
        return None if chosen is None else self.person.items[chosen].tolist()

    def _enough(self, item: int, facts: frozenset[Fact]) -> tuple[int, ...] | None:
        """Interactions that alone keep the item in the list, without these of its facts; None where there are none."""
        rivals = np.union1d(self.rivals, [item])
        kept = self._first(item) if facts else self._few(self._board(rivals), item, False)
        # rivals of short histories are met on the way
        for _ in range(2 * self.k):
            if kept is None:
                return None
            scores = self.score(set(self.person.items.tolist()) - set(kept), facts)
            if self._listed(scores, item):
                return tuple(kept)
            more = np.union1d(rivals, self.ranking.top(scores, self.k + 1))
            if len(more) == len(rivals):
                return None
            rivals = more
            kept = self._few(self._board(rivals), item, bool(facts))
        return None

    def _by_facts(self, item: int, facts: frozenset[Fact]) -> EdgeSet:
        """It takes facts too: those that carry most, twice as many at each step, then what is superfluous goes."""
        history = self.person.items.tolist()
        found = self._enough(item, frozenset())
        items = list(history if found is None else found)
        order = self.effects.by_weight(item, sorted(facts), np.array(items, dtype=np.int64))

        def enough(items: Sequence[int], kept: Sequence[Fact]) -> bool:
            return self._listed(self.score(set(history) - set(items), facts - set(kept)), item)

        number = 1
        while number < len(order) and not enough(items, order[:number]):
            number *= 2
        kept = order[:number]
        for fact in reversed(kept.copy()):
            if enough(items, [one for one in kept if one != fact]):
                kept.remove(fact)
        for one in list(items):
            if enough([other for other in items if other != one], kept):
                items.remove(one)
        return EdgeSet(tuple(items), tuple(sorted(kept)))

    # --- contrast

    def contrast(self, above: int, below: int) -> tuple[NDArray[np.float64], EdgeSet | None]:
        """What puts one item above another.

        Returns:
            for each item of the history the effect on the difference of the two scores, float64 ``[h]``; and the
            smallest set found without which the second stands above the first, None where there is none.
        """
        columns = np.unique([above, below])
        board = Board(self.person, columns)
        first, second = (int(np.searchsorted(columns, one)) for one in (above, below))
        whole, without = board.without_each()
        chosen = Out(board, first, 1).greedy()
        found = None if chosen is None else EdgeSet(tuple(self.person.items[chosen].tolist()))
        effects = (whole[first] - whole[second]) - (without[:, first] - without[:, second])
        return np.asarray(effects), found
