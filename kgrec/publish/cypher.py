"""The queries with which people read published explanations, one a need."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kgrec.publish.records import Record

_ESCAPED = {"\\": "\\\\", "'": "\\'"}
_UNSAFE = re.compile(r"[\\'\"`&#+;\x00-\x1f\x7f-\x9f\u2028\u2029]|(?<=\\)[uU]")
"""What ends a string, what Neo4j Browser takes for the end of a link or of a statement, and what is not seen."""

OWN = "FOR|RECOMMENDS|STEP"


def literal(text: str) -> str:
    """A text as a Cypher string, safe inside a link to Neo4j Browser too."""
    return "'" + _UNSAFE.sub(lambda found: _ESCAPED.get(found[0]) or f"\\u{ord(found[0]):04x}", text) + "'"


def one_explanation(explanation: str) -> str:
    """One explanation by its id: the user, the item and what lies between."""
    return f"MATCH p = (:Explanation {{id: {literal(explanation)}}})-[:{OWN}]->()\nRETURN p"


def its_paths(explanation: str) -> str:
    """The relationships on the paths of one explanation, and no other."""
    return (
        f"MATCH (e:Explanation {{id: {literal(explanation)}}})-[s:STEP {{position: 1}}]->()\n"
        "UNWIND range(0, size(s.via) - 1) AS k\n"
        "MATCH (a:Entity {id: s.nodes[k]})-[r]-(b:Entity {id: s.nodes[k + 1]})\n"
        "WHERE type(r) = s.via[k] AND (startNode(r) = a) = s.forward[k]\n"
        "  AND (type(r) <> 'LEARNED_HOP' OR (r.run = e.run AND r.kind = s.kinds[k]))\n"
        "RETURN a, r, b"
    )


def reasons_of_user(run: str, user: str) -> str:
    """All reasons that a run has for one user."""
    return f"MATCH p = (:Explanation {{run: {literal(run)}, user: {literal(user)}}})-[:{OWN}]->()\nRETURN p"


def users_of_entity(run: str, entity: str, limit: int = 25) -> str:
    """The users to whom an entity (by its id) matters most, by the weight of the paths that pass it."""
    return (
        f"MATCH p = (:Entity {{id: {literal(entity)}}})<-[s:STEP]-(:Explanation {{run: {literal(run)}}})-[:FOR]->()\n"
        f"RETURN p ORDER BY abs(s.weight) DESC LIMIT {limit}"
    )


def runs_compared(runs: Iterable[str], user: str) -> str:
    """What some runs recommend to one user."""
    names = ", ".join(map(literal, runs))
    return (
        f"MATCH p = (e:Explanation {{user: {literal(user)}}})-[:FOR|RECOMMENDS]->()\nWHERE e.run IN [{names}]\nRETURN p"
    )


def ranks_compared(runs: Iterable[str], user: str) -> str:
    """The same as a table: the ranks side by side."""
    runs = list(runs)
    columns = ",\n  ".join(
        f"min(CASE e.run WHEN {literal(run)} THEN e.rank END) AS {column}" for run, column in zip(runs, "abcdefgh")
    )
    return (
        f"MATCH (e:Explanation {{user: {literal(user)}}})-[:RECOMMENDS]->(item)\n"
        f"WHERE e.run IN [{', '.join(map(literal, runs))}]\n"
        f"RETURN item.name AS item,\n  {columns}\nORDER BY a, b"
    )


def facts_of_user(run: str, user: str, limit: int = 25) -> str:
    """The facts that matter most to a user: what the list loses without each."""
    return (
        f"MATCH (w:Intervention {{run: {literal(run)}, user: {literal(user)}, kind: 'fact'}})-[:WITHOUT]->(n)\n"
        "WITH w, collect(n.name) AS between\n"
        "RETURN w.text AS fact, w.effect AS effect, w.changed AS places, between\n"
        f"ORDER BY effect DESC, fact LIMIT {limit}"
    )


def entities_of_lists(run: str, limit: int = 25) -> str:
    """The entities that, if they were gone, would change most lists."""
    return (
        f"MATCH (w:Intervention {{run: {literal(run)}, kind: 'entity'}})-[:WITHOUT]->(entity)\n"
        "RETURN entity.name AS entity, sum(CASE WHEN w.changed > 0 THEN 1 ELSE 0 END) AS lists,\n"
        "  sum(w.changed) AS places, sum(w.effect) AS effect\n"
        f"ORDER BY lists DESC, places DESC, effect DESC, entity LIMIT {limit}"
    )


def list_without(run: str, user: str, item: str) -> str:
    """What a user would see had they never interacted with an item (by its id)."""
    return (
        f"MATCH (w:Intervention {{run: {literal(run)}, user: {literal(user)}, kind: 'interaction'}})"
        f"-[:WITHOUT]->({{id: {literal(item)}}})\n"
        "UNWIND range(0, size(w.shows) - 1) AS n\n"
        "MATCH (item:Entity {id: w.shows[n]})\n"
        "RETURN n + 1 AS rank, item.name AS item, CASE w.was[n] WHEN 0 THEN 'new' ELSE w.was[n] END AS was\n"
        "ORDER BY rank"
    )


def moved_without(run: str, user: str, item: str) -> str:
    """The same as a picture: which items come, and which go."""
    return (
        f"MATCH p = (w:Intervention {{run: {literal(run)}, user: {literal(user)}, kind: 'interaction'}})"
        "-[:WITHOUT|BRINGS|COSTS]->()\n"
        f"WHERE (w)-[:WITHOUT]->({{id: {literal(item)}}})\n"
        "RETURN p"
    )


def needs(record: Record, other: str) -> list[tuple[str, str]]:
    """One query a need, with a record to begin with and another run to compare with: (title, query)."""
    reason = next(iter(record.reasons), None)
    entity = record.item.id if reason is None else reason.path.nodes[-2].id
    had = record.item.id if reason is None else reason.path.nodes[1].id
    run, user = record.run, record.user.key
    return [
        ("One explanation", one_explanation(record.id)),
        ("The relationships on its paths and no other", its_paths(record.id)),
        ("All reasons of a user", reasons_of_user(run, user)),
        ("All users to whom an entity matters", users_of_entity(run, entity)),
        ("Two runs compared", runs_compared([run, other], user)),
        ("Two runs compared as a table", ranks_compared([run, other], user)),
        ("The facts that matter most to a user", facts_of_user(run, user)),
        ("The entities that would change most lists, if they were gone", entities_of_lists(run)),
        ("What a user would see without one thing of their past", list_without(run, user, had)),
        ("The same as a picture", moved_without(run, user, had)),
    ]
