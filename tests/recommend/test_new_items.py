"""New items as people write them down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.flow.links import Links
from kgrec.progress import PlainProgress
from kgrec.recommend.new_items import NewItem, link_matrix, read_new_items, text_matrix


@pytest.fixture
def graph(snapshot: Snapshot) -> Snapshot:
    """With an edge between films and one from a genre to a film."""
    more = [("Film", 0, "sequel", "Film", 1, "films"), ("Genre", 0, "shows", "Film", 2, "films")]
    edges = pl.concat([snapshot.edges, pl.DataFrame(more, schema=snapshot.edges.schema, orient="row")])
    relations = [(name, f"urn:x:{name}", name) for name in ("genre", "sequel", "shows")]
    return replace(
        snapshot, edges=edges, relations=pl.DataFrame(relations, schema=snapshot.relations.schema, orient="row")
    )


def columns(snapshot: Snapshot, *links: tuple[str, str]) -> list[tuple[str, bool, str, int]]:
    """What the links of an item are found to be."""
    of = Links.of(snapshot)
    assert of is not None
    matrix = link_matrix(snapshot, of, [NewItem(id="new", links=links)])
    assert matrix is not None
    return [of.links.row(int(column)) for column in matrix.indices]


def test_toml_and_json_say_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('[[items]]\nid = "a"\ntext = "t"\nlinks = [["r", "x"]]\n[[items]]\nid = "b"\n')
    (tmp_path / "a.json").write_text('{"items": [{"id": "a", "text": "t", "links": [["r", "x"]]}, {"id": "b"}]}')
    (tmp_path / "b.json").write_text('[{"id": "a", "text": "t", "links": [["r", "x"]]}, {"id": "b"}]')
    (tmp_path / "one.toml").write_text('id = "a"\ntext = "t"\nlinks = [["r", "x"]]\n')
    found = read_new_items(tmp_path / "a.toml")
    assert [item.id for item in found] == ["a", "b"]
    assert read_new_items(tmp_path / "a.json") == read_new_items(tmp_path / "b.json") == found
    assert read_new_items(tmp_path / "one.toml") == found[:1]


@pytest.mark.parametrize("entity", ["urn:x:Genre/Drama", "Drama", "drama", "Genre/Drama", "genre/drama"])
@pytest.mark.parametrize("relation", ["genre", "urn:x:genre"])
def test_entities_by_iri_and_label_relations_by_name_and_iri(graph: Snapshot, relation: str, entity: str) -> None:
    assert columns(graph, (relation, entity)) == [("genre", True, "Genre", 1)]


def test_directions(graph: Snapshot) -> None:
    assert columns(graph, ("sequel", "11")) == [("sequel", True, "Film", 1)]
    assert columns(graph, ("^sequel", "10")) == [("sequel", False, "Film", 0)]
    # where no item has the relation outward, only the other direction can be meant
    assert columns(graph, ("shows", "Comedy")) == columns(graph, ("^shows", "Comedy")) == [("shows", False, "Genre", 0)]
    assert len(columns(graph, ("genre", "Drama"), ("genre", "drama"))) == 1


def test_what_is_unknown_is_said(graph: Snapshot, capsys: pytest.CaptureFixture[str]) -> None:
    of = Links.of(graph)
    item = NewItem(id="new", links=(("genre", "Dramma"), ("gender", "Drama"), ("genre", "Comedy")))
    matrix = link_matrix(graph, of, [item], PlainProgress())
    assert matrix is not None
    assert matrix.nnz == 1
    said = capsys.readouterr().err
    assert "new: no item is linked by 'genre' to 'Dramma' (nearest: drama" in said
    assert "no item is linked by the relation 'gender' (nearest: genre" in said
    assert link_matrix(graph, None, [item], PlainProgress()) is None
    assert "links are not used" in capsys.readouterr().err


def test_only_items_with_a_text_are_encoded() -> None:
    asked: list[str] = []

    def encode(texts):
        asked.extend(texts)
        return np.ones((len(texts), 3), dtype=np.float32)

    items = [NewItem(id="a"), NewItem(id="b", text="t")]
    found = text_matrix(items, 3, lambda item: item.text, encode)
    assert asked == ["t"]
    assert found.tolist() == [[0, 0, 0], [1, 1, 1]]
