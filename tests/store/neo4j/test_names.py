"""Names out of data in Cypher: whatever they hold, they stay names."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.config.iris import RDF_TYPE
from kgrec.store.neo4j import names
from kgrec.store.neo4j.store import Neo4jStore

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j

GRAPH = NamedNode("urn:kgrec:source/one")
KIND = NamedNode("http://example.org/kind")
ATTACKS = (
    "`) DETACH DELETE n //",
    "\\u0060) DETACH DELETE n //",
    "\\u005cu0060) DETACH DELETE n //",
    "``",
    "a`b",
    "a\\`b",
    "x\x00y",
    "\n\r\t",
    "'\"; MATCH (n) DETACH DELETE n",
    "$rows",
    "{id: 1}",
    "Entity",
    "KgrecGraph",
    "INTERACTED",
    "id",
    "name",
    "statements",
    "",
    " ",
    "\u2028",
    "\U0001f600",
    "é\u0301",
    "n" * 3_000,
)
PIECES = st.sampled_from(
    ["`", "\\u0060", "\\U00000060", "\\", "\n", "'", '"', "\x00", "}", ")", "]", ":", "|", "//", "$"]
)
HOSTILE = st.lists(PIECES | st.text(max_size=6), min_size=1, max_size=6).map("".join)


def thousand_names() -> list[str]:
    found = dict.fromkeys(ATTACKS)

    @settings(
        max_examples=1_500, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(HOSTILE)
    @example("`")
    def gather(name: str) -> None:
        try:
            quote(name)
        except UnicodeEncodeError:
            return
        found[name] = None

    gather()
    return list(found)[:1_000]


def test_a_thousand_hostile_names_change_nothing_outside_their_own_node(neo4j_server: LiveNeo4j) -> None:
    hostile = thousand_names()
    assert len(hostile) == 1_000
    neo4j_server.rows("CREATE (:Canary {song: 'tweet'})-[:SINGS]->(:Canary {song: 'chirp'})")
    canaries = "MATCH (n:Canary) OPTIONAL MATCH (n)-[r]->(m) RETURN labels(n), properties(n), type(r), m.song"
    before = neo4j_server.rows(canaries)
    quads = []
    for i, name in enumerate(hostile):
        node, iri = NamedNode(f"http://example.org/node/{i}"), "http://example.org/" + quote(name, safe="")
        # each is a label and a property key, or a relationship type
        if i % 2:
            following = NamedNode(f"http://example.org/node/{(i + 1) % len(hostile)}")
            quads += [Quad(node, NamedNode(iri), following, GRAPH), Quad(node, KIND, Literal(name), GRAPH)]
        else:
            quads += [Quad(node, NamedNode(RDF_TYPE), NamedNode(iri), GRAPH)]
            quads += [Quad(node, NamedNode(iri), Literal(name), GRAPH)]
    with Neo4jStore(neo4j_server.connection) as store:
        store.load(quads)
        assert set(store.quads()) == set(quads)
    assert sorted(map(str, neo4j_server.rows(canaries))) == sorted(map(str, before))
    (nodes, of_ours) = neo4j_server.rows("MATCH (n) RETURN count(n), sum(CASE WHEN n:Entity THEN 1 ELSE 0 END)")[0]
    edges = [quad for quad in quads if isinstance(quad.object, NamedNode) and quad.predicate.value != RDF_TYPE]
    assert (nodes, of_ours) == (2 + 1 + len({quad.predicate for quad in edges}) + 1_000, 1_000)
    assert neo4j_server.rows("MATCH ()-[r]->() RETURN count(r)") == [[1 + len(edges)]]
    assert neo4j_server.rows("MATCH (n:Entity) WHERE n.id IS NULL OR n.statements IS NULL RETURN count(n)") == [[0]]
    wrong = "MATCH (n:Entity)-[r]->(m) WHERE r.source <> 'one' OR keys(r) <> ['source'] RETURN count(r)"
    assert neo4j_server.rows(wrong) == [[0]]


def test_relationship_types_are_told_apart_and_stay() -> None:
    first = names.relationship_types(["http://a/x", "http://b/x", "http://a/INTERACTED"], {}, {})
    assert first == {"http://a/x": "x", "http://b/x": "x_2", "http://a/INTERACTED": "INTERACTED_2"}
    own = names.relationship_types(["http://a/STEP", "http://a/in"], {}, {"http://a/in": "FOR"})
    assert own == {"http://a/STEP": "STEP_2", "http://a/in": "FOR_2"}
    later = names.relationship_types(["http://0/x", "http://b/x"], first, {"http://0/x": "near"})
    assert later == {**first, "http://0/x": "near"}


def test_long_names_stay_distinct() -> None:
    long = ["http://a/" + "n" * 2_000, "http://b/" + "n" * 2_000]
    given_types = names.relationship_types(long, {}, {})
    assert len(set(given_types.values())) == 2
    assert max(map(len, given_types.values())) <= names.LONGEST
