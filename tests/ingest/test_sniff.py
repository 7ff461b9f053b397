"""The written recipe parses, says what is in the files, and reads them without a fault."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from kgrec.config import Paths, Recipe, load_recipe
from kgrec.dataset.held_out import HeldOut
from kgrec.dataset.interactions import read_interactions
from kgrec.dataset.splits import split
from kgrec.errors import DataError, UserError
from kgrec.ingest.keys import KeyIndex
from kgrec.ingest.matching import LiteralMatcher
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Rejects
from kgrec.ingest.sniff import write_recipe
from kgrec.ingest.sniff_rdf import glance
from kgrec.ingest.tables import read_table

DATA = Path(__file__).resolve().parents[2] / "data"


def works(path: Path) -> tuple[Recipe, Paths, int]:
    """Reads everything by the recipe; gives the number of statements."""
    recipe, paths = load_recipe(path)
    rejects = Rejects(recipe.max_rejects)
    parted = split(read_interactions(recipe, paths.data, rejects), recipe, paths.data, rejects)
    seen = [quad for source in recipe.rdf for quad in glance(paths.data / source.file).quads()]

    def statements(*, predicate: str | None = None, source: str | None = None) -> list:
        return [quad for quad in seen if quad.predicate.value == predicate]

    matcher = LiteralMatcher(statements, recipe)
    held_out = HeldOut.of(parted, recipe)
    count = 0
    for table in recipe.table:
        quads = read_table(
            table, recipe, paths.data, rejects=rejects, keys=KeyIndex(), held_out=held_out, matcher=matcher
        )
        count += sum(1 for _ in quads)
    return recipe, paths, count


def test_shipped_movielens(tmp_path: Path) -> None:
    movielens = DATA / "movielens"
    scheme = tmp_path / "scheme.ttl"
    names = [
        "Action",
        "Adventure",
        "Animation",
        "Children",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Fantasy",
        "War",
    ]
    prefix = "@prefix skos: <http://www.w3.org/2004/02/skos/core#> .\n"
    scheme.write_text(prefix + "".join(f'<http://x.org/{name}> skos:prefLabel "{name}"@en .\n' for name in names))
    path = write_recipe(tmp_path / "mine", movielens / "ratings.csv", movielens / "movies.csv", scheme)
    recipe, _, count = works(path)
    interactions = recipe.interactions
    assert (interactions.user, interactions.item) == ("userId", "movieId")
    assert (interactions.value, interactions.timestamp) == ("rating", "timestamp")
    assert (interactions.user_type, interactions.item_type, recipe.split.kind) == ("User", "Movie", "last")
    table = recipe.table[0]
    assert (table.id, table.label, table.text) == ("movieId", "title", ("title",))
    by_column = {attribute.column: attribute for attribute in table.attributes}
    assert by_column["genres"].separator == "|"
    assert by_column["genres"].skip == ("(no genres listed)",)
    assert by_column["genres"].match is not None
    assert by_column["title"].bucket == 10
    assert count > 60_000


def test_json_columns_gz_and_iso_times(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "reviews.csv.gz", "wt") as out:
        out.write("reviewer;product_id;stars;date\n")
        out.writelines(f"r{n % 4};00{n % 7};{n % 5 + 1};2020-01-{n % 28 + 1:02d}\n" for n in range(40))
    rows = [
        {
            "vote_count": n,
            "product_id": f"00{n}",
            "name": f"Thing {n}",
            "cast": [{"id": n % 2, "name": "ab"[n % 2]}],
            "colours": ["red", "blue"],
            "description": "A long description of what this thing is and what it is good for, in many words.",
        }
        for n in range(7)
    ]
    (tmp_path / "items.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = write_recipe(tmp_path / "r", tmp_path / "reviews.csv.gz", tmp_path / "items.jsonl")
    recipe, paths, _ = works(path)
    assert paths.data.resolve() == tmp_path.resolve()
    assert recipe.interactions.delimiter == ";"
    assert (recipe.interactions.user, recipe.interactions.item) == ("reviewer", "product_id")
    assert (recipe.interactions.value, recipe.interactions.timestamp) == ("stars", "date")
    table = recipe.table[0]
    assert (table.id, table.label, table.text) == ("product_id", "name", ("name", "description"))
    lists = {attribute.column: attribute.json_list for attribute in table.attributes}
    assert set(lists) == {"cast", "colours"}
    assert (lists["cast"].id, lists["cast"].label) == ("id", "name")
    assert "vote_count" in path.read_text()


def test_without_a_header_and_items_that_are_iris(tmp_path: Path) -> None:
    lines = [f"{n % 3} http://x.org/{n}_(band) 1 -1\n" for n in range(12)]
    (tmp_path / "train.dat").write_text("".join(lines))
    (tmp_path / "kg.nt").write_text("<http://x.org/1_(band)> <http://x.org/genre> <http://x.org/Rock> .\n")
    recipe, _, _ = works(write_recipe(tmp_path, tmp_path / "train.dat", rdf=tmp_path / "kg.nt"))
    assert (recipe.interactions.delimiter, recipe.interactions.header) == (" ", False)
    assert (recipe.interactions.user, recipe.interactions.item) == ("column_1", "column_2")
    assert recipe.interactions.item_iri == "{id}"
    assert recipe.split.kind == "random"


def test_ids_inside_iris(tmp_path: Path) -> None:
    (tmp_path / "x.tsv").write_text("user\tmovie\n" + "".join(f"u{n % 3}\tQ{n}\n" for n in range(12)))
    (tmp_path / "kg.ttl").write_text(
        "@prefix wd: <http://www.wikidata.org/entity/> . wd:Q1 <http://x.org/p> wd:Q2 . wd:Q3 <http://x.org/p> wd:Q9 ."
    )
    recipe, _, _ = works(write_recipe(tmp_path, tmp_path / "x.tsv", rdf=tmp_path / "kg.ttl"))
    assert recipe.interactions.item_iri == "http://www.wikidata.org/entity/{id}"


def test_recbole_files(tmp_path: Path) -> None:
    (tmp_path / "m.inter").write_text("user_id:token\titem_id:token\n" + "".join(f"{n % 3}\t{n}\n" for n in range(9)))
    (tmp_path / "m.kg").write_text("head_id:token\trelation_id:token\ttail_id:token\na\tr\tb\n")
    (tmp_path / "m.link").write_text("item_id:token\tentity_id:token\n1\ta\n")
    recipe, _, _ = works(write_recipe(tmp_path, tmp_path / "m.inter", rdf=tmp_path / "m.kg"))
    assert (recipe.recbole[0].kg, recipe.recbole[0].link) == ("m.kg", "m.link")


def test_rows_that_cannot_be_read_are_allowed_for(tmp_path: Path) -> None:
    rows = [f"u{n % 3},i{n},{n % 5}\n" for n in range(20)]
    (tmp_path / "x.csv").write_text("user,item,rating\n" + "".join(rows) + "u1,i3\n")
    path = write_recipe(tmp_path, tmp_path / "x.csv")
    assert works(path)[0].max_rejects == 1
    assert "line 22" in path.read_text()


def test_what_init_refuses(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("user,item\na,b\na,c\n")
    with pytest.raises(DataError, match="does not exist"):
        write_recipe(tmp_path, tmp_path / "y.csv")
    (tmp_path / "one.csv").write_text("user\na\n")
    with pytest.raises(DataError, match="not separated"):
        write_recipe(tmp_path, tmp_path / "one.csv")
    (tmp_path / "bad.nt").write_text("nonsense\n")
    with pytest.raises(DataError, match=r"bad.nt:1.*no line can be read"):
        write_recipe(tmp_path, tmp_path / "x.csv", rdf=tmp_path / "bad.nt")
    write_recipe(tmp_path, tmp_path / "x.csv")
    with pytest.raises(UserError, match="already"):
        write_recipe(tmp_path, tmp_path / "x.csv")


def test_codes_name_no_type_and_objects_no_entities(tmp_path: Path) -> None:
    rows = [{"user_id": f"u{n % 4}", "parent_asin": f"B{n % 7}", "rating": 1 + n % 5} for n in range(28)]
    items = [{"parent_asin": f"B{n}", "title": f"Thing {n}", "details": {"size": "big"}} for n in range(7)]
    for name, content in (("ratings", rows), ("items", items)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    triples = (f"<http://x.org/product_B{n}> <http://x.org/by> <http://x.org/brand_{n % 2}> .\n" for n in range(7))
    (tmp_path / "kg.nt").write_text("".join(triples))
    path = write_recipe(tmp_path, tmp_path / "ratings.jsonl", tmp_path / "items.jsonl", tmp_path / "kg.nt")
    recipe, _, _ = works(path)
    assert recipe.interactions.item_type == "Item"
    assert recipe.interactions.item_iri == "http://x.org/product_{id}"
    assert recipe.table[0].attributes == ()


def test_a_few_numbers_in_local_names_are_no_items(tmp_path: Path) -> None:
    (tmp_path / "kg.nt").write_text("<http://x.org/a> <http://x.org/in> <http://x.org/group_1> .\n")
    seen = glance(tmp_path / "kg.nt")
    assert seen.item_template(frozenset(map(str, range(1, 11)))) is None
    assert seen.item_template(frozenset(["1"])) == "http://x.org/group_{id}"


RATINGS = "user,item\n" + "".join(f"{u},{i}\n" for u in range(4) for i in range(1, 5))
XML = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://e.org/">'
    + "".join(
        f'<rdf:Description rdf:about="http://e.org/i/{n}"><e:p rdf:resource="http://e.org/q"/></rdf:Description>'
        for n in range(1, 5)
    )
    + "</rdf:RDF>"
)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("kg.rdf", XML, {"item_iri": "http://e.org/i/{id}"}),
        ("kg.jsonld", '[{"@id": "http://e.org/i/1", "http://e.org/p": {"@id": "http://e.org/q"}}]', {"base": None}),
        ("kg.ttl", "<i/1> <p> <q> .", {"base": "urn:kgrec:document/", "item_iri": "urn:kgrec:document/i/{id}"}),
        ("kg.nt", "<http://e.org/1> <http://e.org/p> <http://e.org/2> .\nnonsense\n", {"max_rejects": 1}),
    ],
)
def test_rdf_in_any_syntax(tmp_path: Path, name: str, content: str, expected: dict[str, object]) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / name).write_text(content)
    recipe, paths = load_recipe(write_recipe(tmp_path / "mine", tmp_path / "ratings.csv", rdf=tmp_path / name))
    found = {"item_iri": recipe.interactions.item_iri, "base": recipe.rdf[0].base, "max_rejects": recipe.max_rejects}
    assert {key: found[key] for key in expected} == expected
    rejects = Rejects(recipe.max_rejects)
    assert list(read_rdf(paths.data / name, recipe.rdf[0], base=recipe.base, rejects=rejects))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("kg.csv", "a,b\n", "the file name tells no RDF syntax"),
        ("kg.ttl", "@prefix ex: <http://e.org/> .\nex:a ex:b", r"kg.ttl:2"),
        ("kg.nt", "", "the file is empty"),
    ],
)
def test_rdf_that_cannot_be_read(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=words):
        write_recipe(tmp_path / "mine", tmp_path / "ratings.csv", rdf=tmp_path / name)
    assert not (tmp_path / "mine").exists()


def test_a_file_in_the_folders_place(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text(RATINGS)
    for folder in (tmp_path / "ratings.csv", tmp_path / "ratings.csv/mine"):
        with pytest.raises(UserError, match="a file where a folder should be"):
            write_recipe(folder, tmp_path / "ratings.csv")


def test_a_delimiter_of_two_characters_is_told(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::5\n1::3::4\n")
    with pytest.raises(DataError, match=r"not separated into columns[\s\S]*put a tab"):
        write_recipe(tmp_path / "mine", tmp_path / "ratings.dat")
