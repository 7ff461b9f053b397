"""``kgrec explain`` with effects and ``kgrec what-if``, as people call them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

Kgrec = Callable[..., Any]


def listed(run: Run, user: str) -> list[str]:
    return run.recommend(user, 10)["item"].to_list()


def test_one_item(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    first, *_, last = listed(small_run, "7")
    document = json.loads(
        kgrec("explain", *places, "--user", "7", "--item", last, "--k-paths", 2, "--instead-of", first, "--json").out
    )
    assert document["rank"] == 10
    assert len(document["paths"]) == 2
    for path in document["paths"]:
        assert {"share", "effect", "rank_without"} <= set(path)
    assert {"necessary", "sufficient", "contrast"} <= set(document)
    assert document["contrast"]["instead_of"] == first
    text = kgrec("explain", *places, "--user", "7", "--item", last).out
    assert "effect" in text
    assert "no claim about people" in text


def test_a_whole_list(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    document = json.loads(kgrec("explain", *places, "--user", "7", "-k", 1, "--list", 4, "--json").out)
    assert [one["item"] for one in document["list"]] == listed(small_run, "7")[:4]
    assert [one["rank"] for one in document["list"]] == [1, 2, 3, 4]


def test_everybody(kgrec: Kgrec, places: list[str], small_run: Run, tmp_path: Path, monkeypatch: Any) -> None:
    """Cut off in the middle, it goes on with the rest and ends with the same file."""
    import kgrec.pipeline.why_all as why_all

    whole, again = tmp_path / "whole.parquet", tmp_path / "again.parquet"
    arguments = ("explain", *places, "--all", "-k", 1, "--list", 2, "--out")
    assert kgrec(*arguments, whole).code == 0
    assert kgrec(*arguments, again, "--processes", 2).code == 0
    assert pl.read_parquet(again).equals(pl.read_parquet(whole))
    again.unlink()
    rows = why_all._rows
    done: list[int] = []

    def broken(run: Any, users: Any, *rest: Any) -> Any:
        if len(done) == 1:
            raise KeyboardInterrupt
        done.append(len(users))
        return rows(run, users, *rest)

    monkeypatch.setattr(why_all, "_rows", broken)
    monkeypatch.setattr(why_all, "USERS", 20)
    with pytest.raises(KeyboardInterrupt):
        small_run.explain_all(again, 2, paths=1)
    assert not again.exists()
    made: list[int] = []

    def counted(run: Any, users: Any, *rest: Any) -> Any:
        made.append(len(users))
        return rows(run, users, *rest)

    monkeypatch.setattr(why_all, "_rows", counted)
    small_run.explain_all(again, 2, paths=1)
    assert sum(made) == small_run.snapshot.num_users - 20
    frame = pl.read_parquet(again)
    assert frame.equals(pl.read_parquet(whole))
    assert frame["user"].n_unique() == small_run.snapshot.num_users
    assert frame["effect"].null_count() == 0
    assert list(tmp_path.iterdir()) != []
    assert not [one for one in tmp_path.iterdir() if one.is_dir()]


def test_what_if(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    explanation = small_run.explain("7", listed(small_run, "7")[0])
    source = explanation.paths[0].nodes[1].id
    document = json.loads(kgrec("what-if", *places, "--user", "7", "--drop-item", source, "--json").out)
    assert set(document) == {"before", "after", "moved", "notes"}
    assert [one["item"] for one in document["before"]] == listed(small_run, "7")
    after = {row["item"]: row["rank_after"] for row in document["moved"]}
    assert after.get(explanation.item, 1) == explanation.paths[0].rank_without
    table = kgrec("what-if", *places, "--user", "7", "--drop-item", source).out
    assert "as it would be" in table
    # nothing that is stored has changed
    assert listed(small_run, "7") == [one["item"] for one in document["before"]]


def test_what_if_of_facts(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    snapshot = small_run.snapshot
    edge = snapshot.edges.filter(pl.col("source_type") == snapshot.item_type).row(0, named=True)
    item = snapshot.of_type(snapshot.item_type)["key"][edge["source"]]
    node = snapshot.of_type(edge["target_type"]).row(edge["target"], named=True)
    fact = f'"{item}",{edge["relation"]},"{edge["target_type"]}/{node["key"] or node["label"]}"'
    if node["key"] is None:
        fact = f'"{item}",{edge["relation"]},"{node["iri"]}"'
    answer = kgrec("what-if", *places, "--history", item, "--drop", fact, "--json")
    assert answer.code == 0, answer.err
    answer = kgrec("what-if", *places, "--history", item, "--add", fact)
    assert answer.code == 2
    assert "in the graph already" in answer.err
    answer = kgrec("what-if", *places, "--history", item, "--drop-relation", edge["relation"], "--json")
    assert answer.code == 0, answer.err


def test_names_in_facts(kgrec: Kgrec, places: list[str]) -> None:
    """By label, with a comma in it, and as the type that the relation points at says."""
    drop = '"Usual Suspects, The (1995)",genre,Crime'
    by_name = kgrec("what-if", *places, "--user", "7", "--drop", drop, "--add", "480,genre,Crime", "--json")
    assert by_name.code == 0, by_name.err
    by_id = ("--drop", "50,genre,Genre/Crime", "--add", "Movie/480,genre,Genre/Crime", "--json")
    assert by_name.out == kgrec("what-if", *places, "--user", "7", *by_id).out


def test_the_whole_history_gone(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    keys = small_run.snapshot.of_type(small_run.snapshot.item_type)["key"]
    had = [keys[int(one)] for one in small_run.explainer.listed(small_run.snapshot.user_id("7"), None).person.items]
    drop = [word for one in had for word in ("--drop-item", one)]
    answer = kgrec("what-if", *places, "--user", "7", *drop, "--json")
    assert answer.code == 0
    assert "popularity alone ranks" in json.loads(answer.out)["notes"][0]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("explain", ["--user", "7", "--instead-of", "1"], "--item ID"),
        ("explain", ["--all"], "--all and --out FILE go together"),
        ("explain", ["--all", "--out", "reasons.csv"], "ends in .parquet"),
        ("explain", ["--user", "7", "--item", "1", "--list", "3"], "it takes no --item"),
        ("explain", ["--user", "7", "--processes", "2"], "--processes share --all"),
        ("explain", ["--user", "7", "--as", "main"], "--browser"),
        ("explain", ["--user", "nobody"], "no user with this id"),
        ("explain", ["--user", "7", "--item", "99999999"], "no item with this id"),
        ("what-if", ["--user", "7"], "nothing is taken away"),
        ("what-if", ["--user", "7", "--drop-item", "99999999"], "no item with this id"),
        ("what-if", ["--user", "7", "--drop", "a,b"], "subject,predicate,object"),
        ("what-if", ["--user", "7", "--drop-entity", "Dramma"], "Drama"),
        ("what-if", ["--user", "7", "--drop-relation", "genrre"], "genre"),
        ("what-if", ["--user", "7", "--drop-entity", "Pulp"], "nearest: 296 (Pulp Fiction (1994))"),
        (
            "what-if",
            ["--user", "7", "--drop", "Usual Suspects, The (1995),genre,Crime"],
            '"Usual Suspects, The (1995)"',
        ),
        ("what-if", ["--user", "7", "--drop", "480,genre,Drama"], "Movie/480,genre,Genre/Sci-Fi"),
        ("what-if", ["--drop-item", "1"], "about a user or about a history"),
    ],
)
def test_refused(kgrec: Kgrec, places: list[str], command: str, arguments: list[str], message: str) -> None:
    answer = kgrec(command, *places, *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_interactions_that_are_not_there(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    first = listed(small_run, "7")[0]
    answer = kgrec("what-if", *places, "--user", "7", "--drop-item", first)
    assert answer.code == 2
    assert "no such interaction" in answer.err
    answer = kgrec("what-if", *places, "--user", "7", "--add-item", first, "--add-item", first)
    assert answer.code == 2
    assert "named twice" in answer.err


@pytest.fixture(scope="module")
def published(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """RECIPE and --run-dir of a run with a published model; what lies before the model is the small run's."""
    import kgrec

    folder = tmp_path_factory.mktemp("published")
    shutil.copytree(small_run.paths.run, folder / "run")
    recipe = small_run.paths.recipe.with_name("kgat.toml")
    text = small_run.paths.recipe.read_text().replace("ablation = true", "ablation = false")
    recipe.write_text(text + '\n[model]\nname = "KGAT"\nsettings = { epochs = 2, dim = 8, layers = [8, 4] }\n')
    kgrec.open_run(recipe, run_dir=folder / "run").train()
    return [str(recipe), "--run-dir", str(folder / "run")]


def test_a_published_model_is_run_again(kgrec: Kgrec, published: list[str]) -> None:
    listed = json.loads(kgrec("recommend", *published, "--user", "7", "--json").out)["items"]
    answer = kgrec("explain", *published, "--user", "7", "--item", listed[9]["item"], "--json")
    document = json.loads(answer.out)
    assert (document["rank"], document["score"]) == (10, pytest.approx(listed[9]["score"], abs=1e-5))
    assert document["runs"] > len(document["tried"]) > 2
    assert document["seconds"] > 0
    best = document["tried"][0]
    key = best["target"]["id"].rpartition("/")[2]
    answer = kgrec("what-if", *published, "--user", "7", "--drop-item", key, "--json")
    lists = json.loads(answer.out)
    assert [one["item"] for one in lists["before"]] == [one["item"] for one in listed]
    ranks = {row["item"]: row["rank_after"] for row in lists["moved"]}
    assert ranks.get(listed[9]["item"], 10) == best["rank_without"]
    assert "run again on the whole edited graph" in lists["notes"][-1]
    first = ("--instead-of", listed[0]["item"])
    compared = json.loads(
        kgrec("explain", *published, "--user", "7", "--item", listed[9]["item"], *first, "--json").out
    )
    assert compared["contrast"]["instead_of"] == listed[0]["item"]
    assert compared["sufficient"] is not None
    assert compared["runs"] > document["runs"]
    text = kgrec("explain", *published, "--user", "7", "--item", listed[9]["item"]).out
    assert "KGAT is no sum over paths" in text
    assert "taken away one by one" in text
    assert "was" in kgrec("what-if", *published, "--user", "7", "--drop-relation", "genre").out
    whole = json.loads(kgrec("explain", *published, "--user", "7", "--list", 2, "--json").out)["list"]
    assert [one["item"] for one in whole] == [one["item"] for one in listed[:2]]


@pytest.mark.parametrize(
    ("command", "arguments", "message"),
    [
        ("explain", ["--user", "7", "--item", "1", "--instead-of", "1"], "compared with another one"),
        ("explain", ["--user", "7", "--instead-of", "1"], "--item ID"),
        ("explain", ["--all", "--out", "x.parquet"], "does not explain its scores by paths"),
        ("what-if", ["--history", "1,2", "--drop-item", "1"], "for nobody else"),
        ("recommend", ["--history", "1,2"], "for nobody else"),
        ("what-if", ["--user", "7"], "nothing is taken away"),
        ("what-if", ["--user", "7", "--drop-entity", "Dramma"], "Drama"),
    ],
)
def test_what_published_models_refuse(
    kgrec: Kgrec, published: list[str], command: str, arguments: list[str], message: str
) -> None:
    answer = kgrec(command, *published, *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_a_linear_network_is_worked_out_anew(kgrec: Kgrec, linear_places: list[str], linear_run: Run) -> None:
    listed = json.loads(kgrec("recommend", *linear_places, "--user", "7", "--json").out)["items"]
    user = ("what-if", *linear_places, "--user", "7")
    keys = linear_run.snapshot.of_type("Movie")["key"]
    had = [keys[int(item)] for item in linear_run.snapshot.matrix("train")[[linear_run.snapshot.user_id("7")]].indices]
    for changes in (
        ("--drop-item", had[0]),
        ("--drop", "480,genre,Sci-Fi", "--add", '"Usual Suspects, The (1995)",genre,Drama'),
        ("--drop-entity", "Genre/Drama"),
        ("--drop-relation", "genre"),
    ):
        answer = kgrec(*user, *changes, "--json")
        assert answer.code == 0, answer.err
        lists = json.loads(answer.out)
        assert [one["item"] for one in lists["before"]] == [one["item"] for one in listed]
        assert [one["score"] for one in lists["before"]] == pytest.approx([one["score"] for one in listed], rel=1e-4)
        assert [one["score"] for one in lists["after"]] != [one["score"] for one in lists["before"]]
        assert "worked out anew on the edited graph" in lists["notes"][-1]
    newcomer = json.loads(kgrec("what-if", *linear_places, "--history", "1,2,50", "--drop-item", "2", "--json").out)
    left = json.loads(kgrec("recommend", *linear_places, "--history", "1,50", "--json").out)["items"]
    assert [one["item"] for one in newcomer["after"]] == [one["item"] for one in left if one["item"] != "2"][:10]
    gone = json.loads(kgrec(*user, *(word for one in had for word in ("--drop-item", one)), "--json").out)
    assert "Nothing of the history is left." in gone["notes"]
    assert {one["score"] for one in gone["after"]} == {0.0}
    for changes, words in (
        (("--add", "Genre/Drama,genre,480"), "has learned no weight"),
        (("--drop", "480,genre,Drama"), "no such edge"),
        (("--drop-item", listed[0]["item"]), "no such interaction"),
    ):
        answer = kgrec(*user, *changes)
        assert (answer.code, words in answer.err) == (2, True), answer.err


def test_a_linear_network_says_why(kgrec: Kgrec, linear_places: list[str]) -> None:
    listed = json.loads(kgrec("recommend", *linear_places, "--user", "7", "--json").out)["items"]
    asked = ("explain", *linear_places, "--user", "7", "--item", listed[8]["item"], "--instead-of", listed[0]["item"])
    document = json.loads(kgrec(*asked, "--json").out)
    assert document["rank"] == 9
    assert document["contrast"]["instead_of"] == listed[0]["item"]
    assert document["sufficient"] is not None
    for path in document["paths"]:
        drop = [path["nodes"][1]["id"]] if path["relations"][0]["kind"] == "interaction" else []
        facts = [
            ",".join(
                (a["id"], hop["name"], b["id"]) if hop["direction"] == "forward" else (b["id"], hop["name"], a["id"])
            )
            for hop, a, b in zip(path["relations"], path["nodes"][:-1], path["nodes"][1:], strict=True)
            if hop["kind"] == "fact"
        ]
        words = [word for one in drop for word in ("--drop-item", one)]
        words += [word for one in facts for word in ("--drop", one)]
        lists = json.loads(kgrec("what-if", *linear_places, "--user", "7", *words, "--json").out)
        ranks = {row["item"]: row["rank_after"] for row in lists["moved"]}
        assert ranks.get(listed[8]["item"], 9) == path["rank_without"]
    text = kgrec(*asked).out
    assert "effect" in text
    assert "stands above" in text
    whole = json.loads(kgrec("explain", *linear_places, "--user", "7", "--list", 2, "--json").out)["list"]
    assert [one["item"] for one in whole] == [one["item"] for one in listed[:2]]


def test_parameters_that_an_older_run_did_not_keep(kgrec: Kgrec, published: list[str]) -> None:
    file = next(Path(published[-1]).glob("model/parameters.safetensors"))
    hidden = file.rename(file.with_suffix(".hidden"))
    try:
        answer = kgrec("what-if", *published, "--user", "7", "--drop-relation", "genre")
    finally:
        hidden.rename(file)
    assert answer.code == 2
    assert "kgrec train" in answer.err
