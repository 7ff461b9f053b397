"""The snapshot in the formats of other tools, read by those tools."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from kgrec.dataset.export import Target, export, load_hetero
from kgrec.dataset.snapshot import EDGES_SCHEMA, INTERACTIONS_SCHEMA, NODES_SCHEMA, RELATIONS_SCHEMA, Snapshot
from kgrec.errors import DataError, StorageError


@pytest.fixture
def snapshot() -> Snapshot:
    nodes = [
        ("Genre", 0, "http://x.org/g", None, "g", None),
        *(("Movie", i, f"http://x.org/m{i}", str(i), "NA" if i else "null", None) for i in range(3)),
        *(("User", i, f"urn:u{i}", str(i), f"u{i}", None) for i in range(2)),
    ]
    edges = [
        ("Movie", 0, "genre", "Genre", 0, "one"),
        ("Movie", 0, "genre", "Genre", 0, "two"),
        ("Movie", 2, "like", "Movie", 2, "one"),
    ]
    pairs = [(0, 0, 1.0, 1, "train"), (0, 1, 1.0, 2, "test"), (1, 2, 1.0, 3, "valid")]
    return Snapshot(
        "User",
        "Movie",
        pl.DataFrame(nodes, schema=NODES_SCHEMA, orient="row"),
        pl.DataFrame([("genre", "urn:g", "genre"), ("like", "urn:l", "like")], schema=RELATIONS_SCHEMA, orient="row"),
        pl.DataFrame(edges, schema=EDGES_SCHEMA, orient="row"),
        pl.DataFrame(pairs, schema=INTERACTIONS_SCHEMA, orient="row"),
    )


def test_triples_are_what_pykeen_reads(snapshot: Snapshot, tmp_path: Path) -> None:
    from pykeen.triples import TriplesFactory

    export(snapshot, "triples", tmp_path / "kg.tsv")
    assert (tmp_path / "kg.tsv").read_text() == (
        "http://x.org/m0\tgenre\thttp://x.org/g\nhttp://x.org/m2\tlike\thttp://x.org/m2\n"
    )
    factory = TriplesFactory.from_path(tmp_path / "kg.tsv")
    assert factory.num_triples == 2
    assert set(factory.entity_to_id) == {"http://x.org/m0", "http://x.org/g", "http://x.org/m2"}
    assert set(factory.relation_to_id) == {"genre", "like"}


def test_hetero_is_plain_tensors_and_a_graph(snapshot: Snapshot, tmp_path: Path) -> None:
    matrix, mask = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([True, False, True])
    matrix.flags.writeable = False
    export(snapshot, "hetero", tmp_path / "graph.pt", {"text": {"Movie": (matrix, mask)}})
    content = torch.load(tmp_path / "graph.pt", weights_only=True)
    assert content["num_nodes"] == {"Genre": 1, "Movie": 3, "User": 2}
    assert content["iris"]["Movie"][2] == "http://x.org/m2"
    assert content["edge_index"]["Movie", "genre", "Genre"].tolist() == [[0, 0], [0, 0]]
    assert content["edge_index"]["User", "interacts", "Movie"].tolist() == [[0], [0]]

    data = load_hetero(tmp_path / "graph.pt")
    assert data["Movie"].text.tolist() == matrix.tolist()
    assert data["Movie"].text_mask.tolist() == mask.tolist()
    assert data["Genre", "rev_genre", "Movie"].edge_index.shape == (2, 2)
    assert data["User"].num_nodes == 2


def test_parquet_is_the_snapshot(snapshot: Snapshot, tmp_path: Path) -> None:
    for _ in range(2):
        export(snapshot, "parquet", tmp_path / "out")
        again = Snapshot.open(tmp_path / "out")
        assert again.edges.equals(snapshot.edges)
        assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("to", ["parquet", "hetero", "triples"])
def test_the_same_graph_gives_the_same_bytes(snapshot: Snapshot, tmp_path: Path, to: Target) -> None:
    written = []
    for _ in range(2):
        export(snapshot, to, tmp_path / "out")
        files = sorted((tmp_path / "out").iterdir()) if to == "parquet" else [tmp_path / "out"]
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


def test_what_is_in_the_way_stays(snapshot: Snapshot, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for to, out in (("parquet", "notes"), ("parquet", "file"), ("hetero", "notes"), ("triples", "notes")):
        with pytest.raises(DataError):
            export(snapshot, to, tmp_path / out)  # type: ignore[arg-type]
    assert (tmp_path / "notes/mine.txt").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "notes"]


@contextmanager
def smallest_files(limit: int) -> Iterator[None]:
    """Writing beyond so many bytes of a file fails as on a full disk, with an error of the system."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("to", ["parquet", "hetero", "triples"])
def test_a_disk_that_takes_no_more_leaves_the_earlier_export(snapshot: Snapshot, tmp_path: Path, to: Target) -> None:
    export(snapshot, to, tmp_path / "out")
    before = sorted((path.name, path.stat().st_size) for path in tmp_path.rglob("*"))
    with smallest_files(20), pytest.raises(StorageError, match="cannot write"):
        export(snapshot, to, tmp_path / "out")
    assert sorted((path.name, path.stat().st_size) for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("content", [None, b"", b"no archive at all", "other"])
def test_what_is_no_export_is_refused(tmp_path: Path, content: bytes | str | None) -> None:
    if content == "other":
        torch.save({"format": 0}, tmp_path / "graph.pt")
    elif isinstance(content, bytes):
        (tmp_path / "graph.pt").write_bytes(content)
    with pytest.raises(DataError):
        load_hetero(tmp_path / "graph.pt")


class Harm:
    """Something that a pickle could run."""

    def __reduce__(self) -> tuple:
        return (Path.touch, (Path("harm-was-done"),))


def test_a_pickle_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "x": Harm()}, tmp_path / "graph.pt")
    with pytest.raises(DataError):
        load_hetero(tmp_path / "graph.pt")
    assert not (tmp_path / "harm-was-done").exists()
