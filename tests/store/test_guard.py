"""Queries that would write or reach out are refused before anything runs."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import QueryError
from kgrec.store import OxigraphStore
from kgrec.store.guard import check_query

FEDERATED = [
    "SELECT * { SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { service silent <http://x/> { ?s ?p ?o } }",
    "SELECT * { { { OPTIONAL { ?a ?b ?c . SeRvIcE ?c { ?s ?p ?o } } } } }",
    "SELECT * { FILTER EXISTS { SERVICE <http://x/> { ?s ?p ?o } } }",
    "SELECT * { { SELECT * { SERVICE <http://x/> { ?s ?p ?o } } } }",
    "PREFIX : <http://x/> SELECT * { SERVICE:x { ?s ?p ?o } }",
    "PREFIX a: <http://x/> SELECT * { SERVICEa:x { ?s ?p ?o } }",
    "PREFIX : <http://x/> SELECT * { SERVICESILENT:x { ?s ?p ?o } }",
    "SELECT * { ?s ?p 1SERVICE<http://x/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p 'a'SERVICE<http://x/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p ?o FILTER(?o<1)SERVICE<http://x/>{ ?a ?b ?c } }",
    "SELECT * { ?s ?p ?o } # comment\n ; SERVICE <http://x/> {}",
    "SELECT * { # SERVICE in a comment\n SERVICE <http://x/> { ?s ?p ?o } }",
    "SELECT * { ?s ?p '# no comment' . SERVICE <http://x/> { ?s ?p ?o } }",
    'SELECT * { ?s ?p """a " quote""" . SERVICE <http://x/> { ?s ?p ?o } }',
    "SELECT * { \\u0053ERVICE <http://x/> { ?s ?p ?o } }",
    'SELECT * { ?s ?p "\\u0022 . SERVICE <http://x/> { ?s ?p ?o } }',
    "ASK { SERVICE ?where { ?s ?p ?o } }",
    "CONSTRUCT { ?s ?p ?o } WHERE { SERVICE <http://x/> { ?s ?p ?o } }",
    "DESCRIBE ?s { SERVICE <http://x/> { ?s ?p ?o } }",
]
UPDATES = [
    "INSERT DATA { <http://a/> <http://b/> 1 }",
    "DELETE WHERE { ?s ?p ?o }",
    "delete { ?s ?p ?o } insert { ?s ?p 1 } where { ?s ?p ?o }",
    "WITH <http://g/> DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }",
    "LOAD <http://x/data.ttl>",
    "CLEAR ALL",
    "DROP GRAPH <http://g/>",
    "CREATE GRAPH <http://g/>",
    "ADD DEFAULT TO <http://g/>",
    "MOVE DEFAULT TO <http://g/>",
    "COPY DEFAULT TO <http://g/>",
    "# SELECT\nPREFIX a: <http://a/>\nBASE <http://b/>\nINSERT DATA { a:x a:y a:z }",
]
HARMLESS = [
    "SELECT ?service { ?service ?p 'SERVICE <http://x/> { }' }",
    "SELECT * { ?s <http://x/SERVICE> ?o } # SERVICE <http://x/> {",
    "PREFIX service: <http://x/> SELECT * { ?s service:SERVICE ?o . ?o service:x ?z }",
    "PREFIX o: <http://x/> SELECT * { ?s o:service ?o }",
    "SELECT * { GRAPH ?service { ?s ?p ?o } }",
    'SELECT * { ?s ?p """SERVICE\n{""" }',
    "SELECT * { ?s ?p 'INSERT DATA' } # DELETE",
    "SELECT * { _:service ?p ?o FILTER(?o < 5 && ?o > 1) }",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OxigraphStore]:
    with OxigraphStore(tmp_path_factory.mktemp("guard") / "store") as store:
        a = NamedNode("http://a/")
        store.load([Quad(a, a, Literal("1"), NamedNode("urn:kgrec:source/one"))])
        yield store


@pytest.mark.parametrize("query", FEDERATED)
def test_service_is_refused(store: OxigraphStore, query: str) -> None:
    with pytest.raises(QueryError, match="SERVICE is refused"):
        store.query(query)
    with pytest.raises(QueryError, match="SERVICE is refused"):
        store.as_rdflib().query(query)


@pytest.mark.parametrize("query", UPDATES)
def test_updates_are_refused(store: OxigraphStore, query: str) -> None:
    with pytest.raises(QueryError, match="is an update"):
        store.query(query)
    assert len(store) == 1


@pytest.mark.parametrize("query", HARMLESS)
def test_the_word_alone_is_no_offence(store: OxigraphStore, query: str) -> None:
    assert store.query(query).kind == "select"


def test_the_line_is_told() -> None:
    with pytest.raises(QueryError, match=r"^line 3: SERVICE"):
        check_query("SELECT *\n{\n SERVICE <http://x/> { ?s ?p ?o } }")


def test_malformed_queries_are_the_users_fault(store: OxigraphStore) -> None:
    with pytest.raises(QueryError, match="not SPARQL"):
        store.query("SELECT * WHERE { ?s ?p }")


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine and the connections made to it."""
    seen: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            while True:
                try:
                    connection, address = server.accept()
                except OSError:
                    return
                seen.append(address)
                connection.close()

        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1], seen
        server.shutdown(socket.SHUT_RDWR)


PIECES = st.sampled_from(
    [
        *("SERVICE", "service", "SERVICESILENT", "SILENT", "SERVICEa:", "SERVICE:", "a:SERVICE", "a:o.SERVICE"),
        *("<IRI>", "?v", "$v", "{", "}", "{ ?s ?p ?o }", ".", ";", ",", "1", "1.", ".5", "1e3", "true", "'", '"'),
        *("'x'", '"x"', "@en", "^^", "#", "\n", " ", "(", ")", "FILTER", "EXISTS", "NOT", "OPTIONAL", "GRAPH"),
        *("<", ">", "<1", "&&", "_:b", "_:b.SERVICE", "\\u0053", "\\", "BIND", "AS", "SELECT", "*", "VALUES"),
        *(":x", "a:x", "'''", "UNION", "?s ?p ", "a"),
    ]
)
TAILS = st.sampled_from(["", "{ ?a ?b ?c }"])


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, max_size=14), glue=st.sampled_from(["", " "]), tail=TAILS)
def test_no_query_opens_a_connection(store, listener, pieces, glue, tail) -> None:
    port, seen = listener
    address = f"http://127.0.0.1:{port}/"
    body = glue.join(pieces).replace("IRI", address)
    query = f"PREFIX : <{address}> PREFIX a: <{address}> SELECT * {{ ?s ?p ?o . {body}{tail} }}"
    with contextlib.suppress(QueryError):
        store.query(query)
    assert seen == []


BEFORE = ["a:o.", "a:o", "_:b.", "1.", "1", "true", "'x'@en", "?v", "a:%41", "a:\\,", "<IRI>", ")"]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("word", ["SERVICE", "SERVICESILENT", "SERVICE SILENT"])
@pytest.mark.parametrize("name", [":x", "a:x", "<IRI>", " <IRI>", " a:x"])
def test_no_glued_call_opens_a_connection(store, listener, before, word, name) -> None:
    port, seen = listener
    address = f"http://127.0.0.1:{port}/"
    call = f"{before}{word}{name}{{ ?a ?b ?c }}".replace("IRI", address)
    for query in (
        f"PREFIX : <{address}> PREFIX a: <{address}> SELECT * {{ ?s ?p {call} }}",
        f"PREFIX : <{address}> PREFIX a: <{address}> SELECT * {{ ?s ?p ?o FILTER(1 < 2 {call} }}",
    ):
        with contextlib.suppress(QueryError):
            store.query(query)
    assert seen == []
