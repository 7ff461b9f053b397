from __future__ import annotations

from pathlib import Path

import pytest

from kgrec.config import load_recipe, parse_recipe
from kgrec.config.iris import expand, fill, is_iri, local_name, node_iri
from kgrec.config.recipe import source_name
from kgrec.errors import RecipeError, UnknownIdError, UserError, nearest, shorten

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def minimal(**more: object) -> dict[str, object]:
    return {"name": "x", "interactions": {"file": "ratings.csv"}, **more}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_valid(path: Path) -> None:
    recipe, paths = load_recipe(path)
    assert recipe.name == path.stem
    assert paths.run == Path("runs") / path.stem


def test_overrides_of_the_places(tmp_path: Path) -> None:
    _, paths = load_recipe(RECIPES / "movielens.toml", data=tmp_path / "d", run_dir=tmp_path / "r")
    assert (paths.data, paths.run) == (tmp_path / "d", tmp_path / "r")


@pytest.mark.parametrize(
    ("content", "key", "suggestion"),
    [
        (minimal(interaction={}), "interaction", "interactions"),
        ({"name": "x", "interactions": {"file": "f", "usr": "u"}}, "interactions.usr", "user"),
        (minimal(table=[{"file": "m.csv", "id": "i", "atributes": []}]), "table.0.atributes", "attributes"),
        (
            minimal(table=[{"file": "m.csv", "id": "i", "attributes": [{"column": "c", "seperator": "|"}]}]),
            "table.0.attributes.0.seperator",
            "separator",
        ),
        (minimal(model={"input": {"fussion": "sum"}}), "model.input.fussion", "fusion"),
        (minimal(interactions={"file": "f", "k_core": {"users": 1}}), "interactions.k_core.users", "user"),
    ],
)
def test_unknown_key_names_the_nearest(content: dict[str, object], key: str, suggestion: str) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(content, "r.toml")
    assert caught.value.column == key
    assert caught.value.problem == "unknown key"
    assert f"did you mean {suggestion!r}?" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"interactions": {"file": "f"}}, "Field required"),
        ({"name": "x", "interactions": {}}, "interactions.file is missing"),
        (minimal(split={"kind": "files"}), "go together"),
        (minimal(split={"kind": "files", "files": {"train": "a"}}), "names train, valid and test"),
        (minimal(split={"kind": "random", "n": 2}), "belongs to kind = 'last'"),
        (minimal(split={"valid": 0.5, "test": 0.5}), "leave something to train on"),
        (minimal(rdf=[{"file": "a.nt"}, {"file": "b/a.ttl"}]), "two sources are called 'a'"),
        (minimal(seed=-1), "greater than or equal to 0"),
        (minimal(evaluation={"k": [0]}), "cut-offs"),
        (
            minimal(
                table=[{"file": "f", "id": "i", "attributes": [{"column": "c", "separator": "|", "json_list": {}}]}]
            ),
            "not both",
        ),
    ],
)
def test_bad_values_say_why(content: dict[str, object], words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        parse_recipe(content)


def test_unreadable_recipes(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_recipe(tmp_path / "absent.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("name = \n")
    with pytest.raises(RecipeError, match=r"bad\.toml:1 \[8\]: not TOML.*'name ='"):
        load_recipe(bad)
    bad.write_bytes(b'name = "\xff"\n')
    with pytest.raises(RecipeError, match="not UTF-8"):
        load_recipe(bad)


def test_byte_order_mark_is_no_part_of_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_bytes(b"\xef\xbb\xbf" + b'name = "x"\n[interactions]\nfile = "f.csv"\n')
    assert load_recipe(path)[0].name == "x"


def test_source_names() -> None:
    recipe = parse_recipe(
        minimal(
            rdf=[{"file": "a/kg-1.nt.gz"}], recbole=[{"kg": "b/ml.kg"}], table=[{"name": "t", "file": "f", "id": "i"}]
        )
    )
    assert [source_name(s) for s in (*recipe.rdf, *recipe.recbole, *recipe.table)] == ["kg_1", "ml", "t"]


def test_iris() -> None:
    assert node_iri("urn:kgrec:", "Movie", " a b/ü ") == "urn:kgrec:Movie/a%20b%2F%C3%BC"
    assert node_iri("urn:kgrec:", "Movie", "u\u0308") == node_iri("urn:kgrec:", "Movie", "ü")
    assert fill("{id}", id="http://a/b") == "http://a/b"
    for bad in ("a b", "relative", "http://a/<b>", ""):
        assert not is_iri(bad)
        with pytest.raises(ValueError, match="not an absolute IRI"):
            fill("{id}", id=bad)
    assert expand("skos:prefLabel", {}) == "http://www.w3.org/2004/02/skos/core#prefLabel"
    assert expand("ex:a", {"ex": "http://e/"}) == "http://e/a"
    assert expand("http://e/a", {"http": "no"}) == "http://e/a"
    with pytest.raises(ValueError, match="neither an IRI nor"):
        expand("label", {})
    assert local_name("http://x/y#Z%20a") == "Z a"


def test_an_error_says_where_what_and_how() -> None:
    error = UserError(
        "no number", file="f.csv", line=3, column="rating", value="x" * 200, expected="0.5 to 5", remedy="mend it"
    )
    text = str(error)
    assert text.startswith("f.csv:3 [rating]: no number (got 'xxx")
    assert "expected 0.5 to 5" in text
    assert text.endswith("\n  mend it")
    assert len(text) < 200
    assert shorten("a\nb") == "a\\nb"


def test_nearest_ids() -> None:
    assert nearest("coldplya", ["Coldplay", "Muse"]) == ["Coldplay"]
    assert "nearest: Coldplay" in str(UnknownIdError("item", "coldplya", ["Coldplay", "Muse"]))


def test_what_begins_or_contains_comes_before_what_is_spelled_alike() -> None:
    movies = ["humane", "The Jumanji Story", "Jumanji: Welcome to the Jungle (2017)", "JUMANJI (1995)", "Juman"]
    assert nearest("jumanji", movies) == [movies[3], movies[2], movies[1]]
    assert nearest("Jumanij", ["humane", "Jumanji"]) == ["Jumanji", "humane"]
    assert nearest(" STRASSE ", ["Hauptstraße"]) == ["Hauptstraße"]
    assert nearest("", ["a"]) == []
    error = UnknownIdError("item", "Jumanji", ["2", "71"], {"Jumanji (1995)": "2", "humane": "71"})
    assert error.near == ("2 (Jumanji (1995))",)
    assert "nearest: 2 (Jumanji (1995))" in str(error)
    assert "nearest: 71" in str(UnknownIdError("item", "7", ["2", "71"], {"Seven": "2", "71": "71"}))
    assert "ids are such as 2, 71" in str(UnknownIdError("item", "???", ["2", "71"], {"Jumanji (1995)": "2"}))
    assert UnknownIdError("item", "x", []).remedy is None
