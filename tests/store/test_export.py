"""Sorted exports: same bytes, nothing lost, readable by an independent parser."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad, RdfFormat, parse

from kgrec.errors import StorageError
from kgrec.store import export, export_quads

GRAPH = NamedNode("urn:kgrec:source/one")
IRIS = st.sampled_from([NamedNode(f"http://example.org/{name}") for name in ("a", "b", "c#d", "é", "a%20b", "x.y")])
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
OBJECTS = st.one_of(
    IRIS, TEXTS.map(Literal), st.builds(lambda v, t: Literal(v, language=t), TEXTS, st.sampled_from(["en", "de"]))
)
GRAPHS = st.sampled_from([GRAPH, NamedNode("urn:kgrec:source/two")])
QUADS = st.lists(st.builds(Quad, IRIS, IRIS, OBJECTS, GRAPHS), max_size=30)


@settings(max_examples=60, deadline=None)
@given(quads=QUADS, data=st.data())
def test_any_order_gives_the_same_bytes_and_all_statements(tmp_path_factory, quads, data) -> None:
    folder = tmp_path_factory.mktemp("export")
    shuffled = data.draw(st.permutations(quads))
    triples = {(q.subject, q.predicate, q.object) for q in quads}
    for to, syntax in (("nt", RdfFormat.N_TRIPLES), ("nq", RdfFormat.N_QUADS), ("ttl", RdfFormat.TURTLE)):
        first, second = folder / f"1.{to}", folder / f"2.{to}"
        count = export_quads(quads, first, to)
        export_quads(shuffled, second, to)
        assert first.read_bytes() == second.read_bytes()
        back = list(parse(path=str(first), format=syntax))
        assert count == len(back)
        if to == "nq":
            assert set(back) == set(quads)
        else:
            assert {(q.subject, q.predicate, q.object) for q in back} == triples
            assert count == len(triples)


def test_lines_are_sorted_and_merged_from_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "RUN_LENGTH", 7)
    p, graph = NamedNode("http://example.org/p"), NamedNode("urn:kgrec:source/one")
    quads = [Quad(NamedNode(f"http://example.org/{i * 37 % 50}"), p, Literal("é"), graph) for i in range(100)]
    assert export_quads(quads, tmp_path / "out.nt", "nt") == 50
    lines = (tmp_path / "out.nt").read_text("utf-8").splitlines()
    assert lines == sorted(f'<http://example.org/{i}> <http://example.org/p> "é" .' for i in range(50))
    assert [path.name for path in tmp_path.iterdir()] == ["out.nt"]


def test_rdflib_reads_the_turtle(tmp_path: Path) -> None:
    import rdflib

    quads = [
        Quad(NamedNode("http://dbpedia.org/resource/A"), NamedNode("http://dbpedia.org/ontology/p"), value, GRAPH)
        for value in (Literal('x\n"y"', language="en"), NamedNode("http://dbpedia.org/resource/B_(c)"))
    ]
    export_quads(quads, tmp_path / "out.ttl", "ttl")
    assert "dbr:A" in (tmp_path / "out.ttl").read_text()
    assert len(rdflib.Graph().parse(tmp_path / "out.ttl")) == 2


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        export_quads([], tmp_path / "file" / "out.nt", "nt")
