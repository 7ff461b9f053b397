"""Explanations in a live Neo4j: what is written, replaced and removed, and that nothing else is."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import NamedNode, Quad

import kgrec
from kgrec.errors import BusyError, StaleError, UnknownIdError, UserError
from kgrec.explain.types import Node
from kgrec.pipeline.publish import unpublish
from kgrec.publish import cypher
from kgrec.publish.graph import DatabaseGraph
from kgrec.publish.neo4j import Neo4jPublisher, learned_hops
from kgrec.store.neo4j.reading import Reading
from kgrec.store.neo4j.store import Neo4jStore
from tests.publish.conftest import OWNER
from tests.store.neo4j.meanwhile import Meanwhile

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from kgrec.publish import Record
    from tests.conftest import LiveNeo4j

Records = dict[str, list["Record"]]


def write(publisher: Neo4jPublisher, run: str, found: list[Record]) -> list[Record]:
    """Publishes the records under a run's name; the records as published."""
    renamed = [replace(record, run=run) for record in found]
    publisher.write(run, renamed[0].user, renamed)
    return renamed


def graph_of(server: LiveNeo4j, query: str) -> tuple[set[str], Counter[tuple[str, str, str]]]:
    """Nodes (by id) and relationships (type and ends, counted) that Browser would draw for a query."""
    with server.driver.session() as session:
        graph = session.run(query).graph()
        nodes = {node["id"] for node in graph.nodes}
        drawn = Counter((r.type, r.start_node["id"], r.end_node["id"]) for r in graph.relationships)
    return nodes, drawn


def dump(server: LiveNeo4j) -> tuple[list[Any], list[Any]]:
    """Everything in the database, in a fixed order, without the server's own ids and the mark's token."""
    mark = "CASE WHEN n:KgrecGraph THEN n{.*, token: null} ELSE properties(n) END"
    nodes = server.rows(f"MATCH (n) RETURN labels(n) AS l, {mark} AS p")
    edges = server.rows(
        "MATCH (a)-[r]->(b) RETURN coalesce(a.id, a.name), type(r), coalesce(b.id, b.name), properties(r)"
    )
    return sorted(map(repr, nodes)), sorted(map(repr, edges))


def schema(server: LiveNeo4j) -> list[list[Any]]:
    """Constraints and indexes, by name."""
    return [
        sorted(server.rows(f"SHOW {what} YIELD name, type RETURN name, type")) for what in ("CONSTRAINTS", "INDEXES")
    ]


def own(record: Record) -> tuple[set[str], Counter[tuple[str, str, str]]]:
    """The nodes of an explanation and the relationships that begin at it."""
    nodes = {record.id, record.user.node.id, record.item.id}
    edges = Counter({("FOR", record.id, record.user.node.id): 1, ("RECOMMENDS", record.id, record.item.id): 1})
    for reason in record.reasons:
        between = reason.path.nodes[1:-1] or reason.path.nodes[1:]
        nodes |= {node.id for node in between}
        edges.update(("STEP", record.id, node.id) for node in between)
    return nodes, edges


def on_paths(record: Record, publisher: Neo4jPublisher) -> set[tuple[str, str, str]]:
    """The relationships on its paths: type and ends."""
    assert publisher.graph is not None
    found = {("LEARNED_HOP", a, b) for a, b, _ in learned_hops([record])}
    for reason in record.reasons:
        for a, b, hop in zip(reason.path.nodes, reason.path.nodes[1:], reason.path.relations):
            if not hop.learned:
                ends = (a.id, b.id) if hop.direction == "forward" else (b.id, a.id)
                found.add((publisher.graph.type_of(hop), *ends))
    return found


# --- what is written


def test_an_explanation_and_its_steps(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    for found in records.values():
        write(publisher, "small", found)
    everything = [record for found in records.values() for record in found]
    rows = server.rows("MATCH (e:Explanation) RETURN properties(e) ORDER BY e.id")
    assert [row[0]["id"] for row in rows] == sorted(record.id for record in everything)
    of = {row[0]["id"]: row[0] for row in rows}
    for record in everything:
        about = of[record.id]
        assert about.pop("created").to_native() == record.created
        assert about == {
            "id": record.id,
            "name": f"rank {record.rank} · small",
            "user": record.user.key,
            "item": record.item_key,
            "rank": record.rank,
            "score": record.score,
            "model": record.model,
            "run": "small",
            "text": record.text,
            **{
                name: list(edges)
                for name in ("necessary", "sufficient")
                if (edges := getattr(record, name)) is not None
            },
        }
        steps = server.rows(
            "MATCH (:Explanation {id: $id})-[s:STEP]->(n) RETURN properties(s), n.id ORDER BY s.path, s.position",
            id=record.id,
        )
        for reason in record.reasons:
            mine = [(s, n) for s, n in steps if s["path"] == reason.number]
            nodes = [node.id for node in reason.path.nodes]
            assert [n for _, n in mine] == (nodes[1:-1] or nodes[1:])
            for position, (step, _) in enumerate(mine, 1):
                assert step["position"] == position
                number, moves = step["name"].split(" · ")
                assert number == str(reason.number)
                assert float(moves.replace("−", "-")) == pytest.approx(-reason.path.effect, rel=0.06)
                assert step["weight"] == reason.path.weight
                assert step["share"] == reason.path.share
                assert step["text"] == reason.path.text
                assert step.get("effect") == (reason.path.effect if position == 1 else None)
                assert step.get("rank_without") == (reason.path.rank_without if position == 1 else None)
                assert step["nodes"] == nodes
                assert step["kinds"] == [hop.kind for hop in reason.path.relations]
                assert step["forward"] == [hop.direction == "forward" for hop in reason.path.relations]
    kinds = {hop.kind for record in everything for reason in record.reasons for hop in reason.path.relations}
    assert {"interaction", "fact"} < kinds


def test_learned_hops_are_the_runs(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    write(publisher, "small", records["7"])
    write(publisher, "small", records["21"])
    expected = learned_hops([*records["7"], *records["21"]])
    rows = server.rows("MATCH (a)-[h:LEARNED_HOP]->(b) RETURN a.id, b.id, h.kind, h.support, h.run")
    assert sorted(rows) == sorted([*hop, support, "small"] for hop, support in expected.items())


def test_facts_and_interactions_are_the_graphs(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, small_run: Run
) -> None:
    """Where the graph is not in the database, what paths pass of it is; every relationship is an edge of it."""
    for found in records.values():
        write(publisher, "small", found)
    snapshot = small_run.snapshot
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    train = {
        (iri["User", u], iri["Movie", i]): (value, at)
        for u, i, value, at in snapshot.pairs("train").select("user", "item", "value", "timestamp").iter_rows()
    }
    found = server.rows("MATCH (u:User)-[r:INTERACTED]->(i:Movie) RETURN u.id, i.id, r.value, r.at")
    assert found
    for user, item, value, at in found:
        assert train[user, item] == (value, at.to_native().timestamp())
    facts = {(iri[st, s], r, iri[tt, t]) for st, s, r, tt, t, _ in snapshot.edges.iter_rows()}
    others = server.rows(
        "MATCH (a:Entity)-[r]->(b:Entity) WHERE NOT type(r) IN ['INTERACTED', 'LEARNED_HOP'] RETURN a.id, type(r), b.id"
    )
    assert others
    assert {(a, r, b) for a, r, b in others} <= facts
    labels = dict(snapshot.nodes.select("iri", "label").iter_rows())
    for label, name, node in server.rows("MATCH (n:Movie) RETURN labels(n), n.name, n.id"):
        assert sorted(label) == ["Entity", "Item", "Movie"]
        assert name == labels[node]


# --- one query a need


def test_one_explanation(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    for run in ("small", "other"):
        for found in records.values():
            published = write(publisher, run, found)
            for record in published:
                assert graph_of(server, cypher.one_explanation(record.id)) == own(record)


def test_its_paths(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    published = [record for found in records.values() for record in write(publisher, "small", found)]
    write(publisher, "other", records["21"])
    for record in published:
        nodes, edges = graph_of(server, cypher.its_paths(record.id))
        assert set(edges) == on_paths(record, publisher)
        assert nodes == {node.id for reason in record.reasons for node in reason.path.nodes}
        for reason in record.reasons:
            kinds = Counter(hop.kind for hop in reason.path.relations)
            assert sum(kinds.values()) == len(reason.path.relations)


def test_all_reasons_of_a_user(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    for run in ("small", "other"):
        for found in records.values():
            write(publisher, run, found)
    nodes, edges = graph_of(server, cypher.reasons_of_user("small", "21"))
    mine = [own(record) for record in records["21"]]
    assert nodes == set().union(*(n for n, _ in mine))
    assert edges == sum((e for _, e in mine), Counter())


def test_users_to_whom_an_entity_matters(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    for found in records.values():
        write(publisher, "small", found)
    write(publisher, "other", records["21"])
    everything = [record for found in records.values() for record in found]
    passed = Counter(
        node for record in everything for reason in record.reasons for node in set(reason.path.nodes[1:-1])
    )
    for entity, _ in passed.most_common(3):
        nodes, edges = graph_of(server, cypher.users_of_entity("small", entity.id, limit=1000))
        with_it = [r for r in everything if any(entity in reason.path.nodes[1:-1] for reason in r.reasons)]
        assert nodes == {entity.id} | {r.id for r in with_it} | {r.user.node.id for r in with_it}
        assert {edge for edge in edges if edge[0] == "STEP"} == {("STEP", r.id, entity.id) for r in with_it}
    rows = server.rows(cypher.users_of_entity("small", passed.most_common(1)[0][0].id, limit=2))
    assert len(rows) == 2


def test_two_runs_compared(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    a = write(publisher, "a", records["7"])
    b = write(publisher, "b", [replace(record, rank=5 - record.rank) for record in records["7"][1:]])
    write(publisher, "c", records["7"])
    write(publisher, "a", records["21"])
    nodes, edges = graph_of(server, cypher.runs_compared(["a", "b"], "7"))
    assert nodes == {r.id for r in [*a, *b]} | {r.item.id for r in a} | {a[0].user.node.id}
    assert sum(edges.values()) == 2 * len([*a, *b])
    table = server.rows(cypher.ranks_compared(["a", "b"], "7"))
    ranks = {r.item.label: r.rank for r in b}
    assert table == [[r.item.label, r.rank, ranks.get(r.item.label)] for r in a]


# --- replaced and removed


def test_again_replaces(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, knowing: str) -> None:
    for run in ("small", "other"):
        for found in records.values():
            write(publisher, run, found)
    whole = dump(server)
    write(publisher, "small", records["7"])
    assert dump(server) == whole
    fewer = write(publisher, "small", records["7"][:1])
    assert server.rows("MATCH (e:Explanation {run: 'small', user: '7'}) RETURN count(e)") == [[1]]
    kept = learned_hops([*fewer, *records["21"], *records[knowing]])
    rows = server.rows("MATCH (a)-[h:LEARNED_HOP {run: 'small'}]->(b) RETURN a.id, b.id, h.kind")
    assert sorted(map(tuple, rows)) == sorted(kept)
    write(publisher, "small", records["7"])
    assert dump(server) == whole
    publisher.forget("small", [records["7"][0].user])
    assert server.rows("MATCH (e:Explanation {run: 'small'}) RETURN DISTINCT e.user") == [["7"]]
    assert server.rows("MATCH (e:Explanation {run: 'other'}) RETURN count(e)") == [[12]]


def test_unpublish(server: LiveNeo4j, publisher: Neo4jPublisher, records: Records) -> None:
    foreign = (
        "CREATE (a:Entity {id: 'urn:theirs', name: 'x'})-[:LEARNED_HOP {run: 'theirs', kind: 'latent'}]->(b:Thing),"
        " (:Explanation {id: 'theirs', run: 'theirs', user: '7'})-[:STEP]->(b)"
    )
    server.rows(foreign)
    for found in records.values():
        write(publisher, "other", found)
    before = dump(server)
    for found in records.values():
        write(publisher, "small", found)
    with pytest.raises(UnknownIdError, match="nearest: small"):
        unpublish("smal", "neo4j")
    assert unpublish("small", "neo4j") == 12
    assert dump(server) == before
    with pytest.raises(UnknownIdError, match="no published run"):
        unpublish("small", "neo4j")
    unpublish("other", "neo4j")
    nodes, edges = dump(server)
    assert not [text for text in nodes if "Explanation" in text and "theirs" not in text]
    assert all("theirs" in text for text in edges if "LEARNED_HOP" in text or "STEP" in text)


def test_an_unpublish_that_was_cut_off_can_be_finished(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dump(server)
    write(publisher, "small", records["7"])

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as between:
        between.setattr("kgrec.publish.neo4j._remove_some_hops", killed)
        with pytest.raises(KeyboardInterrupt):
            publisher.remove("small")
    assert owned(server)[0] == []
    assert owned(server)[1] != []
    assert publisher.runs() == ["small"]
    assert unpublish("small", "neo4j") == 0
    assert owned(server) == [[], []]
    assert publisher.runs() == []
    assert before[0] == [text for text in dump(server)[0] if "Entity" not in text]


def test_what_somebody_drew_to_an_explanation_stays(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records
) -> None:
    write(publisher, "small", records["7"])
    whole = dump(server)
    first = records["7"][0]
    server.rows("MATCH (e:Explanation {id: $id}) CREATE (:Note {name: 'odd'})-[:ABOUT {by: 'x'}]->(e)", id=first.id)
    noted = dump(server)
    write(publisher, "small", records["7"])  # the note is about the explanation that is there now
    assert dump(server) == noted
    write(publisher, "small", records["7"][1:])
    bare = "MATCH (:Note {name: 'odd'})-[r:ABOUT {by: 'x'}]->(e) RETURN labels(e), properties(e), COUNT { (e)--() }"
    assert server.rows(bare) == [[[], {}, 1]]
    assert unpublish("small", "neo4j") == len(records["7"]) - 1
    assert server.rows(bare) == [[[], {}, 1]]
    assert owned(server) == [[], []]
    assert server.rows("MATCH (e:Explanation) RETURN count(e)") == [[0]]
    write(publisher, "small", records["7"])
    server.rows("MATCH (n:Note)-->(e) DETACH DELETE n, e")
    assert dump(server) == whole


def test_a_fault_inside_the_transaction_leaves_the_old(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(publisher, "small", records["7"])
    before = dump(server)

    def fail(*_: object) -> None:
        raise OSError("gone")

    monkeypatch.setattr(DatabaseGraph, "ensure", fail)
    with pytest.raises(OSError, match="gone"):
        write(publisher, "small", records["7"][:1])
    assert dump(server) == before


def _republish(uri: str, auth: tuple[str, str], snapshot: Any, versions: list[list[Record]]) -> None:
    from neo4j import GraphDatabase

    with GraphDatabase.driver(uri, auth=auth) as driver:
        publisher = Neo4jPublisher(driver)
        publisher.prepare(snapshot, OWNER)
        while True:
            for version in versions:
                publisher.write("small", version[0].user, version)


def test_killed_while_it_replaces(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, small_run: Run
) -> None:
    """kill -9 at any moment: the user's explanations are all of one publication, whole."""
    versions = [
        [replace(record, created=record.created + timedelta(days=day), run="small") for record in found]
        for day, found in enumerate((records["7"], records["7"][:2], records["7"][1:]))
    ]
    expected = []
    for version in versions:
        publisher.write("small", version[0].user, version)
        expected.append(owned(server))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["neo4j", "kgrec.publish.neo4j"])
    rng = random.Random(4)
    assert server.connection.auth is not None
    seen = set()
    for _ in range(6):
        process = context.Process(
            target=_republish, args=(server.connection.uri, server.connection.auth, small_run.snapshot, versions)
        )
        before = owned(server)
        process.start()
        until = time.monotonic() + 60
        while owned(server) == before:
            assert time.monotonic() < until
        time.sleep(rng.uniform(0, 0.5))
        assert process.is_alive()
        process.kill()
        process.join()
        seen.add(expected.index(settled(server)))
    assert seen <= {0, 1, 2}


def settled(server: LiveNeo4j) -> list[Any]:
    """What the run owns once the server has noticed that its client is gone."""
    others = "SHOW TRANSACTIONS YIELD currentQuery WHERE NOT currentQuery STARTS WITH 'SHOW' RETURN count(*)"
    until = time.monotonic() + 60
    while server.rows(others) != [[0]]:
        assert time.monotonic() < until
        time.sleep(0.1)
    return owned(server)


def owned(server: LiveNeo4j) -> list[Any]:
    steps = server.rows(
        "MATCH (e:Explanation {run: 'small'})-[s]->(n)"
        " RETURN e.id, toString(e.created), type(s), s.path, s.position, n.id"
    )
    hops = server.rows("MATCH (a)-[h:LEARNED_HOP {run: 'small'}]->(b) RETURN a.id, b.id, h.kind")
    return [sorted(map(repr, steps)), sorted(map(repr, hops))]


# --- other people's data


def test_foreign_data_is_untouched(server: LiveNeo4j, records: Records, small_run: Run) -> None:
    server.rows(
        "CREATE (a:Person:Actor {name: 'Ada', id: $id})-[:ACTED_IN {roles: ['x']}]->(:Movie {id: 7, name: 'mine'}),"
        " (a)-[:LIKES]->(a), (a)-[:STEP]->(:Thing {name: 'x'})",
        id=records["7"][0].item.id,
    )
    before = dump(server)
    publisher = Neo4jPublisher(server.driver)
    publisher.prepare(small_run.snapshot, OWNER)
    write(publisher, "small", records["7"])
    publisher.remove("small")
    after = dump(server)
    assert set(before[0]) < set(after[0])
    assert set(before[1]) < set(after[1])
    assert not [text for text in after[1] if "STEP" in text and text not in before[1]]


@pytest.mark.parametrize(
    ("theirs", "problem"),
    [
        ("CREATE (:Explanation {id: 'same'}), (:Explanation {id: 'same'})", "clash"),
        ("CREATE (:Entity {id: 'urn:kgrec:Movie/1', name: 'x'})", ":Entity that kgrec did not write"),
        ("CREATE (:KgrecGraph {id: 'graph', owner: 'films', base: 'urn:f:'})", "another recipe, 'films'"),
    ],
)
def test_what_is_in_the_way_is_refused(server: LiveNeo4j, small_run: Run, theirs: str, problem: str) -> None:
    server.rows(theirs)
    before = dump(server), schema(server)
    with pytest.raises(UserError, match=problem):
        small_run.publish("neo4j", ["7"], 2)
    assert (dump(server), schema(server)) == before


# --- beside the whole graph


def load(server: LiveNeo4j, run: Run, owner: str = "movielens") -> None:
    """The run's whole graph, as its recipe's store would load it."""
    snapshot = run.snapshot
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    role = {snapshot.user_type: ("User",), snapshot.item_type: ("Movie", "Item")}
    pairs = snapshot.pairs("train").sort("user", "item").select("user", "item", "value", "timestamp")
    reading = Reading(
        entities=sorted(
            (iri, role.get(kind, (kind,)), label or iri)
            for iri, kind, label in snapshot.nodes.select("iri", "type", "label").iter_rows()
        ),
        relations={iri: name for name, iri in snapshot.relations.select("name", "iri").iter_rows()},
        interactions=lambda: ((iri["User", u], iri["Movie", i], value, at) for u, i, value, at in pairs.iter_rows()),
        interactions_digest="all",
    )
    with Neo4jStore(server.connection, owner=owner) as store, run.store() as embedded:
        store.replace(embedded.quads(), reading)


def graph_alone(server: LiveNeo4j) -> tuple[list[Any], list[Any]]:
    """Everything but what is published and the loader's own notes."""
    nodes = server.rows("MATCH (n:Entity) RETURN labels(n) AS l, properties(n) AS p")
    edges = server.rows(
        "MATCH (a:Entity)-[r]->(b:Entity) WHERE type(r) <> 'LEARNED_HOP' RETURN a.id, type(r), b.id, properties(r)"
    )
    plain = [(sorted(labels), sorted(about.items(), key=lambda pair: pair[0])) for labels, about in nodes]
    return sorted(map(repr, plain)), sorted(map(repr, edges))


def test_the_graph_is_loaded_before_or_after(server: LiveNeo4j, small_run: Run, records: Records) -> None:
    """Publishing adds nothing to a whole graph; loading completes what publishing began."""
    load(server, small_run)
    whole = graph_alone(server)
    publisher = Neo4jPublisher(server.driver)
    publisher.prepare(small_run.snapshot, OWNER)
    assert publisher.graph is not None
    assert publisher.graph.whole
    published = [record for found in records.values() for record in write(publisher, "small", found)]
    assert graph_alone(server) == whole
    first = owned(server)
    for record in published:
        assert set(graph_of(server, cypher.its_paths(record.id))[1]) == on_paths(record, publisher)

    server.empty()
    publisher.prepare(small_run.snapshot, OWNER)
    assert not publisher.graph.whole
    for found in records.values():
        write(publisher, "small", found)
    assert graph_alone(server) != whole
    assert owned(server) == first
    load(server, small_run)
    assert graph_alone(server) == whole
    assert owned(server) == first


def test_a_build_and_a_publication_at_once(server: LiveNeo4j, small_run: Run, records: Records, knowing: str) -> None:
    """Where both would write the graph, one of them is told; two publications do not disturb each other."""
    publishers = [Neo4jPublisher(server.driver), Neo4jPublisher(server.driver)]
    for publisher in publishers:
        publisher.prepare(small_run.snapshot, OWNER)
    write(publishers[0], "small", records["7"])
    write(publishers[1], "small", records["21"])
    # a build that has read what is there is overtaken by a publication
    with Neo4jStore(server.connection, owner="movielens") as store:
        writing = Reading(relations=Meanwhile(lambda: write(publishers[0], "small", records[knowing])))
        more = [Quad(NamedNode("urn:n"), NamedNode("urn:p"), NamedNode("urn:n"), NamedNode("urn:kgrec:source/one"))]
        with pytest.raises(BusyError, match="publication has begun"):
            store.replace(more, writing)
    # and a publication by a build
    load(server, small_run)
    whole = graph_alone(server), owned(server)
    with pytest.raises(BusyError, match="run it again"):
        write(publishers[1], "small", records["7"][:1])
    assert (graph_alone(server), owned(server)) == whole
    publishers[1].prepare(small_run.snapshot, OWNER)
    write(publishers[1], "small", records["7"][:1])


def test_another_graph_is_refused(server: LiveNeo4j, small_run: Run) -> None:
    """Of another recipe it may be, with what the paths pass in it; a graph that lacks something may not."""
    load(server, small_run, owner="films")
    small_run.publish("neo4j", ["7"], 2, name="small")
    item = small_run.explain("7", small_run.recommend("7", k=1)["item"][0]).paths[0].nodes[1].id
    server.rows("MATCH (:Entity {id: 'urn:kgrec:User/7'})-[r:INTERACTED]->(:Entity {id: $id}) DELETE r", id=item)
    before = dump(server)
    with pytest.raises(UserError, match=r"not the one that the model was trained on(.|\n)*urn:kgrec:User/7"):
        small_run.publish("neo4j", ["7"], 2, name="small")
    assert dump(server) == before


HOSTILE = st.text(
    st.one_of(st.characters(codec="utf-8"), st.sampled_from("`'\"\\\x00\n\r\u2028{}()[]:;#&+%$")), min_size=1
) | st.sampled_from(
    ["`", "\\u0060", "a`]->() DETACH DELETE n //", "'}) DETACH DELETE n //", "\\u0027", "\\\\u0027", "\x00", "$run"]
)


@pytest.fixture
def check_hostile(publisher: Neo4jPublisher, server: LiveNeo4j, records: Records) -> Callable[[list[str]], None]:
    """Publishes explanations that bear these names wherever names can stand, and removes them again."""
    write(publisher, "small", records["21"])
    untouched = dump(server)
    # a learned hop to the item: a fact about a node that the graph does not hold could not be published
    template, reason = next(
        (record, reason)
        for record in records["7"]
        for reason in record.reasons
        if len(reason.path.relations) == 2 and reason.path.relations[-1].learned
    )

    def check(names: list[str]) -> None:
        hostile = []
        for number, name in enumerate(names):
            item = Node(f"urn:hostile:{number}", name, name)
            path = replace(reason.path, text=name, nodes=(*reason.path.nodes[:-1], item))
            reasons = (replace(reason, path=path),)
            hostile.append(replace(template, run=name, model=name, item_key=name, item=item, reasons=reasons))
        publisher.write("hostile", template.user, hostile)
        rows = server.rows("MATCH (e:Explanation {model: e.run})-[:RECOMMENDS]->(i) RETURN e.run, e.item, i.name")
        assert sorted(map(tuple, rows)) == sorted((name, name, name) for name in names)
        for record in hostile[::25]:
            assert len(server.rows(cypher.one_explanation(record.id))) == 3
            assert len(server.rows(cypher.reasons_of_user(record.run, template.user.key))) == 3
            assert server.rows(f"RETURN {cypher.literal(record.run)}") == [[record.run]]
        server.rows("MATCH (e:Explanation {model: e.run}) SET e.run = 'hostile'")
        server.rows("MATCH ()-[h:LEARNED_HOP]->(:Entity) WHERE h.run <> 'small' SET h.run = 'hostile'")
        publisher.remove("hostile")
        server.rows("MATCH (n:Entity) WHERE n.id STARTS WITH 'urn:hostile:' DELETE n")
        nodes, edges = dump(server)
        assert set(untouched[0]) <= set(nodes)
        assert set(untouched[1]) <= set(edges)
        own = {template.user.node.id, *(node.id for node in reason.path.nodes)}
        assert all(any(iri in text for iri in own) for text in {*nodes, *edges} - {*untouched[0], *untouched[1]})

    return check


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(names=st.lists(HOSTILE, min_size=100, max_size=100, unique=True))
def test_hostile_names(names: list[str], check_hostile: Callable[[list[str]], None]) -> None:
    """A thousand of them as labels, model, text, run and ids: nothing changes outside their own nodes."""
    check_hostile(names)


# --- the whole road


def test_publish_then_nothing_to_do(server: LiveNeo4j, small_run: Run) -> None:
    done = small_run.publish("neo4j", ["7", "21", "7"], 3, name="small")
    assert (done.users, done.explanations, done.place) == (2, 6, server.connection.uri)
    assert [file.name for file in done.files] == ["kgrec.grass", "kgrec.cypher", "kgrec.zip"]
    said: list[str] = []
    again = kgrec.open_run(small_run.paths.recipe, run_dir=small_run.paths.run)
    again.all(progress=Said(said))
    assert len(said) == 8
    assert all(line.endswith("nothing changed, skipped") for line in said)
    assert server.connection.password is not None
    for file in small_run.paths.run.rglob("*"):
        if file.is_file():
            assert server.connection.password.encode() not in file.read_bytes()


class Said:
    """A progress that remembers what it was told."""

    def __init__(self, lines: list[str]) -> None:
        self.say = lines.append

    def task(self, *_: object, **__: object) -> Iterator[None]:
        raise AssertionError("nothing was to be done")


def test_favourites_run_as_they_are(server: LiveNeo4j, small_run: Run) -> None:
    done = small_run.publish("neo4j", ["7"], 3, name="small")
    queries = done.files[1].read_text().split(";\n")
    assert len([query for query in queries if query.strip()]) == 10
    with ZipFile(done.files[2]) as archive:
        assert [archive.read(name).decode() for name in archive.namelist()] == [q.strip() for q in queries[:-1]]
    for query in queries[:-1]:
        assert query.strip().startswith("// ")
        assert server.rows(query)


def test_refused_before_anything_is_written(server: LiveNeo4j, small_run: Run, tmp_path: Any) -> None:
    with pytest.raises(UnknownIdError, match="nearest: "):
        small_run.publish("neo4j", ["7", "777"])
    fresh = kgrec.open_run(small_run.paths.recipe, run_dir=tmp_path / "none")
    with pytest.raises(StaleError, match=r"has not been made(.|\n)*kgrec build"):
        fresh.publish("neo4j", ["7"])
    assert dump(server) == ([], [])


def test_link_of_what_is_not_published(server: LiveNeo4j, small_run: Run) -> None:
    small_run.publish("neo4j", ["7"], 2, name="small")
    item = small_run.recommend("7", k=1)["item"][0]
    assert "arg=MATCH" in small_run.browser_link("7", item, "small")
    with pytest.raises(UserError, match=r"not in Neo4j(.|\n)*--users 7"):
        small_run.browser_link("7", item, "smaller")
