"""The snapshot of small hand-made graphs, known in every cell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyoxigraph as ox
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgrec.config import Recipe, iris, parse_recipe
from kgrec.dataset.build import build_snapshot, sorted_pairs
from kgrec.dataset.snapshot import (
    EDGES_SCHEMA,
    INTERACTIONS_SCHEMA,
    NODES_SCHEMA,
    RELATION_LABELS_SCHEMA,
    RELATIONS_SCHEMA,
    Snapshot,
)
from kgrec.errors import DataError, RecipeError

PREFIXES = "\n".join(f"@prefix {name}: <{space}> ." for name, space in iris.PREFIXES.items())
EX = "http://example.org/"
INTERACTIONS = [("u1", "film/1", "train"), ("u1", "film/2", "test"), ("u2", "film/9", "valid")]


def recipe(**graph: Any) -> Recipe:
    return parse_recipe(
        {
            "name": "test",
            "prefixes": {"ex": EX},
            "interactions": {"file": "x.csv", "item_type": "Movie", "item_iri": EX + "film/{id}"},
            "graph": graph,
        }
    )


def quads(turtle: str, source: str = "kg") -> list[ox.Quad]:
    text = f"{PREFIXES}\n@prefix ex: <{EX}> .\n{turtle}"
    graph = ox.NamedNode(iris.source_graph("urn:kgrec:", source))
    return [ox.Quad(t.subject, t.predicate, t.object, graph) for t in ox.parse(input=text, format=ox.RdfFormat.TURTLE)]


def interactions(rows: list[tuple[str, str, str]] | None = None) -> pl.DataFrame:
    rows = INTERACTIONS if rows is None else rows
    return pl.DataFrame(
        [(f"urn:kgrec:User/{u}", EX + i, 1.0, None, s) for u, i, s in rows],
        schema={
            "user_iri": pl.String,
            "item_iri": pl.String,
            "value": pl.Float64,
            "timestamp": pl.Int64,
            "split": pl.String,
        },
        orient="row",
    )


def keys(*rows: tuple[str, str]) -> pl.DataFrame:
    rows = rows or tuple((f"urn:kgrec:User/{u}", u) for u in ("u1", "u2"))
    return pl.DataFrame(rows, schema={"iri": pl.String, "key": pl.String}, orient="row")


def build(statements: list[ox.Quad], rows: list[tuple[str, str, str]] | None = None, **graph: Any) -> Snapshot:
    return build_snapshot(statements, interactions(rows), keys(), recipe(**graph))


def types(snapshot: Snapshot) -> dict[str, str]:
    return {iri.removeprefix(EX): kind for iri, kind in snapshot.nodes.select("iri", "type").iter_rows()}


def column(snapshot: Snapshot, name: str) -> dict[str, str | None]:
    return {iri.removeprefix(EX): value for iri, value in snapshot.nodes.select("iri", name).iter_rows()}


def edges(snapshot: Snapshot) -> list[tuple[str, str, str, str]]:
    iri = {(kind, i): iri.removeprefix(EX) for kind, i, iri in snapshot.nodes.select("type", "id", "iri").iter_rows()}
    return [(iri[a, b], r, iri[c, d], origin) for a, b, r, c, d, origin in snapshot.edges.iter_rows()]


FILMS = """
ex:film1 a ex:Film . ex:film2 a ex:Film ; ex:sequelOf ex:film1 .
<http://example.org/film/1> rdfs:label "Een"@nl, "One"@en-GB, "Uno" ; ex:director ex:ann ; ex:year 1999 ;
    rdfs:comment "second", "zwei"@de ; kgrec:text "first" .
ex:ann ex:name "Ann" ; ex:knows ex:ann .
"""


def test_every_part_of_a_small_graph() -> None:
    snapshot = build(quads(FILMS))
    assert snapshot.num_nodes == {"Entity": 1, "Film": 2, "Movie": 3, "User": 2}
    assert edges(snapshot) == [
        ("ann", "knows", "ann", "kg"),
        ("film2", "sequelOf", "film1", "kg"),
        ("film/1", "director", "ann", "kg"),
    ]
    assert snapshot.relations.rows() == [
        ("director", EX + "director", "director"),
        ("knows", EX + "knows", "knows"),
        ("sequelOf", EX + "sequelOf", "sequelOf"),
    ]
    assert column(snapshot, "label")["film/1"] == "One"
    assert column(snapshot, "label")["ann"] == "ann"
    assert column(snapshot, "text")["film/1"] == "first\nsecond\nzwei"
    assert column(snapshot, "text")["ann"] is None
    assert column(snapshot, "key")["urn:kgrec:User/u2"] == "u2"
    assert snapshot.interactions.rows() == [
        (0, 0, 1.0, None, "train"),
        (0, 1, 1.0, None, "test"),
        (1, 2, 1.0, None, "valid"),
    ]


def test_frames_have_their_schemas() -> None:
    for snapshot in (build(quads(FILMS)), build([], [])):
        for frame, schema in (
            (snapshot.nodes, NODES_SCHEMA),
            (snapshot.edges, EDGES_SCHEMA),
            (snapshot.relations, RELATIONS_SCHEMA),
            (snapshot.interactions, INTERACTIONS_SCHEMA),
        ):
            assert dict(frame.schema) == schema


class TestTypes:
    def test_interactions_come_first(self) -> None:
        found = types(build(quads("<http://example.org/film/1> a ex:Film, ex:A . <urn:kgrec:User/u1> a foaf:Person .")))
        assert found["film/1"] == "Movie"
        assert found["urn:kgrec:User/u1"] == "User"

    def test_the_recipes_order_then_the_alphabet(self) -> None:
        graph = quads("ex:a a ex:B, ex:C, ex:D . ex:b a ex:B, ex:C .")
        assert types(build(graph))["a"] == "B"
        assert types(build(graph, type_order=["D", "C"])) | {"a": "D", "b": "C"} == types(
            build(graph, type_order=["D", "C"])
        )

    def test_the_item_type_without_interactions(self) -> None:
        assert types(build(quads("ex:a a <urn:kgrec:type/Movie>, ex:A .")))["a"] == "Movie"

    def test_a_tables_type_beats_a_class_of_the_data(self) -> None:
        assert types(build(quads("ex:a a skos:Concept, <urn:kgrec:type/Genre> .")))["a"] == "Genre"

    def test_names_of_classes(self) -> None:
        graph = quads("ex:a a <http://example.org/Ünïque%20Thing> . ex:b a ex:Film .")
        found = types(build(graph, types={"ex:Film": "Movie"}))
        assert found["a"] == "Unique_Thing"
        assert found["b"] == "Movie"

    def test_ranges_type_what_has_no_type(self) -> None:
        graph = quads("ex:a ex:by ex:x ; ex:in ex:y ; ex:of ex:z . ex:by rdfs:range ex:Person . ex:z a ex:Town .")
        found = types(build(graph, ranges={"in": "Place", "of": "Place"}))
        assert (found["x"], found["y"], found["z"], found["a"]) == ("Person", "Place", "Town", "Entity")
        assert "by" not in found
        assert "Person" not in found

    def test_universal_classes_and_the_default_type_say_nothing(self) -> None:
        found = types(build(quads("ex:a a owl:Thing, ex:Work . ex:b a owl:Thing . ex:c a <urn:kgrec:type/Entity> .")))
        assert (found["a"], found["b"], found["c"]) == ("Work", "Entity", "Entity")

    def test_classes_and_schema_are_no_nodes(self) -> None:
        graph = quads(
            """ex:Film a owl:Class ; rdfs:label "Film" ; rdfs:subClassOf ex:Work . ex:by a owl:ObjectProperty ;
            rdfs:domain ex:Film . ex:a a ex:Film ."""
        )
        snapshot = build(graph, [])
        assert types(snapshot) == {"a": "Film"}
        assert snapshot.edges.is_empty()

    def test_a_class_that_stands_in_a_relation_is_a_node(self) -> None:
        assert types(build(quads("ex:a a ex:Horror . ex:b ex:genre ex:Horror ."), [])) == {
            "a": "Horror",
            "b": "Entity",
            "Horror": "Entity",
        }

    def test_schema_predicates_are_relations_where_the_recipe_says_so(self) -> None:
        graph = quads("ex:a a owl:Class ; rdfs:subClassOf ex:b .")
        assert edges(build(graph, [], relations=["*", "rdfs:subClassOf"])) == [("a", "subClassOf", "b", "kg")]


class TestNodes:
    def test_literals_alone_make_a_node_with_a_key_or_type_only(self) -> None:
        graph = quads('ex:a rdfs:label "A" . ex:b rdfs:label "B" ; a ex:T . ex:c rdfs:label "C" .')
        snapshot = build_snapshot(graph, interactions([]), keys((EX + "c", "7"), (EX + "d", "8")), recipe())
        assert column(snapshot, "key") == {"b": None, "c": "7"}

    def test_users_and_items_of_held_out_parts_and_without_links_are_kept(self) -> None:
        snapshot = build(quads("ex:a ex:r ex:b ; a <urn:kgrec:type/Movie> ."))
        assert snapshot.num_users == 2
        assert {iri for iri, kind in types(snapshot).items() if kind == "Movie"} == {"a", "film/1", "film/2", "film/9"}

    def test_an_iri_that_is_user_and_item_is_refused(self) -> None:
        frame = interactions().with_columns(user_iri=pl.col("item_iri"))
        with pytest.raises(DataError, match="is a user and an item"):
            build_snapshot([], frame, keys(), recipe())

    def test_the_first_of_two_keys(self) -> None:
        snapshot = build_snapshot([], interactions(), keys((EX + "film/1", "b"), (EX + "film/1", "a")), recipe())
        assert column(snapshot, "key")["film/1"] == "a"


class TestLabels:
    def test_predicate_before_language(self) -> None:
        graph = quads('ex:a a ex:T ; skos:prefLabel "best"@en ; rdfs:label "Titel"@de .')
        assert column(build(graph), "label")["a"] == "Titel"
        assert column(build(graph, labels=["skos:prefLabel"]), "label")["a"] == "best"
        assert column(build(quads('ex:a a ex:T ; rdfs:label "Z"@de, "A"@fr .'), languages=["fr"]), "label")["a"] == "A"

    def test_no_tag_is_a_language_of_its_own(self) -> None:
        graph = quads('ex:a a ex:T ; rdfs:label "plain", "deutsch"@de, "english"@en .')
        assert column(build(graph, languages=["", "en"]), "label")["a"] == "plain"
        assert column(build(graph, languages=["de"]), "label")["a"] == "deutsch"

    def test_fallbacks(self) -> None:
        graph = quads(
            """<http://example.org/K%C3%B6ln_%28Stadt%29> a ex:T . <http://example.org/Star_Trek:_Picard> a ex:T .
            <urn:kgrec:bnode:0123456789abcdef/b7> a ex:T . <urn:isbn:0141439513> a ex:T . ex:blank a ex:T ;
            rdfs:label "  " . <http://example.org/0123456789abcdef0123456789abcdef> a ex:T ."""
        )
        assert sorted(filter(None, column(build(graph, []), "label").values())) == [
            "0141439513",
            "Köln (Stadt)",
            "Star Trek: Picard",
            "T 01234567",
            "T b7",
            "blank",
        ]

    def test_relations_have_labels(self) -> None:
        relations = build(quads('ex:a ex:p17 ex:b ; ex:x ex:b . ex:p17 rdfs:label "land"@de, "country"@en .')).relations
        assert relations.rows() == [("p17", EX + "p17", "country"), ("x", EX + "x", "x")]

    def test_labels_by_language_are_kept_where_there_are_several(self) -> None:
        graph = """ex:a ex:p17 ex:b ; ex:x ex:b ; ex:y ex:b ; rdfs:label "none"@fr .
            ex:p17 rdfs:label "land"@de, "country"@en, "bare" . ex:x rdfs:label "kreuz"@de, "alt"@de ."""
        assert build(quads(graph)).relation_labels.rows() == [
            ("p17", "de", "land"),
            ("p17", "en", "country"),
            ("x", "de", "alt"),
        ]
        one = 'ex:a ex:p17 ex:b ; ex:x ex:b . ex:p17 rdfs:label "country"@en, "bare" . ex:x rdfs:label "cross"@en .'
        for statements in (one, "ex:a ex:p17 ex:b ."):
            snapshot = build(quads(statements))
            assert snapshot.relation_labels.is_empty()
            assert dict(snapshot.relation_labels.schema) == RELATION_LABELS_SCHEMA

    def test_a_text_is_told_once(self) -> None:
        graph = quads('ex:a a ex:T ; rdfs:comment "same", "b"@en ; kgrec:text "same" .')
        assert column(build(graph), "text")["a"] == "same\nb"
        assert column(build(graph, text=[]), "text")["a"] == "same"


class TestRelations:
    def test_listed_and_excluded(self) -> None:
        graph = quads("ex:a ex:x ex:b ; ex:y ex:b ; ex:z ex:b .")
        assert [r for _, r, _, _ in edges(build(graph, relations=["ex:x", "ex:z"]))] == ["x", "z"]
        assert [r for _, r, _, _ in edges(build(graph, exclude=["ex:x"]))] == ["y", "z"]

    def test_what_tables_declare_is_a_relation_though_not_listed(self) -> None:
        content = recipe(relations=["ex:x"]).model_dump(exclude_defaults=True)
        content["table"] = [{"file": "t.csv", "id": "id", "attributes": [{"column": "the genre"}]}]
        graph = quads("ex:a <urn:kgrec:relation/the_genre> ex:b ; ex:y ex:b .")
        snapshot = build_snapshot(graph, interactions(), keys(), parse_recipe(content))
        assert [r for _, r, _, _ in edges(snapshot)] == ["the_genre"]

    def test_one_local_name_of_two_namespaces(self) -> None:
        graph = quads(
            """ex:a schema:genre ex:b ; <http://one.org/genre> ex:b ; <http://two.org/genre> ex:b ;
            ex:interacts ex:b ; ex:rev_genre ex:b ; ex:genre_inverse ex:b ."""
        )
        names = dict(build(graph).relations.select("iri", "name").iter_rows())
        assert names == {
            "https://schema.org/genre": "schema_genre",
            "http://one.org/genre": "genre",
            "http://two.org/genre": "genre-2",
            EX + "interacts": "interacts-2",
            EX + "rev_genre": "rev-genre",
            EX + "genre_inverse": "genre-inverse",
        }

    def test_a_tables_relation_keeps_its_name(self) -> None:
        graph = quads("ex:a schema:genre ex:b ; <urn:kgrec:relation/genre> ex:b .")
        assert dict(build(graph).relations.select("name", "iri").iter_rows()) == {
            "genre": "urn:kgrec:relation/genre",
            "schema_genre": "https://schema.org/genre",
        }

    def test_given_names_join_predicates(self) -> None:
        graph = quads("ex:a ex:x ex:b ; ex:y ex:b .")
        snapshot = build(graph, names={"ex:x": "link", "ex:y": "link"})
        assert edges(snapshot) == [("a", "link", "b", "kg")]
        assert snapshot.relations.rows() == [("link", EX + "x", "x")]

    def test_names_in_other_scripts_stay_apart(self) -> None:
        names = build(quads("ex:a <http://example.org/导演> ex:b ; <http://example.org/演员> ex:b .")).relations["name"]
        assert names.n_unique() == 2
        assert names.str.contains(r"^[A-Za-z_][A-Za-z0-9_.-]*$").all()

    @pytest.mark.parametrize("name", ["interacts", "rev_x", "x_inverse"])
    def test_taken_names_are_refused(self, name: str) -> None:
        with pytest.raises(RecipeError, match="taken") as error:
            build(quads("ex:a ex:x ex:b ."), names={"ex:x": name})
        assert error.value.exit_code == 2

    def test_what_is_no_iri_is_refused(self) -> None:
        with pytest.raises(RecipeError, match="nope"):
            build([], exclude=["nope"])

    def test_once_a_source(self) -> None:
        twice = quads("ex:a ex:x ex:b .") * 2 + quads("ex:a ex:x ex:b .", source="other")
        assert edges(build(twice)) == [("a", "x", "b", "kg"), ("a", "x", "b", "other")]

    def test_other_graphs_are_not_read(self) -> None:
        published = [
            ox.Quad(q.subject, q.predicate, q.object, ox.NamedNode("urn:kgrec:explanations/1"))
            for q in quads("ex:a ex:x ex:b .")
        ]
        assert build(published, []).nodes.is_empty()

    def test_blank_nodes_are_refused(self) -> None:
        with pytest.raises(ValueError, match="expected an IRI"):
            build(quads("ex:a ex:x [] ."))


WORLD = quads(
    """
    ex:a a ex:T, ex:S ; ex:x ex:b, ex:c, <http://example.org/film/1> ; rdfs:label "A"@de, "a"@fr, "aa", "ab" .
    ex:b ex:x ex:a ; ex:y ex:b ; rdfs:comment "one", "two"@en, "three"@en . ex:c a ex:S, ex:T ; schema:x ex:d .
    ex:y rdfs:range ex:U, ex:V . ex:d <http://other.org/x> ex:a ; <http://third.org/x> ex:a . ex:e a ex:T .
    """
) + quads("ex:a ex:x ex:b . ex:f ex:y ex:g .", source="second")


@settings(max_examples=60, deadline=None)
@given(st.permutations(WORLD), st.permutations(INTERACTIONS), st.data())
def test_the_order_of_the_input_means_nothing(
    statements: list[ox.Quad], rows: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    repeats = data.draw(st.lists(st.sampled_from(WORLD), max_size=5))
    first, second = build(WORLD), build(statements + repeats, rows)
    for frame in ("nodes", "relations", "edges", "interactions"):
        assert getattr(first, frame).equals(getattr(second, frame), null_equal=True), frame


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, statements in (("one", WORLD), ("two", WORLD[::-1])):
        (tmp_path / name).mkdir()
        build(statements).write(tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert len(files) == 5
    for file in files:
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes(), file


IRI = st.builds(lambda n: ox.NamedNode(f"{EX}n{n}"), st.integers(0, 6))
STATEMENT = st.builds(
    lambda s, p, o, g: ox.Quad(s, ox.NamedNode(EX + p), o, ox.NamedNode(f"urn:kgrec:source/{g}")),
    IRI,
    st.sampled_from(["x", "y"]),
    st.one_of(IRI, st.builds(ox.Literal, st.text(max_size=3))),
    st.sampled_from(["one", "two"]),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(STATEMENT, max_size=20))
def test_edges_are_exactly_the_statements_between_nodes(statements: list[ox.Quad]) -> None:
    snapshot = build(statements)
    expected = {
        (q.subject.value, q.predicate.value, q.object.value, q.graph_name.value.removeprefix("urn:kgrec:source/"))
        for q in statements
        if isinstance(q.object, ox.NamedNode)
    }
    found = [(EX + a, EX + r, EX + b, origin) for a, r, b, origin in edges(snapshot)]
    assert sorted(found) == sorted(expected)
    for kind in snapshot.num_nodes:
        nodes = snapshot.of_type(kind)
        assert nodes["id"].to_list() == list(range(len(nodes)))
        assert nodes["iri"].is_sorted()
    assert snapshot.edges.equals(snapshot.edges.sort(list(EDGES_SCHEMA)))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4))), st.sampled_from([5, 2**33]))
def test_pairs_are_sorted_alike_whether_or_not_they_fit_one_number(pairs: list[tuple[int, int]], limit: int) -> None:
    columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    first, second = sorted_pairs(columns[0], columns[1], limits=(limit, limit))
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == sorted(set(pairs))
