"""RDF files: every syntax read to the same statements, blank nodes and literals the same every time."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import BlankNode, Literal, NamedNode, Quad, RdfFormat, Triple, serialize

from kgrec.config.recipe import RdfSource
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Rejects
from kgrec.store import canonical

XSD = "http://www.w3.org/2001/XMLSchema#"
FORMATS = {
    "nt": RdfFormat.N_TRIPLES,
    "nq": RdfFormat.N_QUADS,
    "ttl": RdfFormat.TURTLE,
    "trig": RdfFormat.TRIG,
    "rdf": RdfFormat.RDF_XML,
    "jsonld": RdfFormat.JSON_LD,
}
GRAPH = NamedNode("urn:test:source/graph")

Read = Callable[..., list[Quad]]


def read(path: Path, limit: int = 0, cap: int = 1_048_576, **source: str) -> list[Quad]:
    entry = RdfSource(file=path.name, name="graph", **source)
    return list(read_rdf(path, entry, base="urn:test:", rejects=Rejects(limit), literal_cap=cap))


def ex(name: str) -> NamedNode:
    return NamedNode("http://example.org/" + name)


def triples(quads: list[Quad]) -> set[tuple[object, ...]]:
    assert {quad.graph_name for quad in quads} <= {GRAPH}
    return {(quad.subject, quad.predicate, quad.object) for quad in quads}


# --- the same statements in every syntax

SAMPLE = {
    "nt": """
# a comment
<http://example.org/a> <http://example.org/p> <http://example.org/b> .
<http://example.org/a> <http://example.org/q> "caf\\u00E9"@FR .
<http://example.org/a> <http://example.org/q> "07"^^<http://www.w3.org/2001/XMLSchema#int> .
""",
    "ttl": """@prefix : <http://example.org/> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
:a :p :b ; :q "café"@fr , 7 .
""",
    "rdf": """<?xml version="1.0"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://example.org/">
  <rdf:Description rdf:about="http://example.org/a">
    <p rdf:resource="http://example.org/b"/>
    <q xml:lang="FR">café</q>
    <q rdf:datatype="http://www.w3.org/2001/XMLSchema#integer">+7</q>
  </rdf:Description>
</rdf:RDF>
""",
    "jsonld": """{"@context": {"@vocab": "http://example.org/", "p": {"@type": "@id"}},
 "@id": "http://example.org/a", "p": "http://example.org/b", "q": [{"@value": "café", "@language": "fr"}, 7]}
""",
}
SAMPLE["nq"] = SAMPLE["nt"].replace(" .\n", " <http://example.org/graph> .\n")
SAMPLE["trig"] = SAMPLE["ttl"].replace(":a :p", "<http://example.org/graph> { :a :p") + "}"
EXPECTED = {
    (ex("a"), ex("p"), ex("b")),
    (ex("a"), ex("q"), Literal("café", language="fr")),
    (ex("a"), ex("q"), Literal("7", datatype=NamedNode(XSD + "integer"))),
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "bom"])
@pytest.mark.parametrize("syntax", sorted(SAMPLE))
def test_every_syntax_gives_the_same_statements(tmp_path: Path, syntax: str, mark: str, packed: bool) -> None:
    content = (mark + SAMPLE[syntax]).encode()
    path = tmp_path / (f"sample.{syntax}" + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(content) if packed else content)
    assert triples(read(path)) == EXPECTED


def test_the_recipe_may_name_the_syntax(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text(SAMPLE["ttl"], "utf-8")
    assert triples(read(path, format="ttl")) == EXPECTED


def test_relative_iris_are_taken_with_a_base(tmp_path: Path) -> None:
    for name, content in {
        "a.ttl": "<a> <p> <b> .",
        "a.jsonld": '{"@context": {"@vocab": "http://example.org/"}, "@id": "a", "p": {"@id": "b"}}',
        "a.rdf": SAMPLE["rdf"].split("<q ")[0].replace("http://example.org/a", "a").replace("http://example.org/b", "b")
        + "</rdf:Description></rdf:RDF>",
    }.items():
        (tmp_path / name).write_text(content)
        assert triples(read(tmp_path / name, base="http://example.org/")) == {(ex("a"), ex("p"), ex("b"))}


def test_the_graph_is_the_sources_and_named_after_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my graph.nt.gz"
    path.write_bytes(gzip.compress(SAMPLE["nt"].encode()))
    quads = read_rdf(path, RdfSource(file="my graph.nt.gz"), base="http://base/", rejects=Rejects())
    assert {quad.graph_name.value for quad in quads} == {"http://base/source/my_graph"}


# --- blank nodes

BLANK = {
    "nt": "_:x <http://example.org/p> _:y .\n_:x <http://example.org/q> _:x .\n",
    "ttl": "@prefix : <http://example.org/> . :a :p [ :q _:z ; :r ( 1 [] ) ] , _:z , [] .",
    "rdf": SAMPLE["rdf"].replace('rdf:about="http://example.org/a"', "").replace("</rdf:RDF>", "")
    + '<rdf:Description rdf:nodeID="n"><p rdf:nodeID="n"/></rdf:Description></rdf:RDF>',
    "jsonld": """{"@context": {"@vocab": "http://example.org/"}, "@graph": [
 {"p": [{"q": 1}, {"q": 2}, {"@list": [{}, {"q": 3}]}]}, {"@id": "_:own", "p": {"@id": "_:own"}}]}""",
}


@pytest.mark.parametrize("syntax", sorted(BLANK))
def test_blank_nodes_are_the_same_in_every_process(tmp_path: Path, syntax: str) -> None:
    path = tmp_path / f"blank.{syntax}"
    path.write_text(BLANK[syntax], "utf-8")
    code = """
import sys
from pathlib import Path
from kgrec.config.recipe import RdfSource
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Rejects
for quad in read_rdf(sys.argv[1], RdfSource(file="blank", name="graph"), base="urn:test:", rejects=Rejects()):
    print(quad)
"""
    here = [str(quad) for quad in read(path)]
    assert not any("_:" in line for line in here)
    for _ in range(2):
        again = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, encoding="utf-8"
        )
        assert again.stdout.splitlines() == here


def test_blank_nodes_keep_their_structure_and_their_label(tmp_path: Path) -> None:
    path = tmp_path / "blank.nt"
    path.write_text(BLANK["nt"])
    first, second = read(path)
    assert first.subject == second.subject == second.object != first.object
    assert first.subject.value.startswith("urn:kgrec:bnode:")
    assert (first.subject.value[-2:], first.object.value[-2:]) == ("/x", "/y")


def test_unlabelled_nodes_are_apart_from_each_other_and_from_labels(tmp_path: Path) -> None:
    path = tmp_path / "blank.ttl"
    path.write_text("@prefix : <http://example.org/> . :a :p [], [], [], _:b1, _:1, _:b0, _:c0ffee .")
    nodes = [quad.object.value for quad in read(path)]
    assert len(set(nodes)) == 7
    assert [node.rsplit("/", 1)[1] for node in nodes] == ["-1", "-2", "-3", "b1", "1", "b0", "c0ffee"]


def test_files_with_other_content_share_no_blank_node(tmp_path: Path) -> None:
    (tmp_path / "one.nt").write_text("_:x <http://example.org/p> _:x .\n")
    (tmp_path / "two.nt").write_text("_:x <http://example.org/q> _:x .\n")
    (tmp_path / "one.nt.gz").write_bytes(gzip.compress((tmp_path / "one.nt").read_bytes()))
    one, two, packed = (read(tmp_path / name)[0].subject for name in ("one.nt", "two.nt", "one.nt.gz"))
    assert one != two
    assert one == packed


# --- any term through any syntax

NAMES = st.sampled_from(["a", "b", "Ünïcode", "x%20y", "漢字", "dot.ted", "under_score", "p1"])
LEXICAL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=30
)
SPACED = st.sampled_from(
    ["", " lead", "trail ", "two\nlines", "tab\there", 'quo"te', "back\\slash", "</p>&amp;", "\u2028"]
)
LITERALS = st.one_of(
    st.one_of(LEXICAL, SPACED).map(Literal),
    st.builds(lambda v, t: Literal(v, language=t), LEXICAL, st.sampled_from(["en", "de-AT", "zh-Hant-TW"])),
    st.integers().map(lambda v: Literal(f"{v:+05d}", datatype=NamedNode(XSD + "integer"))),
    st.decimals(allow_nan=False, allow_infinity=False, places=4).map(
        lambda v: Literal(f"{v:f}", datatype=NamedNode(XSD + "decimal"))
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(
        lambda v: Literal(repr(v), datatype=NamedNode(XSD + "double"))
    ),
    st.booleans().map(lambda v: Literal(str(int(v)), datatype=NamedNode(XSD + "boolean"))),
    st.dates().map(lambda v: Literal(v.isoformat() + "+00:00", datatype=NamedNode(XSD + "date"))),
    LEXICAL.map(lambda v: Literal(v, datatype=ex("datatype"))),
)
IRIS = NAMES.map(ex)
BLANKS = st.sampled_from(["n0", "n1", "Label"]).map(BlankNode)
PREDICATES = st.sampled_from(["p", "q", "r-1"]).map(ex)
GRAPHS = st.lists(st.builds(Triple, st.one_of(IRIS, BLANKS), PREDICATES, st.one_of(IRIS, BLANKS, LITERALS)), min_size=1)


def expected_terms(graph: list[Triple]) -> set[tuple[str, ...]]:
    def text(term: object) -> str:
        if isinstance(term, BlankNode):
            return f"blank {term.value}"
        return str(canonical(term)) if isinstance(term, Literal) else str(term)

    return {(text(t.subject), text(t.predicate), text(t.object)) for t in graph}


def found_terms(quads: list[Quad]) -> set[tuple[str, ...]]:
    def text(term: object) -> str:
        if isinstance(term, NamedNode) and term.value.startswith("urn:kgrec:bnode:"):
            return "blank " + term.value.rsplit("/", 1)[1]
        return str(term)

    return {(text(q.subject), text(q.predicate), text(q.object)) for q in quads}


@pytest.mark.parametrize("syntax", sorted(FORMATS))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(graph=GRAPHS)
def test_any_graph_survives_any_syntax(
    tmp_path_factory: pytest.TempPathFactory, syntax: str, graph: list[Triple]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any.{syntax}"
    statements = [Quad(t.subject, t.predicate, t.object) for t in graph]
    path.write_bytes(serialize(statements, format=FORMATS[syntax]))
    assert found_terms(read(path)) == expected_terms(graph)


@pytest.mark.parametrize("syntax", ["nt", "ttl", "rdf", "jsonld"])
def test_what_rdflib_writes_is_read(tmp_path: Path, syntax: str) -> None:
    import rdflib

    graph = rdflib.Graph()
    a, p = rdflib.URIRef("http://example.org/a"), rdflib.URIRef("http://example.org/p")
    for value in (
        rdflib.URIRef("http://example.org/Ünïcode"),
        rdflib.Literal('multi\nline "quoted" \\ text', lang="en"),
        rdflib.Literal(12),
        rdflib.Literal(2.5),
        rdflib.Literal(True),
        rdflib.Literal("1999-12-31", datatype=rdflib.XSD.date),
    ):
        graph.add((a, p, value))
    path = tmp_path / f"graph.{syntax}"
    graph.serialize(
        path, format={"nt": "nt", "ttl": "turtle", "rdf": "xml", "jsonld": "json-ld"}[syntax], encoding="utf-8"
    )
    assert triples(read(path)) == {
        (ex("a"), ex("p"), ex("Ünïcode")),
        (ex("a"), ex("p"), Literal('multi\nline "quoted" \\ text', language="en")),
        (ex("a"), ex("p"), Literal("12", datatype=NamedNode(XSD + "integer"))),
        (ex("a"), ex("p"), Literal("2.5E0", datatype=NamedNode(XSD + "double"))),
        (ex("a"), ex("p"), Literal("true", datatype=NamedNode(XSD + "boolean"))),
        (ex("a"), ex("p"), Literal("1999-12-31", datatype=NamedNode(XSD + "date"))),
    }
