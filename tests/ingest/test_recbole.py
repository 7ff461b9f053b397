"""RecBole's graph files, as they are."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from pyoxigraph import Quad

from kgrec.config import parse_recipe
from kgrec.errors import DataError
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.recbole import read_recbole
from kgrec.ingest.rejects import Rejects

KG = "head_id:token\trelation_id:token\ttail_id:token\n"
LINK = "item_id:token\tentity_id:token\n"


def read(folder: Path, kg: str, link: str | None, limit: int = 0) -> tuple[list[Quad], KeyIndex, Counter[str]]:
    (folder / "x.kg").write_text(KG + kg)
    source = {"kg": "x.kg"}
    if link is not None:
        (folder / "x.link").write_text(LINK + link)
        source["link"] = "x.link"
    recipe = parse_recipe({"name": "t", "interactions": {"file": "x.inter", "item_type": "Movie"}, "recbole": [source]})
    keys, counts = KeyIndex(), Counter[str]()
    quads = list(read_recbole(recipe.recbole[0], recipe, folder, rejects=Rejects(limit), keys=keys, counts=counts))
    return quads, keys, counts


def short(quads: list[Quad]) -> list[tuple[str, ...]]:
    return [
        tuple(term.value.rpartition("#")[2].removeprefix("urn:kgrec:") for term in (q.subject, q.predicate, q.object))
        for q in quads
    ]


def test_linked_entities_are_the_items_themselves(tmp_path: Path) -> None:
    kg = "m.1\tfilm.film.actor\tm.9\nm.9\tmarried to\tm.8\n"
    quads, keys, counts = read(tmp_path, kg, "5\tm.1\n6\tm.7\n")
    assert set(short(quads)) == {
        ("Movie/5", "type", "type/Movie"),
        ("Movie/6", "type", "type/Movie"),
        ("Entity/m.9", "type", "type/Entity"),
        ("Entity/m.8", "type", "type/Entity"),
        ("Movie/5", "relation/film.film.actor", "Entity/m.9"),
        ("Entity/m.9", "relation/married%20to", "Entity/m.8"),
    }
    assert len(quads) == len(set(quads)) == 6
    assert keys.keys["urn:kgrec:Movie/5"] == "5"
    assert keys.keys["urn:kgrec:Entity/m.9"] == "m.9"
    assert (counts["triples"], counts["linked items"]) == (2, 2)


def test_an_entity_of_two_items_is_the_smaller_ones(tmp_path: Path) -> None:
    for link in ("5\tm.1\n6\tm.1\n", "6\tm.1\n5\tm.1\n"):
        quads, _, counts = read(tmp_path, "m.1\tr\tm.2\n", link)
        assert ("Movie/5", "relation/r", "Entity/m.2") in short(quads)
        assert counts["entities of several items"] == 1


def test_without_links(tmp_path: Path) -> None:
    quads, _, _ = read(tmp_path, "a\tr\ta\n", None)
    assert short(quads) == [("Entity/a", "type", "type/Entity"), ("Entity/a", "relation/r", "Entity/a")]


def test_empty_id(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="id is empty") as caught:
        read(tmp_path, "a\tr\tb\n\tr\tb\n", None)
    assert (caught.value.line, caught.value.column) == (3, "head_id")
    assert len(read(tmp_path, "a\tr\tb\n\tr\tb\n", None, limit=1)[0]) == 3
