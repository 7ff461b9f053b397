"""Interventions as people write them: ids of items, and facts as ``subject,predicate,object``."""

from __future__ import annotations

import csv
from collections.abc import Sequence

import polars as pl

from kgrec.config.iris import clean_key
from kgrec.dataset.snapshot import Snapshot
from kgrec.effects.facts import Facts
from kgrec.effects.intervention import Fact, Intervention
from kgrec.errors import UnknownIdError, UserError
from kgrec.flow.hops import Node


def find_node(snapshot: Snapshot, wanted: str) -> Node:
    """A node of the graph by IRI, by id or by label: an item before others; ``Type/id`` where several types have it.

    Raises:
        UnknownIdError: there is none; names the nearest.
        UserError: there are several.
    """
    # no fact is about a user
    nodes, name = snapshot.nodes.filter(pl.col("type") != snapshot.user_type), clean_key(wanted)
    kind, _, key = name.partition("/")
    tries = [pl.col("iri") == name, pl.col("key") == name, pl.col("label") == name]
    if kind in snapshot.num_nodes:
        same = (pl.col("key") == key) | (pl.col("label") == key)
        tries.insert(1, (pl.col("type") == kind) & same)
    for one in tries:
        hit = nodes.filter(one)
        if len(hit) > 1 and (pl.Series(hit["type"]) == snapshot.item_type).sum() == 1:
            hit = hit.filter(pl.col("type") == snapshot.item_type)
        if len(hit) == 1:
            row = hit.row(0, named=True)
            return str(row["type"]), int(row["id"])
        if len(hit) > 1:
            some = ", ".join(f"{row['type']}/{row['key'] or row['iri']}" for row in hit.head(4).iter_rows(named=True))
            raise UserError("several nodes have this name", value=wanted, remedy=f"say which: {some}")
    known = {str(one) for one in nodes.select(pl.coalesce("key", "label", "iri")).to_series()}
    raise UnknownIdError("node", wanted, known)


def find_relation(snapshot: Snapshot, wanted: str) -> str:
    """A relation by name, IRI or label.

    Raises:
        UnknownIdError: there is none; names the nearest.
    """
    name = clean_key(wanted)
    for column in ("name", "iri", "label"):
        hit = snapshot.relations.filter(pl.col(column) == name)
        if len(hit):
            return str(hit["name"][0])
    raise UnknownIdError("relation", wanted, snapshot.relations["name"].to_list())


def find_fact(snapshot: Snapshot, text: str) -> Fact:
    """A fact written ``subject,predicate,object``; a name that holds a comma stands in double quotes.

    Raises:
        UserError: it is not of this form, or a name is nobody's or several nodes' (:func:`find_node`).
    """
    cells = [cell.strip() for cell in next(csv.reader([text], skipinitialspace=True), [])]
    if len(cells) != 3:
        raise UserError("a fact is subject,predicate,object", value=text, remedy='a name with a comma: "in quotes"')
    return Fact(find_node(snapshot, cells[0]), find_relation(snapshot, cells[1]), find_node(snapshot, cells[2]))


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
    gone = {find_fact(snapshot, text) for text in drop}
    for name in drop_entities:
        gone |= facts.of_node(find_node(snapshot, name))
    for name in drop_relations:
        gone |= facts.of_relation(find_relation(snapshot, name))
    intervention = Intervention(
        frozenset(map(snapshot.item_id, drop_items)),
        frozenset(map(snapshot.item_id, add_items)),
        frozenset(gone),
        frozenset(find_fact(snapshot, text) for text in add),
    )
    if not intervention:
        raise UserError("nothing is taken away and nothing added", remedy="for example --drop-item ID")
    return intervention
