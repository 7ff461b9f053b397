"""What every store must do, whatever keeps the data."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import DataError, StaleError, StorageError
from kgrec.store import GraphStore, canonical, export_quads

from .conftest import BASE, Open

XSD = "http://www.w3.org/2001/XMLSchema#"


def node(name: str) -> NamedNode:
    return NamedNode("http://example.org/" + name)


def graph(source: str) -> NamedNode:
    return NamedNode(f"{BASE}source/{source}")


def quad(subject: str, predicate: str, value: str | Literal, source: str = "one") -> Quad:
    return Quad(node(subject), node(predicate), value if isinstance(value, Literal) else node(value), graph(source))


def typed(value: str, datatype: str) -> Literal:
    return canonical(Literal(value, datatype=NamedNode(XSD + datatype)))


def statements(store: GraphStore) -> set[Quad]:
    found = list(store.quads())
    assert len(found) == len(set(found))
    return set(found)


LITERALS = [
    Literal("plain"),
    Literal(""),
    Literal('quotes " and \\ back\nslashes\t\r'),
    Literal("\u0001\u2028\U0001f600 سلام 漢字"),
    Literal("colour", language="en-GB"),
    Literal("colour", language="en"),
    typed("7", "integer"),
    typed("123456789012345678901234567890", "integer"),
    typed("-0.5", "decimal"),
    typed("1e3", "double"),
    typed("1e300", "double"),
    typed("-1e-7", "double"),
    typed("NaN", "double"),
    typed("INF", "float"),
    typed("0.1", "float"),
    typed("1", "boolean"),
    typed("2020-02-29", "date"),
    typed("2020-02-29T12:00:00.5+02:00", "dateTime"),
    typed("PT90M", "duration"),
    typed("1994", "gYear"),
    typed("0aff", "hexBinary"),
    typed("not a number", "integer"),
    Literal("x", datatype=NamedNode("http://example.org/datatype")),
]


@pytest.mark.parametrize("literal", LITERALS, ids=str)
def test_a_literal_comes_back_as_it_went_in(store: GraphStore, literal: Literal) -> None:
    store.load([quad("s", "p", literal)])
    assert list(store.quads()) == [quad("s", "p", literal)]


def test_a_literal_of_a_megabyte(store: GraphStore) -> None:
    literal = Literal("ab é" * 250_000)
    store.load([quad("s", "p", literal)])
    assert [q.object for q in store.quads()] == [literal]


def test_iris_are_kept_to_the_letter(store: GraphStore) -> None:
    names = ["a%20b", "A%20b", "a?q=1#f", "Beyonc\u00e9", "Beyonce\u0301", "\u6f22\u5b57", "x/../y"]
    store.load(quad(name, "p", name) for name in names)
    assert {q.subject.value for q in store.quads()} == {node(name).value for name in names}


def test_statements_are_a_set_within_a_source_and_parallel_across_sources(store: GraphStore) -> None:
    one, two, other = quad("a", "p", "b"), quad("a", "p", "b", "two"), quad("a", "q", "b")
    store.load([one, one, two, other, one])
    assert statements(store) == {one, two, other}
    assert len(store) == 3


def test_self_loops(store: GraphStore) -> None:
    store.load([quad("a", "p", "a")])
    assert statements(store) == {quad("a", "p", "a")}


def test_loading_again_changes_nothing(store: GraphStore) -> None:
    quads = [quad(f"s{i}", "p", f"o{i % 3}", "one" if i % 2 else "two") for i in range(50)]
    store.load(quads)
    first = list(store.quads())
    store.load(quads)
    assert list(store.quads()) == first


def test_the_order_of_loading_does_not_show(open_store: Open, tmp_path) -> None:
    quads = [quad(f"s{i}", f"p{i % 4}", Literal(str(i)), "one" if i % 2 else "two") for i in range(200)]
    files, orders = [], []
    for seed in (1, 2):
        random.Random(seed).shuffle(quads)
        with open_store(f"store{seed}") as store:
            store.load(quads)
            orders.append(list(store.quads()))
            for to in ("nt", "nq", "ttl"):
                export_quads(store.quads(), tmp_path / f"{seed}.{to}", to)
            files.append([(tmp_path / f"{seed}.{to}").read_bytes() for to in ("nt", "nq", "ttl")])
    assert orders[0] == orders[1]
    assert files[0] == files[1]


def test_a_failing_source_leaves_the_store_as_it_was(store: GraphStore) -> None:
    store.load([quad("a", "p", "b")])

    def broken() -> Iterator[Quad]:
        for i in range(5_000):
            yield quad(f"s{i}", "p", "o")
        raise DataError("bad row")

    with pytest.raises(DataError, match="bad row"):
        store.load(broken())
    assert statements(store) == {quad("a", "p", "b")}


def test_what_was_loaded_is_there_after_reopening(open_store: Open) -> None:
    with open_store() as store:
        store.load([quad("a", "p", "b")])
    with open_store() as store:
        assert statements(store) == {quad("a", "p", "b")}


def test_selection_and_counts(store: GraphStore) -> None:
    store.load([quad("a", "p", "b"), quad("a", "q", "b"), quad("a", "p", "b", "two"), quad("c", "p", "b", "two")])
    one, two = graph("one").value, graph("two").value
    p, q = node("p").value, node("q").value
    assert store.sources() == [one, two]
    assert set(store.quads(predicate=q)) == {quad("a", "q", "b")}
    assert set(store.quads(predicate=p, source=one)) == {quad("a", "p", "b")}
    assert set(store.quads(source=two)) == {quad("a", "p", "b", "two"), quad("c", "p", "b", "two")}
    assert list(store.quads(source=f"{BASE}source/none")) == []
    assert list(store.counts().items()) == [((one, p), 1), ((one, q), 1), ((two, p), 2)]


def test_an_empty_store(store: GraphStore) -> None:
    assert (list(store.quads()), store.sources(), store.counts(), len(store)) == ([], [], {}, 0)


def test_published_graphs_are_invisible(store: GraphStore, tmp_path) -> None:
    published = Quad(node("a"), node("because"), node("b"), NamedNode(BASE + "explanation/1"))
    store.load([quad("a", "p", "b"), published])
    assert statements(store) == {quad("a", "p", "b")}
    assert list(store.quads(predicate=published.predicate.value)) == []
    assert list(store.quads(source=published.graph_name.value)) == []
    assert store.sources() == [graph("one").value]
    assert len(store) == sum(store.counts().values()) == 1
    assert export_quads(store.quads(), tmp_path / "out.nt", "nt") == 1


def test_read_only_refuses_to_load(open_store: Open) -> None:
    with open_store() as store:
        store.load([quad("a", "p", "b")])
    with open_store(read_only=True) as store:
        with pytest.raises(StorageError, match="read-only"):
            store.load([quad("c", "p", "d")])
        assert statements(store) == {quad("a", "p", "b")}


def test_a_closed_store_says_so(store: GraphStore) -> None:
    store.close()
    with pytest.raises(StaleError, match="closed"):
        store.sources()
