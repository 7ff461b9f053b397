"""Tables become statements."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyoxigraph import DefaultGraph, Literal, NamedNode, Quad

from kgrec.config import Recipe, parse_recipe
from kgrec.config.iris import RDF_TYPE, RDFS_LABEL, TEXT
from kgrec.dataset.held_out import HeldOut
from kgrec.errors import DataError, RecipeError
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.rejects import Rejects
from kgrec.ingest.tables import read_table

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "movielens"
B = "urn:kgrec:"


def recipe_with(table: dict[str, Any], **more: Any) -> Recipe:
    interactions = {"file": "x.csv", "item_type": "Movie", **more.pop("interactions", {})}
    return parse_recipe({"name": "t", "interactions": interactions, "table": [{"id": "id", **table}], **more})


class Reading:
    """What reading a table gave."""

    def __init__(
        self, folder: Path, content: str, limit: int = 0, held_out: HeldOut | None = None, **table: Any
    ) -> None:
        file = table.setdefault("file", "t.csv")
        (folder / file).write_text(content)
        self.rejects, self.keys, self.counts = Rejects(limit), KeyIndex(), Counter[str]()
        more = {key: table.pop(key) for key in ("interactions", "graph", "rdf") if key in table}
        recipe = recipe_with(table, **more)
        matcher = LiteralMatcher(concepts, recipe)
        self.quads = list(
            read_table(
                recipe.table[0],
                recipe,
                folder,
                rejects=self.rejects,
                keys=self.keys,
                held_out=held_out,
                matcher=matcher,
                counts=self.counts,
            )
        )
        self.ambiguous = matcher.ambiguous

    def triples(self) -> set[tuple[str, str, str]]:
        """Subject, predicate and object without the base and the vocabularies."""
        names = {RDF_TYPE: "type", RDFS_LABEL: "label", TEXT: "text"}
        return {
            (
                quad.subject.value.removeprefix(B),
                names.get(quad.predicate.value, quad.predicate.value.removeprefix(B + "relation/")),
                quad.object.value.removeprefix(B),
            )
            for quad in self.quads
        }


CONCEPTS = [("c/2", "Drama", "en"), ("c/1", "drama", "en"), ("c/3", "Komödie", "de"), ("c/4", "Sci-Fi", "")]


def concepts(*, predicate: str | None = None, source: str | None = None) -> list[Quad]:
    if predicate != "http://www.w3.org/2004/02/skos/core#prefLabel" or source not in (None, "urn:kgrec:source/genres"):
        return []
    return [
        Quad(
            NamedNode(f"http://x.org/{node}"),
            NamedNode(predicate),
            Literal(text, language=tag) if tag else Literal(text),
            DefaultGraph(),
        )
        for node, text, tag in CONCEPTS
    ]


def test_a_row(tmp_path: Path) -> None:
    table = {"label": "title", "text": ["title", "plot"], "attributes": [{"column": "prod_country", "separator": "|"}]}
    read = Reading(tmp_path, "id,title,plot,prod_country\n 7 ,Heat, Cops. ,US|U K\n", **table)
    assert read.triples() == {
        ("Movie/7", "type", "type/Movie"),
        ("Movie/7", "label", "Heat"),
        ("Movie/7", "text", "Heat\nCops."),
        ("Movie/7", "prod_country", "ProdCountry/US"),
        ("Movie/7", "prod_country", "ProdCountry/U%20K"),
        ("ProdCountry/US", "type", "type/ProdCountry"),
        ("ProdCountry/US", "label", "US"),
        ("ProdCountry/U%20K", "type", "type/ProdCountry"),
        ("ProdCountry/U%20K", "label", "U K"),
    }
    assert {quad.graph_name.value for quad in read.quads} == {"urn:kgrec:source/t"}
    assert read.keys.frame().rows() == [
        ("urn:kgrec:Movie/7", "7"),
        ("urn:kgrec:ProdCountry/U%20K", "U K"),
        ("urn:kgrec:ProdCountry/US", "US"),
    ]


def test_json_objects(tmp_path: Path) -> None:
    cell = json.dumps([{"id": 28, "name": "Action"}, {"id": 5, "name": "Crime"}]).replace('"', '""')
    attribute = {"column": "g", "relation": "genre", "type": "Genre", "json_list": {"id": "id", "label": "name"}}
    read = Reading(tmp_path, f'id,g\n1,"{cell}"\n2,\n', attributes=[attribute])
    assert {
        ("Movie/1", "genre", "Genre/28"),
        ("Genre/28", "type", "type/Genre"),
        ("Genre/28", "label", "Action"),
        ("Movie/2", "type", "type/Movie"),
    } < read.triples()


def test_types_and_templates(tmp_path: Path) -> None:
    item = Reading(tmp_path, "id\nHeat\n", interactions={"item_iri": "dbr:{id}"})
    assert item.quads[0].subject.value == "http://dbpedia.org/resource/Heat"
    person = Reading(tmp_path, "id\nAl\n", type="Person")
    assert person.triples() == {("Person/Al", "type", "type/Person")}
    own = Reading(
        tmp_path, "id,d\nHeat,Mann\n", iri="http://x.org/{id}", attributes=[{"column": "d", "iri": "dbr:{value}"}]
    )
    assert ("http://x.org/Heat", "d", "http://dbpedia.org/resource/Mann") in own.triples()


def test_join_goes_through_the_other_table(tmp_path: Path) -> None:
    (tmp_path / "links.tsv").write_text("movie\ttmdb\n007\t862\n8\t862\n9\t\n")
    join = {"file": "links.tsv", "column": "tmdb", "key": "movie"}
    read = Reading(tmp_path, "id,title\n 862,Heat\n5,Lost\n", join=join, label="title")
    assert read.triples() == {
        ("Movie/007", "type", "type/Movie"),
        ("Movie/007", "label", "Heat"),
        ("Movie/8", "type", "type/Movie"),
        ("Movie/8", "label", "Heat"),
    }
    assert read.counts["unlinked"] == 1


def test_values_meet_rdf_nodes_by_a_literal(tmp_path: Path) -> None:
    match = {"predicate": "skos:prefLabel", "language": "en"}
    attribute = {"column": "g", "relation": "genre", "type": "Genre", "separator": "|", "match": match}
    read = Reading(tmp_path, "id,g\n1,DRAMA|Komödie\n", attributes=[attribute])
    assert {t for t in read.triples() if t[0] != "Movie/1" or t[1] == "genre"} == {
        ("Movie/1", "genre", "http://x.org/c/1"),
        ("Movie/1", "genre", "Genre/Kom%C3%B6die"),
        ("Genre/Kom%C3%B6die", "type", "type/Genre"),
        ("Genre/Kom%C3%B6die", "label", "Komödie"),
    }
    assert (read.counts["values matched"], read.counts["values unmatched"]) == (1, 1)
    assert read.ambiguous["skos:prefLabel"] == 1


@pytest.mark.parametrize(
    ("value", "match", "node"),
    [
        ("drama", {"normalise": "none"}, "c/1"),
        ("Drama", {"normalise": "none"}, "c/2"),
        ("sci fi", {"normalise": "alnum"}, "c/4"),
        ("komödie", {"source": "genres"}, "c/3"),
        ("Sci-Fi", {"language": ""}, "c/4"),
    ],
)
def test_match_rules(tmp_path: Path, value: str, match: dict[str, str], node: str) -> None:
    attribute = {"column": "g", "match": {"predicate": "skos:prefLabel", **match}}
    read = Reading(tmp_path, f"id,g\n1,{value}\n", attributes=[attribute], rdf=[{"file": "genres.ttl"}])
    assert ("Movie/1", "g", f"http://x.org/{node}") in read.triples()


@pytest.mark.parametrize("match", [{"predicate": "rdfs:label"}, {"predicate": "skos:prefLabel", "source": "other"}])
def test_a_rule_that_nothing_can_meet(tmp_path: Path, match: dict[str, str]) -> None:
    with pytest.raises(RecipeError, match="no node carries"):
        Reading(tmp_path, "id,g\n1,a\n", attributes=[{"column": "g", "match": match}], rdf=[{"file": "other.ttl"}])


# --- what the split holds out


def test_held_out_rows_give_nothing(tmp_path: Path) -> None:
    interactions = pl.DataFrame(
        [("u", "1", 10, "train"), ("u", "2", 20, "test")], schema=["user", "item", "timestamp", "split"], orient="row"
    )
    recipe = parse_recipe(
        {"name": "t", "interactions": {"file": "x", "timestamp": "t"}, "split": {"kind": "last", "valid": 0}}
    )
    table = {"user": "user", "timestamp": "time", "text": ["tag"], "attributes": [{"column": "tag"}]}
    content = "user,id,tag,time\nu,1,early,5\nu,1,late,20\nu,2,pair,5\nv,2,other,99\n"
    read = Reading(tmp_path, content, held_out=HeldOut.of(interactions, recipe), **table)
    assert {t[2] for t in read.triples() if t[1] == "tag"} == {"Tag/early", "Tag/other"}
    assert {t[2] for t in read.triples() if t[1] == "text"} == {"early", "other"}
    assert not {"Tag/late", "Tag/pair"} & {t[0] for t in read.triples()}
    assert read.counts["held out"] == 2


# --- bad input


def test_duplicate_ids(tmp_path: Path) -> None:
    content = "id,title\n1,a\n2,b\n 1,c\n"
    with pytest.raises(DataError, match="first in line 2") as caught:
        Reading(tmp_path, content, label="title")
    assert (caught.value.line, caught.value.column) == (4, "id")
    kept = Reading(tmp_path, content, limit=1, label="title")
    assert ("Movie/1", "label", "c") not in kept.triples()
    merged = Reading(tmp_path, content, label="title", duplicates="merge")
    assert {("Movie/1", "label", "a"), ("Movie/1", "label", "c")} < merged.triples()


FAULTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no id": (" ,x", "id", {}),
    "no JSON": ('2,[{"a"', "g", {"attributes": [{"column": "g", "json_list": {}}]}),
    "no number": ("2,x", "g", {"attributes": [{"column": "g", "bucket": 10}]}),
    "no IRI": ("2,not an iri", "g", {"attributes": [{"column": "g", "iri": "{value}"}]}),
    "no time": ("2,today", "g", {"timestamp": "g"}),
    "long label": ("2," + "x" * 40, "g", {"label": "g", "graph": {"literal_cap": 39}}),
    "long text": ("2," + "é" * 20, "g", {"text": ["g"], "graph": {"literal_cap": 39}}),
    "surrogate": ('2,["\\ud800"]', "g", {"attributes": [{"column": "g", "json_list": {}}]}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_bad_row_is_named_and_gives_nothing(tmp_path: Path, name: str) -> None:
    row, column, table = FAULTS[name]
    content = f"id;g\n1;\n{row.replace(',', ';', 1)}\n3;\n"
    table = {"delimiter": ";", "quote": "", **table}
    with pytest.raises(DataError) as caught:
        Reading(tmp_path, content, **table)
    assert (caught.value.line, caught.value.column) == (3, column)
    read = Reading(tmp_path, content, limit=1, **table)
    assert {quad.subject.value for quad in read.quads} == {B + "Movie/1", B + "Movie/3"}
    assert read.rejects.frame().select("line", "column").rows() == [(3, column)]


def test_an_entity_of_a_rejected_row_is_described_when_next_met(tmp_path: Path) -> None:
    table = {"attributes": [{"column": "a"}, {"column": "n", "bucket": 1}]}
    read = Reading(tmp_path, "id,a,n\n1,x,bad\n2,x,1\n", limit=1, **table)
    assert ("A/x", "label", "x") in read.triples()


def test_a_column_name_that_makes_no_relation(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="relation of its own"):
        Reading(tmp_path, "id,导演\n1,x\n", attributes=[{"column": "导演", "type": "Person"}])


# --- properties

cells = st.text(st.sampled_from("ab|é "), max_size=5)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), rows=st.dictionaries(st.sampled_from("pqrstu"), cells, min_size=1))
def test_permuted_rows_give_the_same_statements(tmp_path: Path, data: st.DataObject, rows: dict[str, str]) -> None:
    table = {"label": "g", "attributes": [{"column": "g", "separator": "|"}]}
    readings = [
        Reading(tmp_path, "id,g\n" + "".join(f"{key},{cell}\n" for key, cell in order), **table)
        for order in (list(rows.items()), data.draw(st.permutations(list(rows.items()))))
    ]
    assert set(readings[0].quads) == set(readings[1].quads)
    assert readings[0].keys.frame().equals(readings[1].keys.frame())
    expected = {(key, part.strip()) for key, cell in rows.items() for part in cell.split("|") if part.strip()}
    assert sum(quad.predicate.value == B + "relation/g" for quad in readings[0].quads) == len(expected)


def test_shipped_movies() -> None:
    genres = {"column": "genres", "relation": "genre", "separator": "|", "skip": ["(no genres listed)"]}
    recipe = recipe_with({"file": "movies.csv", "id": "movieId", "label": "title", "attributes": [genres]})
    quads = list(read_table(recipe.table[0], recipe, SHIPPED, rejects=Rejects(), keys=KeyIndex()))
    predicates = Counter(quad.predicate.value for quad in quads)
    entities = {quad.object.value for quad in quads if quad.predicate.value == B + "relation/genre"}
    assert len(entities) == 19
    assert predicates[RDFS_LABEL] == 9742 + 19
    assert predicates[B + "relation/genre"] == 22_050
