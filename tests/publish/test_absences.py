"""Interventions as they are published: each is what a what-if says, and the shown queries answer from them."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kgrec
from kgrec.publish import cypher, sparql
from kgrec.publish.neo4j import Neo4jPublisher
from kgrec.publish.rdf import RdfPublisher
from kgrec.publish.records import Owner

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from kgrec.publish import Record, Recorder
    from kgrec.publish.absences import Absence
    from kgrec.publish.records import OfUser
    from tests.conftest import LiveNeo4j

Records = dict[str, list["Record"]]
Absences = dict[str, list["Absence"]]
GRAPH = "urn:kgrec:explanation/small"


def each_is_a_what_if(run: Run, user: str, k: int, absences: list[Absence]) -> set[str]:
    """The kinds that were looked at."""
    keys = dict(run.snapshot.nodes.select("iri", "key").iter_rows())
    of_kind: dict[str, list[Absence]] = defaultdict(list)
    for one in absences:
        of_kind[one.kind].append(one)
    for kind, some in of_kind.items():
        assert len({one.key for one in some}) == len(some)
        for one in some[:6]:
            ids = [node.id for node in one.nodes]
            option, gone = {
                "interaction": ("drop_items", [keys[ids[0]]]),
                "fact": ("drop", [f'"{ids[0]}","{one.relation}","{ids[-1]}"']),
                "entity": ("drop_entities", ids),
            }[kind]
            found = run.what_if(user, k=k, **{option: gone})
            assert [keys[place.item.id] for place in one.shows] == [listed.item for listed in found.after]
            assert [place.rank for place in one.shows] == [listed.rank for listed in found.after]
            was = [listed.item for listed in found.before]
            for place in one.shows:
                key = keys[place.item.id]
                assert place.was == (was.index(key) + 1 if key in was else None)
            after = {listed.item for listed in found.after}
            assert [keys[item.id] for item, _ in one.gone] == [key for key in was if key not in after]
    return set(of_kind)


def test_each_is_a_what_if(small_run: Run, made: list[OfUser], knowing: str) -> None:
    snapshot = small_run.snapshot
    kinds: set[str] = set()
    for person, records, absences in made:
        run = small_run.at_knowledge(1.0 if person.key == knowing else 0.0)
        history = snapshot.matrix("train")[[snapshot.user_id(person.key)]].indices
        assert [one.kind for one in absences[: len(history)]] == ["interaction"] * len(history)
        kinds |= each_is_a_what_if(run, person.key, len(records), absences)
    assert kinds == {"interaction", "fact", "entity"}


def test_of_the_linear_model_too(linear_run: Run, recorder_of: Callable[..., Recorder]) -> None:
    kinds: set[str] = set()
    for person, records, absences in recorder_of(linear_run, k=3).records(range(0, 30, 6)):
        kinds |= each_is_a_what_if(linear_run, person.key, len(records), absences)
    assert "interaction" in kinds
    assert kinds <= {"interaction", "fact", "entity"}


def test_effects_are_what_the_list_loses(small_run: Run, made: list[OfUser]) -> None:
    effects = small_run.explainer.effects
    person, records, absences = made[0]
    snapshot = small_run.snapshot
    listed = [snapshot.item_id(record.item_key) for record in records]
    someone = effects.person(snapshot.user_id(person.key))
    scores = effects.score(someone)
    for one, item in zip(absences, someone.items.tolist(), strict=False):
        without = effects.score(effects.person(snapshot.user_id(person.key), someone.items[someone.items != item]))
        lost = scores[listed].sum() - without[listed].sum()
        assert one.effect == pytest.approx(lost, abs=1e-5 * float(abs(scores[listed]).sum()))


def facts(absences: list[Absence]) -> list[list[object]]:
    found = [[one.text, one.effect, len(one.gone)] for one in absences if one.kind == "fact"]
    return sorted(found, key=lambda row: (-row[1], row[0]))


def entities(absences: Absences) -> list[list[object]]:
    """IRI, lists that change, places that change, effect; in order."""
    total: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0.0])
    for found in absences.values():
        for one in found:
            if one.kind == "entity":
                row = total[one.nodes[0].id]
                row[0] += bool(one.gone)
                row[1] += len(one.gone)
                row[2] += one.effect
    return sorted(([iri, *row] for iri, row in total.items()), key=lambda row: (-row[1], -row[2], -row[3]))


def test_in_neo4j(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, absences: Absences, knowing: str
) -> None:
    for key, found in records.items():
        publisher.write("small", found[0].user, found, absences[key])
    whole = server.rows("MATCH (w:Intervention) RETURN properties(w) AS p ORDER BY w.id")
    assert len(whole) == sum(map(len, absences.values()))
    # the shown queries
    table = server.rows(cypher.facts_of_user("small", knowing, limit=1000))
    assert [row[:3] for row in table] == facts(absences[knowing])
    assert all(len(row[3]) == 2 for row in table)
    labels = dict(server.rows("MATCH (n:Entity) RETURN n.id, n.name"))
    table = server.rows(cypher.entities_of_lists("small", limit=1000))
    expected = entities(absences)
    assert [row[1:3] for row in table] == [row[1:3] for row in expected]
    assert {row[0]: row[3] for row in table} == pytest.approx({labels[row[0]]: row[3] for row in expected})
    moving = [one for one in absences["7"] if one.kind == "interaction" and one.gone]
    for one in moving:
        table = server.rows(cypher.list_without("small", "7", one.nodes[0].id))
        assert table == [[place.rank, place.item.label, place.was or "new"] for place in one.shows]
        drawn = server.rows(
            f"CALL () {{ {cypher.moved_without('small', '7', one.nodes[0].id)} }}"
            " UNWIND relationships(p) AS r RETURN type(r), r.rank, endNode(r).id"
        )
        assert sorted(drawn, key=repr) == sorted(
            [
                ["WITHOUT", None, one.nodes[0].id],
                *(["BRINGS", place.rank, place.item.id] for place in one.shows if place.was is None),
                *(["COSTS", rank, item.id] for item, rank in one.gone),
            ],
            key=repr,
        )
    assert moving
    # replaced with the explanations, and removed with them
    publisher.write("small", records["7"][0].user, records["7"], absences["7"])
    assert server.rows("MATCH (w:Intervention) RETURN properties(w) AS p ORDER BY w.id") == whole
    publisher.write("small", records["7"][0].user, records["7"], absences["7"][:1])
    assert server.rows("MATCH (w:Intervention {user: '7'}) RETURN count(w)") == [[1]]
    publisher.forget("small", [records["7"][0].user])
    assert server.rows("MATCH (w:Intervention) RETURN count(w)") == [[1]]
    assert publisher.remove("small") == len(records["7"])
    assert server.rows("MATCH (n:Explanation|Intervention) RETURN count(n)") == [[0]]
    assert server.rows("MATCH ()-[r:FOR|WITHOUT|BRINGS|COSTS]->() RETURN count(r)") == [[0]]


def test_a_node_that_somebody_linked_stays(
    server: LiveNeo4j, publisher: Neo4jPublisher, records: Records, absences: Absences
) -> None:
    publisher.write("small", records["7"][0].user, records["7"], absences["7"])
    server.rows("MATCH (w:Intervention) WITH w ORDER BY w.id LIMIT 1 CREATE (:Note {text: 'mine'})-[:ON]->(w)")
    publisher.remove("small")
    assert server.rows("MATCH (n:Note)-[:ON]->(w) RETURN labels(w), properties(w)") == [[[], {}]]


def test_in_rdf(small_run: Run, records: Records, absences: Absences, knowing: str, tmp_path: Path) -> None:
    shutil.copytree(small_run.paths.run, tmp_path / "run")
    run = kgrec.open_run(small_run.paths.recipe, run_dir=tmp_path / "run")
    with run.published_store() as store:
        publisher = RdfPublisher(store)
        publisher.prepare(small_run.snapshot, Owner(run.recipe.name, run.recipe.base))
        for key, found in records.items():
            publisher.write("small", found[0].user, found, absences[key])

    def rows(query: str) -> list[list[object]]:
        return [[None if term is None else term.value for term in row] for row in run.query(query).rows]

    table = rows(sparql.facts_of_user(GRAPH, records[knowing][0].user.node.id, limit=1000))
    assert [[text, float(effect), int(places)] for text, effect, places in table] == facts(absences[knowing])
    table = rows(sparql.entities_of_lists(GRAPH, limit=1000))
    expected = entities(absences)
    assert [[int(lists), int(places)] for _, lists, places, _ in table] == [row[1:3] for row in expected]
    assert {row[0]: float(row[3]) for row in table} == pytest.approx({row[0]: row[3] for row in expected})
    one = next(one for one in absences["7"] if one.kind == "interaction" and one.gone)
    table = rows(sparql.list_without(GRAPH, records["7"][0].user.node.id, one.nodes[0].id))
    assert table == [
        [str(place.rank), place.item.id, None if place.was is None else str(place.was)] for place in one.shows
    ]
    with run.published_store() as store:
        publisher = RdfPublisher(store)
        publisher.prepare(small_run.snapshot, Owner(run.recipe.name, run.recipe.base))
        publisher.write("small", records["7"][0].user, [], [])
        left = store.query(f"SELECT ?s {{ GRAPH <{GRAPH}> {{ ?s ?p ?o . FILTER(CONTAINS(STR(?s), '/small/7/')) }} }}")
        assert not left.rows
        assert publisher.remove("small") == len(records["21"]) + len(records[knowing])


def test_the_files_hold_queries_that_run(small_run: Run, tmp_path: Path) -> None:
    shutil.copytree(small_run.paths.run, tmp_path / "run")
    run = kgrec.open_run(small_run.paths.recipe, run_dir=tmp_path / "run")
    done = run.publish("rdf", ["7"], 3, name="small")
    assert [file.stem for file in done.files] == ["facts-of-a-user", "entities-of-lists", "list-without"]
    assert len(run.query(done.files[2].read_text()).rows) == 3
