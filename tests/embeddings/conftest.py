from __future__ import annotations

import polars as pl
import pytest

from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)

CLUBS, MEMBERS = 5, 8


def snapshot_of(
    edges: list[tuple[str, int, str, str, int, str]],
    counts: dict[str, int],
    interactions: list[tuple[int, int]] = (),  # type: ignore[assignment]
) -> Snapshot:
    """A snapshot of these edges (source_type, source, relation, target_type, target, origin)."""
    nodes = [
        (kind, i, f"urn:kgrec:{kind}/{i:03}", None, f"{kind} {i}", None)
        for kind, count in sorted(counts.items())
        for i in range(count)
    ]
    relations = sorted({edge[2] for edge in edges})
    return Snapshot(
        "User",
        "Person",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([(r, f"urn:kgrec:relation/{r}", r) for r in relations], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row").sort(list(EDGES_SCHEMA)),
        pl.DataFrame(
            [(user, item, 1.0, None, "train") for user, item in interactions], schema=INTERACTIONS_SCHEMA, orient="row"
        ),
    )


def club_edges() -> list[tuple[str, int, str, str, int, str]]:
    """People know all members of their own club and nobody else: whom a held-out edge leads to is no riddle."""
    edges = []
    for person in range(CLUBS * MEMBERS):
        club = person // MEMBERS
        edges.append(("Person", person, "memberOf", "Club", club, "members"))
        for other in range(club * MEMBERS, (club + 1) * MEMBERS):
            if other != person:
                edges.append(("Person", person, "knows", "Person", other, "members"))
    return edges


@pytest.fixture
def clubs() -> Snapshot:
    """Five clubs of eight; two more people, a club and all users are in no triple."""
    return snapshot_of(club_edges(), {"Person": CLUBS * MEMBERS + 2, "Club": CLUBS + 1, "User": 3, "Zoo": 2})
