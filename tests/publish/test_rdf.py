"""Explanations in the embedded store: a named graph, read with `kgrec query` and with rdflib."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import rdflib
from pyoxigraph import Literal, NamedNode
from rdflib.namespace import PROV, RDF

import kgrec
from kgrec.errors import StorageError, UnknownIdError, UserError
from kgrec.pipeline.publish import unpublish
from kgrec.publish.rdf import RdfPublisher
from kgrec.publish.records import Owner
from kgrec.store import OxigraphStore
from tests.pipeline.test_road import results

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from kgrec.publish import Record

KGREC = rdflib.Namespace("urn:kgrec:vocab#")
GRAPH = "urn:kgrec:explanation/small"


@pytest.fixture
def run(small_run: Run, tmp_path: Path) -> Run:
    """The small run in a folder of the test's own."""
    shutil.copytree(small_run.paths.run, tmp_path / "run")
    copy = kgrec.open_run(small_run.paths.recipe, run_dir=tmp_path / "run")
    copy.__dict__.update(scorer=small_run.scorer, explainer=small_run.explainer, snapshot=small_run.snapshot)
    return copy


@pytest.fixture
def store(run: Run) -> Iterator[OxigraphStore]:
    with run.published_store() as opened:
        yield opened


def prepared(store: OxigraphStore, run: Run) -> RdfPublisher:
    publisher = RdfPublisher(store)
    publisher.prepare(run.snapshot, Owner(run.recipe.name, run.recipe.base))
    return publisher


def as_rdflib(run: Run, graph: str = GRAPH) -> rdflib.Graph:
    """What `kgrec query` constructs out of a published graph, parsed by rdflib."""
    made = run.query(f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}")
    return rdflib.Graph().parse(io.StringIO("".join(f"{triple} .\n" for triple in made.triples)), format="nt")


def test_round_trip(run: Run, records: dict[str, list[Record]]) -> None:
    """Everything of a record is read back by rdflib."""
    with run.published_store() as store:
        publisher = prepared(store, run)
        for found in records.values():
            publisher.write("small", found[0].user, found)
    graph = as_rdflib(run)
    everything = [record for found in records.values() for record in found]
    assert len(list(graph.subjects(RDF.type, KGREC.Explanation))) == len(everything)
    stated = {(a, r, b) for a, r, b in edges(run.snapshot)}
    kinds = set()
    for record in everything:
        me = rdflib.URIRef(f"urn:kgrec:explanation/{record.id}")
        assert (me, RDF.type, PROV.Entity) in graph
        assert graph.value(me, KGREC.user) == rdflib.URIRef(record.user.node.id)
        assert graph.value(me, KGREC.item) == rdflib.URIRef(record.item.id)
        assert graph.value(me, KGREC["rank"]).toPython() == record.rank
        assert graph.value(me, KGREC.score).toPython() == record.score
        assert graph.value(me, KGREC.model).toPython() == record.model
        assert graph.value(me, KGREC.text).toPython() == record.text
        assert graph.value(me, PROV.generatedAtTime).toPython() == record.created
        activity = graph.value(me, PROV.wasGeneratedBy)
        assert (activity, RDF.type, PROV.Activity) in graph
        derived = set(graph.objects(me, PROV.wasDerivedFrom))
        paths = sorted(graph.objects(me, KGREC.path), key=lambda path: graph.value(path, KGREC.number).toPython())
        assert len(paths) == len(record.reasons)
        for path, reason in zip(paths, record.reasons, strict=True):
            assert graph.value(path, KGREC.weight).toPython() == reason.path.weight
            assert graph.value(path, KGREC.share).toPython() == reason.path.share
            assert graph.value(path, KGREC.effect).toPython() == reason.path.effect
            assert graph.value(path, KGREC.text).toPython() == reason.path.text
            hops = sorted(graph.objects(path, KGREC.hop), key=lambda hop: graph.value(hop, KGREC.position).toPython())
            assert [str(graph.value(hops[0], KGREC["from"])), *(str(graph.value(hop, KGREC.to)) for hop in hops)] == [
                node.id for node in reason.path.nodes
            ]
            for hop, relation in zip(hops, reason.path.relations, strict=True):
                kinds.add(relation.kind)
                assert graph.value(hop, KGREC.kind).toPython() == relation.kind
                if relation.learned:
                    assert (hop, RDF.type, KGREC.LearnedHop) in graph
                    assert (hop, RDF.type, RDF.Statement) not in graph
                    assert graph.value(hop, KGREC.support).toPython() == relation.support
                    assert graph.value(hop, PROV.wasGeneratedBy) == activity
                    assert hop not in derived
                    continue
                assert hop in derived
                statement = tuple(str(graph.value(hop, term)) for term in (RDF.subject, RDF.predicate, RDF.object))
                if relation.kind == "fact":
                    assert statement in stated
                    sources = {str(source) for source in graph.objects(hop, PROV.wasDerivedFrom)}
                    assert sources
                    for source in sources:
                        ask = "ASK {{ GRAPH <{}> {{ <{}> <{}> <{}> }} }}"
                        assert run.query(ask.format(source, *statement)).boolean
    assert {"interaction", "fact"} <= kinds
    assert kinds - {"interaction", "fact"}


def edges(snapshot: kgrec.dataset.snapshot.Snapshot) -> Iterator[tuple[str, str, str]]:
    iri = {(kind, n): iri for kind, n, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    relation = dict(snapshot.relations.select("name", "iri").iter_rows())
    for st, s, r, tt, t, _ in snapshot.edges.iter_rows():
        yield iri[st, s], relation[r], iri[tt, t]


def test_no_stage_sees_it(run: Run) -> None:
    before = results(run.paths.run)
    done = run.publish("rdf", ["7"], 3, name="small")
    assert (done.users, done.explanations, done.place) == (1, 3, GRAPH)
    said: list[str] = []
    again = kgrec.open_run(run.paths.recipe, run_dir=run.paths.run)
    again.all(progress=Said(said))
    assert len(said) == 8
    assert all(line.endswith("nothing changed, skipped") for line in said)
    assert results(run.paths.run) == before
    with run.store() as store:
        assert not [quad for quad in store.quads() if "explanation" in str(quad)]
        assert not [source for source in store.sources() if "explanation" in source]
    assert run.query("ASK { ?e a kgrec:Explanation }").boolean is False
    assert run.query("ASK { GRAPH ?g { ?e a kgrec:Explanation } }").boolean is False
    assert run.query(f"ASK {{ GRAPH <{GRAPH}> {{ ?e a kgrec:Explanation }} }}").boolean is True


class Said:
    """A progress that remembers what it was told."""

    def __init__(self, lines: list[str]) -> None:
        self.say = lines.append

    def task(self, *_: object, **__: object) -> object:
        raise AssertionError("nothing was to be done")


def test_with_names_out_of_the_sources(run: Run) -> None:
    run.publish("rdf", ["7"], 2, name="small")
    found = run.query(
        f"SELECT ?name ?rank {{ GRAPH <{GRAPH}> {{ ?e kgrec:item ?i ; kgrec:rank ?rank }} ?i rdfs:label ?name }} "
        "ORDER BY ?rank"
    )
    assert [row[0].value for row in found.rows] == run.recommend("7", k=2)["label"].to_list()


def test_again_replaces(run: Run, store: OxigraphStore, records: dict[str, list[Record]]) -> None:
    publisher = prepared(store, run)
    old, other = records["7"], records["21"]
    publisher.write("small", old[0].user, old)
    publisher.write("small", other[0].user, other)
    publisher.write("else", old[0].user, [replace(record, run="else") for record in old])
    whole = content(store)
    new = [replace(record, created=record.created + timedelta(days=1)) for record in old[:2]]
    publisher.write("small", new[0].user, new)
    assert {text for text in content(store) if "/7/" in text} != {text for text in whole if "/7/" in text}
    assert untouched(content(store)) == untouched(whole)
    publisher.write("small", old[0].user, old)
    assert content(store) == whole
    publisher.forget("small", [other[0].user])
    assert {text for text in content(store) if "small/7/" in text} == set()
    assert untouched(content(store)) == untouched(whole)


def content(store: OxigraphStore) -> set[str]:
    """Everything that is published."""
    graphs = " ".join(f"FROM NAMED <{graph}>" for graph in store.published())
    return {" ".join(map(str, row)) for row in store.query(f"SELECT * {graphs} {{ GRAPH ?g {{ ?s ?p ?o }} }}").rows}


def terms(store: OxigraphStore) -> set[object]:
    graphs = " ".join(f"FROM NAMED <{graph}>" for graph in store.published())
    return {term for row in store.query(f"SELECT * {graphs} {{ GRAPH ?g {{ ?s ?p ?o }} }}").rows for term in row}


def untouched(statements: set[str]) -> set[str]:
    return {text for text in statements if "explanation/small/7/" not in text}


def test_a_fault_leaves_the_old(
    run: Run, store: OxigraphStore, records: dict[str, list[Record]], monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher = prepared(store, run)
    old = records["7"]
    publisher.write("small", old[0].user, old)
    before = content(store)
    update = OxigraphStore._update
    monkeypatch.setattr(
        OxigraphStore, "_update", lambda self, text: update(self, text + " ; LOAD <file:///no/such/file>")
    )
    with pytest.raises(StorageError):
        publisher.write("small", old[0].user, old[:1])
    assert content(store) == before


def test_hostile_names(run: Run, store: OxigraphStore, records: dict[str, list[Record]]) -> None:
    """Names end up as literals and nowhere else, whatever stands in them."""
    names = ['" . <urn:x> <urn:y> <urn:z> . "', "\n} } ; DROP ALL #", "a\x00b", "\\", '"""', "\\u0022", "🎬\u202e"]
    publisher = prepared(store, run)
    publisher.write("small", records["21"][0].user, records["21"])
    before, sources = content(store), len(store)
    for number, name in enumerate(names):
        record = records["7"][0]
        reason = record.reasons[0]
        hostile = replace(
            record,
            run=name if name.isprintable() else "small",
            model=name,
            item=replace(record.item, label=name),
            reasons=(replace(reason, path=replace(reason.path, text=name)),),
            item_key=f"{number}{name}",
        )
        publisher.write(hostile.run, hostile.user, [hostile])
        assert before <= content(store)
        assert len(store) == sources
        assert terms(store).isdisjoint(map(NamedNode, ("urn:x", "urn:y", "urn:z")))
        assert Literal(name) in terms(store)


def test_unpublish(run: Run) -> None:
    for name in ("small", "smaller"):
        run.publish("rdf", ["7", "21"], 2, name=name, interventions=False)
    sources = run.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }").rows
    with pytest.raises(UnknownIdError, match="nearest: small"):
        unpublish("smal", "rdf", run)
    assert unpublish("small", "rdf", run) == 4
    with pytest.raises(UnknownIdError, match="no published run"):
        unpublish("small", "rdf", run)
    assert as_rdflib(run).value(None, RDF.type, KGREC.Explanation) is None
    assert len(as_rdflib(run, "urn:kgrec:explanation/smaller"))
    assert run.query("SELECT (COUNT(*) AS ?n) { ?s ?p ?o }").rows == sources
    unpublish("smaller", "rdf", run)
    with run.store() as store:
        assert store.published() == []


def test_everybody(run: Run) -> None:
    done = run.publish("rdf", None, 1, name="small", interventions=False)
    assert done.users == run.snapshot.num_users == done.explanations
    # queries over interventions would find nothing
    assert done.files == ()


def test_refused_before_anything_is_written(run: Run) -> None:
    with pytest.raises(UnknownIdError, match="nearest: "):
        run.publish("rdf", ["7", "777"], 2)
    with pytest.raises(UserError, match="printable"):
        run.publish("rdf", ["7"], 2, name="a\nb")
    with pytest.raises(UserError, match="at least one"):
        run.publish("rdf", ["7"], 0)
    with run.store() as store:
        assert store.published() == []
