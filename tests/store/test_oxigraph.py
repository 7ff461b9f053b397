"""The embedded store's own faults: locks, damage, a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pyoxigraph import Literal, NamedNode, Quad

from kgrec.errors import BusyError, QueryError, StaleError
from kgrec.store import OxigraphStore

P = NamedNode("http://example.org/p")
GRAPH = NamedNode("urn:kgrec:source/one")


def quads(n: int) -> list[Quad]:
    return [Quad(NamedNode(f"http://example.org/{i}"), P, Literal(f"value {i}"), GRAPH) for i in range(n)]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_writer_is_told_who_holds_the_store(tmp_path: Path) -> None:
    code = """
import os, sys
from kgrec.errors import BusyError
from kgrec.store import OxigraphStore
try:
    OxigraphStore(sys.argv[1])
except BusyError as error:
    print(error)
"""
    with OxigraphStore(tmp_path / "store") as store:
        store.load(quads(3))
        answer = run_python(code, tmp_path / "store")
        assert f"process {os.getpid()} has the store open" in answer.stdout, answer.stderr
        with pytest.raises(BusyError, match="this process"):
            OxigraphStore(tmp_path / "store")
        with OxigraphStore(tmp_path / "store", read_only=True) as reader:
            assert len(reader) == 3


@pytest.mark.parametrize("read_only", [True, False])
def test_another_folder_is_no_store(tmp_path: Path, read_only: bool) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StaleError, match="no store here"):
        OxigraphStore(tmp_path, read_only=read_only)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_missing_store_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StaleError, match="kgrec build"):
        OxigraphStore(tmp_path / "none", read_only=True)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_damaged_store_is_refused(tmp_path: Path, read_only: bool) -> None:
    with OxigraphStore(tmp_path / "store") as store:
        store.load(quads(3))
    (tmp_path / "store" / "CURRENT").write_text("garbage\n")
    with pytest.raises(StaleError, match="not a store that can be read"):
        OxigraphStore(tmp_path / "store", read_only=read_only)


def test_a_disk_that_takes_no_more_is_reported_and_the_earlier_state_stays(tmp_path: Path) -> None:
    code = """
import resource, signal, sys
from pyoxigraph import Literal, NamedNode, Quad
from kgrec.errors import StorageError
from kgrec.store import OxigraphStore
P, GRAPH = NamedNode("http://example.org/p"), NamedNode("urn:kgrec:source/one")
def quads(n):
    return [Quad(NamedNode(f"http://example.org/{i}"), P, Literal(f"value {i}"), GRAPH) for i in range(n)]
store = OxigraphStore(sys.argv[1])
store.load(quads(10))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    store.load(quads(100_000))
except StorageError as error:
    print("refused:", error)
"""
    answer = run_python(code, tmp_path / "store")
    assert "refused: cannot write the store" in answer.stdout, answer.stderr
    with OxigraphStore(tmp_path / "store", read_only=True) as store:
        assert set(store.quads()) == set(quads(10))


def test_a_malformed_query_is_told_by_its_place(tmp_path: Path) -> None:
    with OxigraphStore(tmp_path / "store", prefixes={"ex": "http://example.org/"}) as store:
        store.load(quads(2))
        assert len(store.query("SELECT ?s { ?s ex:p ?o }").rows) == 2
        with pytest.raises(
            QueryError, match=r"line 2 \[6\]: the prefix is not known \(got 'exx:p'\)\n  known: .*ex.*skos"
        ):
            store.query("SELECT *\n{ ?s exx:p ?o }")
        with pytest.raises(QueryError, match=r"line 1 \[\d+\]: not SPARQL 1.1 \(got 'the end of the query'\)"):
            store.query("SELECT * { ?s ex:p ?")
