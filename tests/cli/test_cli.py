from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

Kgrec = Callable[..., Any]


def test_help_names_every_command(kgrec: Kgrec) -> None:
    answer = kgrec("--help")
    assert answer.code == 0
    commands = ("init", "run", "build", "train", "evaluate", "recommend", "explain", "info", "query", "export")
    for command in (*commands, "publish", "unpublish"):
        assert f"\n  {command} " in answer.out
        assert kgrec(command, "--help").code == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        program = "from kgrec.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["error: the output cannot be written: No space left on device"]


@pytest.mark.parametrize("arguments", [["--help"], ["info", "RECIPE", "--run-dir", "RUN"]])
def test_answering_loads_no_framework(arguments: list[str], small_run: Run) -> None:
    known = {"RECIPE": str(small_run.paths.recipe), "RUN": str(small_run.paths.run)}
    given = [known.get(argument, argument) for argument in arguments]
    program = (
        "import sys; from kgrec.cli.main import main\n"
        "try: main()\n"
        "finally: print(*sorted({'torch', 'polars', 'lightning', 'pykeen', 'scipy', 'rdflib'} & set(sys.modules)),"
        " file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *given], capture_output=True, text=True, check=True)
    assert done.stdout
    assert done.stderr.strip() == ""


def test_nothing_changed_nothing_made(kgrec: Kgrec, places: list[str]) -> None:
    answer = kgrec("run", *places)
    assert answer.code == 0
    lines = answer.err.splitlines()
    assert len(lines) == 8
    assert all(line.endswith("nothing changed, skipped") for line in lines)
    assert "EASE (λ=250)" in answer.out
    assert "report.html" in answer.out


def test_evaluate(kgrec: Kgrec, places: list[str]) -> None:
    document = json.loads(kgrec("evaluate", *places, "--json").out)
    assert document["split"] == "test"
    assert document["users"] > 30
    names = [row["name"] for row in document["rows"]]
    assert {row["kind"] for row in document["rows"]} == {"model", "baseline"}
    assert "EASE (λ=250)" in names
    for row in document["rows"]:
        value, low, high = row["metrics"]["ndcg@10"]
        assert 0 <= low <= value <= high <= 1
    table = kgrec("evaluate", *places).out
    assert all(name in table for name in names)


def test_recommend(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    document = json.loads(kgrec("recommend", *places, "--user", "7", "-k", 4, "--json").out)
    assert document["user"] == "7"
    items = document["items"]
    assert [row["rank"] for row in items] == [1, 2, 3, 4]
    assert list(items[0]) == ["rank", "item", "label", "score"]
    seen = small_run.snapshot.pairs("train", "valid").filter(pl.col("user") == small_run.snapshot.user_id("7"))
    keys = small_run.snapshot.of_type("Movie")["key"]
    assert not {row["item"] for row in items} & {keys[item] for item in seen["item"]}
    by_iri = json.loads(kgrec("recommend", *places, "--user", "urn:kgrec:User/7", "-k", 4, "--json").out)
    assert by_iri == document
    table = kgrec("recommend", *places, "--user", "7", "-k", 4).out
    assert items[0]["label"] in table
    explained = kgrec("recommend", *places, "--user", "7", "-k", 2, "--explain").out
    # what each path is ordered by: what the item loses without it
    for item in items[:2]:
        (path,) = json.loads(kgrec("explain", *places, "--user", "7", "--item", item["item"], "-k", 1, "--json").out)[
            "paths"
        ]
        assert f"{path['text']}  [effect {path['effect']:.3g}]" in explained


def test_recommend_among_candidates(kgrec: Kgrec, places: list[str], tmp_path: Path) -> None:
    file = tmp_path / "candidates.txt"
    file.write_text("1\n2\n3\n")
    answer = kgrec("recommend", *places, "--user", "7", "--candidates", file, "--include-seen", "--json")
    assert {row["item"] for row in json.loads(answer.out)["items"]} == {"1", "2", "3"}


def test_unknown_candidates_are_said(kgrec: Kgrec, places: list[str], tmp_path: Path) -> None:
    file = tmp_path / "candidates.txt"
    file.write_text("1\n2\nno-film\n")
    answer = kgrec("recommend", *places, "--user", "7", "--candidates", file, "--include-seen", "--json")
    assert "1 of 3 ids are unknown: no-film" in answer.err
    assert len(json.loads(answer.out)["items"]) == 2


def test_the_table_of_metrics_fits_the_terminal(
    kgrec: Kgrec, places: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    lines = kgrec("evaluate", *places).out.splitlines()
    assert max(map(len, lines)) <= 90
    assert sum("EASE (λ=250)  " in line for line in lines) > 2


def test_recommend_other_types(kgrec: Kgrec, linear_places: list[str]) -> None:
    items = json.loads(kgrec("recommend", *linear_places, "--user", "7", "--type", "Genre", "-k", 3, "--json").out)[
        "items"
    ]
    assert len(items) == 3
    assert all(row["item"].startswith("urn:kgrec:genres:") for row in items)


def test_recommend_everybody(kgrec: Kgrec, places: list[str], tmp_path: Path) -> None:
    out = tmp_path / "lists.parquet"
    answer = kgrec("recommend", *places, "--all", "--out", out, "-k", 5, "--json")
    assert json.loads(answer.out) == {"out": str(out), "rows": 40 * 5}
    frame = pl.read_parquet(out)
    assert frame.columns == ["user", "rank", "item", "label", "score"]
    one = json.loads(kgrec("recommend", *places, "--user", "7", "-k", 5, "--json").out)["items"]
    assert frame.filter(pl.col("user") == "7")["item"].to_list() == [row["item"] for row in one]


def test_explain(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    best = json.loads(kgrec("recommend", *places, "--user", "7", "-k", 1, "--json").out)["items"][0]
    document = json.loads(kgrec("explain", *places, "--user", "7", "--item", best["item"], "-k", 3, "--json").out)
    assert (document["user"], document["item"], document["rank"]) == ("7", best["item"], 1)
    assert document["score"] == pytest.approx(best["score"], rel=1e-5)
    total = sum(path["weight"] for path in document["paths"]) + document["other_paths"] + document["prior"]
    assert total + document["remainder"] == pytest.approx(document["score"], rel=1e-6)
    assert 0 <= document["knowledge_share"] <= 1
    known = set(small_run.snapshot.nodes["iri"])
    for path in document["paths"]:
        assert len(path["nodes"]) == len(path["relations"]) + 1
        assert {node["id"] for node in path["nodes"]} <= known
        assert all(hop["direction"] in ("forward", "reverse") for hop in path["relations"])
        assert path["text"]
    tree = kgrec("explain", *places, "--user", "7", "--item", best["item"]).out
    assert best["label"] in tree
    assert "popularity" in tree
    assert "of the score is carried by facts" in tree
    # A pipe gets whole sentences, however long.
    full = json.loads(kgrec("explain", *places, "--user", "7", "--item", best["item"], "--json").out)
    assert all(path["text"] in tree for path in full["paths"])
    chinese = kgrec("explain", *places, "--user", "7", "--item", best["item"], "--lang", "zh")
    assert "第 1 名" in chinese.out
    assert f"得分 {best['score']:.4f}" in chinese.out
    assert "热度" in chinese.out
    assert not re.search(r"\b(weight|score|rank|popularity|path|people|You)\b", chinese.out)
    assert (
        f"得分 {best['score']:.4f}"
        in kgrec("recommend", *places, "--user", "7", "-k", 1, "--explain", "--lang", "zh").out
    )
    refused = kgrec("explain", *places, "--user", "7", "--item", best["item"], "--lang", "english")
    assert (refused.code, "en or zh" in refused.err) == (2, True)
    assert all(line == line.rstrip() for line in tree.splitlines())


def test_train_shows_what_each_channel_adds(kgrec: Kgrec, places: list[str], small_run: Run) -> None:
    answer = kgrec("train", *places)
    assert answer.code == 0
    head, *rows = (line.split() for line in answer.out.splitlines()[4:])
    assert head[:3] == ["channel", "kind", "gate"]
    document = small_run.channels()
    assert [row[0] for row in rows] == [one["name"] for one in document["channels"]]
    assert {"learned", "kg", "text"} <= {row[0] for row in rows}
    assert f"{document['ndcg']:.4f}" in answer.out


def test_the_linear_model_by_name(kgrec: Kgrec, linear_places: list[str], linear_run: Run) -> None:
    assert kgrec("train", *linear_places).out == ""
    best = json.loads(kgrec("recommend", *linear_places, "--user", "7", "-k", 1, "--json").out)["items"][0]
    document = json.loads(kgrec("explain", *linear_places, "--user", "7", "--item", best["item"], "--json").out)
    total = sum(path["weight"] for path in document["paths"]) + document["other_paths"] + document["remainder"]
    assert (document["prior"], total) == (0.0, pytest.approx(document["score"], rel=1e-6))
    names = [row["name"] for row in json.loads(kgrec("evaluate", *linear_places, "--json").out)["rows"]]
    assert names[:2] == ["kgrec", "kgrec without KG"]
    assert "remainder" in kgrec("explain", *linear_places, "--user", "7", "--item", best["item"]).out
    assert "Training loss" in linear_run.report_path().read_text()


def test_published_models_by_name(kgrec: Kgrec, small_run: Run, tmp_path: Path) -> None:
    shutil.copytree(small_run.paths.run, tmp_path / "run")
    recipe = small_run.paths.recipe.with_name("published.toml")
    text = small_run.paths.recipe.read_text().replace("ablation = true", "ablation = false")
    recipe.write_text(text + '\n[model]\nname = "lightgcn"\nsettings = { epochs = 2, dim = 8 }\n')
    places = [str(recipe), "--run-dir", str(tmp_path / "run")]
    answer = kgrec("run", *places)
    assert answer.code == 0, answer.err
    assert "LightGCN" in answer.out
    assert len(json.loads(kgrec("recommend", *places, "--user", "7", "-k", 3, "--json").out)["items"]) == 3
    answer = kgrec("explain", *places, "--all", "--out", tmp_path / "all.parquet")
    assert answer.code == 2
    assert "LightGCN does not explain its scores by paths" in answer.err
    assert "Why <bdi>" not in (tmp_path / "run/report/report.html").read_text()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ('[model]\nname = "flwo"', "did you mean 'flow'"),
        ('[model]\nname = "LightGNC"', "did you mean 'LightGCN'"),
        ('[model]\nname = "KGIN"\nsettings = { dmi = 8 }', "[model.settings.dmi]"),
        ('[model]\nname = "KGIN"\nsettings = { dim = 0 }', "[model.settings.dim]"),
        ("[model]\nsettings = { dim = 8 }", "settings are those of published models"),
        ('[flow]\nwithout = ["eas"]', "did you mean 'ease'"),
    ],
)
def test_a_model_that_cannot_be_is_told_before_anything_is_made(
    kgrec: Kgrec, make_slice: Callable[..., Path], tmp_path: Path, lines: str, words: str
) -> None:
    recipe = make_slice(tmp_path, users=5)
    recipe.write_text(recipe.read_text().replace("[flow]\nepochs = 4\n", f"{lines}\n"))
    answer = kgrec("run", recipe, "--run-dir", tmp_path / "run")
    assert answer.code == 2
    assert str(recipe) in answer.err
    assert words in answer.err
    assert not (tmp_path / "run").exists()


def test_info(kgrec: Kgrec, places: list[str]) -> None:
    document = json.loads(kgrec("info", *places, "--json").out)
    states = {stage["stage"]: stage["state"] for stage in document["stages"]}
    assert states["snapshot"] == states["model"] == states["report"] == "current"
    assert document["profile"]["interactions"]["train"]["users"] == 40
    text = kgrec("info", *places).out
    assert "Genre" in text
    assert "current" in text


def test_query(kgrec: Kgrec, places: list[str]) -> None:
    sparql = "SELECT ?label WHERE { ?g a <urn:kgrec:genres:Genre> ; skos:prefLabel ?label } ORDER BY ?label LIMIT 2"
    prefix = "PREFIX skos: <http://www.w3.org/2004/02/skos/core#> "
    assert kgrec("query", *places, prefix + sparql).out.split() == ["label", "Action", "Adventure"]
    document = json.loads(kgrec("query", *places, prefix + sparql, "--json").out)
    assert document["results"]["bindings"][0]["label"] == {"type": "literal", "value": "Action", "xml:lang": "en"}
    assert kgrec("query", *places, "ASK { ?s ?p ?o }").out == "yes\n"
    assert kgrec("query", *places, "CONSTRUCT { ?s a ?t } WHERE { ?s a ?t } LIMIT 1").out.endswith(" .\n")
    for refused in (
        "DELETE WHERE { ?s ?p ?o }",
        "SELECT * WHERE { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }",
        "LOAD <file:///etc/hosts>",
        "SELECT",
    ):
        answer = kgrec("query", *places, refused)
        assert answer.code == 2, refused
        assert answer.out == ""


@pytest.mark.parametrize("to", ["nt", "ttl", "hetero", "triples", "parquet"])
def test_export(kgrec: Kgrec, places: list[str], tmp_path: Path, to: str) -> None:
    out = tmp_path / f"graph.{to}"
    assert kgrec("export", *places, "--to", to, "--out", out).code == 0
    if to in ("nt", "ttl"):
        import rdflib

        graph = rdflib.Graph().parse(out, format=to)
        assert (None, rdflib.SKOS.prefLabel, rdflib.Literal("Drama", lang="en")) in graph
    elif to == "hetero":
        import torch

        content = torch.load(out, weights_only=True)
        assert content
    elif to == "triples":
        assert out.read_text().count("\n") > 100
    else:
        assert pl.read_parquet(out / "nodes.parquet").height > 100


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recommend", "PLACES", "--user", "no-one"], "no user with this id"),
        (["recommend", "PLACES", "--user", "7", "--type", "Genres"], "no nodes of this type"),
        (["recommend", "PLACES", "--user", "7", "--type", "Genre"], "kgrec flow ranks items only"),
        (["recommend", "PLACES"], "--user ID"),
        (["recommend", "PLACES", "--all"], "--out FILE"),
        (["recommend", "PLACES", "--all", "--out", "x.csv"], "ends in .parquet"),
        (["explain", "PLACES", "--user", "7", "--item", "pulp fiction"], "nearest: 296 (Pulp Fiction (1994))"),
        (["recommend", "PLACES", "--user", "zebra"], "ids are such as 1, 10, 11"),
        (
            ["query", "PLACES", "SELECT * WHERE { ?s movie:x ?o }"],
            "line 1 [21]: the prefix is not known (got 'movie:x')",
        ),
        (["recommend", "PLACES", "--user", "7", "--candidates", "absent.txt"], "absent.txt"),
        (["explain", "PLACES", "--user", "7", "--item", "0"], "no item with this id"),
        (["explain", "PLACES"], "one of --user ID and --all"),
        (["run", "absent.toml"], "cannot read the recipe"),
        (["export", "PLACES", "--to", "nt", "--out", "no/such/folder/x.nt"], "folder"),
        (["export", "PLACES", "--to", "csv", "--out", "x"], "csv"),
        (["frobnicate"], "frobnicate"),
    ],
)
def test_the_users_mistakes_end_with_two(
    kgrec: Kgrec, places: list[str], arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [part for argument in arguments for part in (places if argument == "PLACES" else [argument])]
    answer = kgrec(*given)
    assert answer.code == 2
    assert words in answer.err
    assert "Traceback" not in answer.err
    assert answer.out == ""


def test_nearest_ids_are_suggested(kgrec: Kgrec, places: list[str]) -> None:
    assert "nearest: 33" in kgrec("recommend", *places, "--user", "333").err


def test_asking_before_making_names_the_command(kgrec: Kgrec, places: list[str], tmp_path: Path) -> None:
    answer = kgrec("recommend", places[0], "--run-dir", tmp_path / "empty", "--user", "7")
    assert answer.code == 2
    assert "kgrec train RECIPE" in answer.err
    info = kgrec("info", places[0], "--run-dir", tmp_path / "empty")
    assert info.code == 0
    assert "not made" in info.out


def test_init_then_build(kgrec: Kgrec, make_slice: Callable[..., Path], tmp_path: Path) -> None:
    make_slice(tmp_path, users=10)
    data = tmp_path / "data"
    answer = kgrec(
        "init",
        tmp_path / "mine",
        "--interactions",
        data / "movielens/ratings.csv",
        "--items",
        data / "movielens/movies.csv",
        "--rdf",
        data / "genres/genres.ttl",
    )
    assert answer.code == 0, answer.err
    recipe = next((tmp_path / "mine").glob("*.toml"))
    assert kgrec("build", recipe, "--run-dir", tmp_path / "run").code == 0
    document = json.loads(kgrec("info", recipe, "--run-dir", tmp_path / "run", "--json").out)
    assert document["profile"]["counts"]["users"] == 10
    assert "genres" in document["profile"]["relations"] or "genre" in document["profile"]["relations"]


def test_a_typo_in_a_baseline_or_metric_is_told_before_anything_is_made(
    kgrec: Kgrec, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path, users=5)
    text = recipe.read_text()
    for line, words in (('baselines = [{ name = "EASEE" }]', "did you mean 'EASE'"), ('metrics = ["ndgc"]', "'ndcg'")):
        recipe.write_text(text.replace("[evaluation]", f"[evaluation]\n{line}"))
        answer = kgrec("run", recipe, "--run-dir", tmp_path / "run")
        assert answer.code == 2
        assert str(recipe) in answer.err
        assert words in answer.err
        assert not (tmp_path / "run").exists()


def test_a_split_that_holds_nothing_out_is_said(kgrec: Kgrec, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("u,i\n1,a\n2,a\n")
    recipe = tmp_path / "r.toml"
    recipe.write_text('name = "r"\n[interactions]\nfile = "r.csv"\nuser = "u"\nitem = "i"\n')
    answer = kgrec("build", recipe, "--run-dir", tmp_path / "run")
    assert answer.code == 0
    assert "no interaction in the test part" in answer.err


def test_nothing_left_to_recommend_is_said(kgrec: Kgrec, places: list[str], small_run: Run, tmp_path: Path) -> None:
    snapshot = small_run.snapshot
    seen = snapshot.pairs("train").filter(pl.col("user") == snapshot.user_id("7"))["item"].to_list()
    file = tmp_path / "seen.txt"
    file.write_text("\n".join(snapshot.of_type("Movie")["key"].gather(seen)))
    answer = kgrec("recommend", *places, "--user", "7", "--candidates", file, "--json")
    assert json.loads(answer.out)["items"] == []
    assert "nothing is left to recommend" in answer.err
