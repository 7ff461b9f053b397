"""Interventions as people write them: ids of items, and facts as ``subject,predicate,object``."""

from __future__ import annotations

import csv
from collections.abc import Container, Iterable, Sequence

from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.facts import Facts, quoted
from kgrec.effects.intervention import Fact, Intervention
from kgrec.effects.lookup import CHOICES, LOOSEST, find_node, find_relation, nodes_called, only
from kgrec.errors import UserError
from kgrec.flow.hops import Node


def find_fact(snapshot: Snapshot, facts: Facts, text: str, *, there: bool) -> Fact:
    """A fact written ``subject,predicate,object``; a name that holds a comma stands in double quotes.

    A name that several nodes have means the one whose edge there is or, of a fact that is to be added, the one of a
    type that the relation joins.

    Args:
        snapshot: whose nodes.
        facts: its edges.
        text: what was typed.
        there: whether the edge is one of these.

    Raises:
        UnknownIdError: a name is nobody's; names the nearest.
        UserError: it is not of this form, there is no such edge, or several are meant; says how each is written.
    """
    one, predicate, other = _cells(snapshot, text)
    relation = find_relation(snapshot, predicate)
    sources, targets = nodes_called(snapshot, one), nodes_called(snapshot, other)
    meant: Iterable[Fact]
    if there:
        meant = (fact for node in sources for fact in facts.of_node(node) if fact.source == node)
    else:
        joined = facts.types_of(relation)
        meant = (Fact(a, relation, b) for a in sources for b in targets if (a[0], b[0]) in joined)
    found = {
        fact: LOOSEST * sources[fact.source] + targets[fact.target]
        for fact in meant
        if fact.relation == relation and fact.target in targets
    }
    if found:
        return only(found, facts.told, "several facts may be meant", text)
    if there:
        remedy = _instead(facts, relation, sources, targets)
        raise UserError("there is no such edge to take away", value=text, remedy=remedy)
    # no edge of this relation joins these types yet
    return Fact(find_node(snapshot, one), relation, find_node(snapshot, other))


def _instead(facts: Facts, relation: str, nodes: Iterable[Node], others: Container[Node]) -> str | None:
    """Edges of a relation that do begin or end there; only those that join it to the others, where there are some."""
    some = sorted({fact for node in nodes for fact in facts.of_node(node) if fact.relation == relation})
    some = [fact for fact in some if fact.source in others] or some
    told = [*map(facts.told, some[:CHOICES]), *(["…"] if len(some) > CHOICES else [])]
    return f"there are: {'; '.join(told)}" if told else None


def _cells(snapshot: Snapshot, text: str) -> list[str]:
    try:
        cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True, strict=True), [])]
    except csv.Error:
        cells = []
    if len(cells) == 3:
        return cells
    remedy = 'a name that holds a comma stands in double quotes: "One, The",relation,"Other, The"'
    names = set(snapshot.relations["name"])
    for at in range(1, len(cells) - 1):
        if len(cells) > 3 and cells[at] in names:
            parts = ", ".join(cells[:at]), cells[at], ", ".join(cells[at + 1 :])
            remedy = f"a name that holds a comma stands in double quotes: {','.join(map(quoted, parts))}"
    raise UserError("a fact is subject,predicate,object", value=text, remedy=remedy)


def intervention_of(
    snapshot: Snapshot,
    facts: Facts,
    *,
    drop_items: Sequence[str] = (),
    add_items: Sequence[str] = (),
    drop: Sequence[str] = (),
    add: Sequence[str] = (),
    drop_entities: Sequence[str] = (),
    drop_relations: Sequence[str] = (),
) -> Intervention:
    """What people wrote, as one intervention.

    Args:
        snapshot: whose nodes.
        facts: its edges.
        drop_items, add_items: keys or IRIs of items.
        drop, add: facts.
        drop_entities: nodes that lose all their edges; drop_relations: relations all of whose edges go.

    Raises:
        UnknownIdError: a name is nobody's; names the nearest.
        UserError: something is said twice, or taken away and added; or nothing is said at all.
    """
    for what, said in (("interaction", [*drop_items, *add_items]), ("edge", [*drop, *add])):
        twice = [one for n, one in enumerate(said) if one in said[:n]]
        if twice:
            raise UserError(f"this {what} is named twice", value=twice[0])
    gone = {find_fact(snapshot, facts, text, there=True) for text in drop}
    for name in drop_entities:
        gone |= facts.of_node(find_node(snapshot, name, items_first=False))
    for name in drop_relations:
        gone |= facts.of_relation(find_relation(snapshot, name))
    intervention = Intervention(
        frozenset(map(snapshot.item_id, drop_items)),
        frozenset(map(snapshot.item_id, add_items)),
        frozenset(gone),
        frozenset(find_fact(snapshot, facts, text, there=False) for text in add),
    )
    if not intervention:
        raise UserError("nothing is taken away and nothing added", remedy="for example --drop-item ID")
    return intervention
