"""``kgrec recommend`` for people and things that came after training, and with the dial turned."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

Kgrec = Callable[..., Any]
HEAVY = ("torch", "numba", "pykeen", "torch_geometric", "lightning", "matplotlib", "rdflib", "pyoxigraph", "optuna")


@pytest.fixture(scope="module")
def liked(small_run: Run) -> list[str]:
    """Some items, the most popular first."""
    degree = small_run.snapshot.matrix("train").sum(axis=0)
    keys = small_run.snapshot.of_type(small_run.snapshot.item_type)["key"]
    return [keys[int(i)] for i in (-degree).argsort(kind="stable")[:6]]


def test_from_a_history(kgrec: Kgrec, places: list[str], liked: list[str], small_run: Run) -> None:
    answer = kgrec("recommend", *places, "--history", ",".join(liked), "-k", 5, "--json")
    document = json.loads(answer.out)
    assert document["history"] == liked
    found = [row["item"] for row in document["items"]]
    assert len(found) == 5
    assert not set(found) & set(liked)
    frame = small_run.recommend_history(liked, k=5)
    assert frame["item"].to_list() == found
    table = kgrec("recommend", *places, "--history", ",".join(liked), "-k", 5).out
    assert table.splitlines()[0].split() == ["rank", "item", "label", "score"]


def test_ratings_weigh(kgrec: Kgrec, places: list[str], liked: list[str], tmp_path: Path, small_run: Run) -> None:
    ratings = [5.0, 0.5, 5.0, 0.5, 5.0, 0.5]
    words = ",".join(str(rating) for rating in ratings)
    answer = kgrec("recommend", *places, "--history", ",".join(liked), "--ratings", words, "--json")
    rated = json.loads(answer.out)["items"]
    assert rated != json.loads(kgrec("recommend", *places, "--history", ",".join(liked), "--json").out)["items"]
    file = tmp_path / "history.csv"
    file.write_text("".join(f"{item},{rating}\n" for item, rating in zip(liked, ratings)), encoding="utf-8")
    assert json.loads(kgrec("recommend", *places, "--history", file, "--json").out)["items"] == rated
    assert (
        small_run.recommend_history(file).to_dicts() == small_run.recommend_history(liked, ratings=ratings).to_dicts()
    )


def test_unknown_items_of_a_history(kgrec: Kgrec, places: list[str], liked: list[str]) -> None:
    answer = kgrec("recommend", *places, "--history", f"nothing,{liked[0]}", "--json")
    assert answer.code == 0
    assert "1 of 2 items of the history are unknown and left out: nothing" in answer.err
    answer = kgrec("recommend", *places, "--history", ",")
    assert answer.code == 0
    assert "the history is empty: popularity alone ranks" in answer.err
    answer = kgrec("recommend", *places, "--history", "99999999")
    assert answer.code == 2
    assert "no item with this id (got '99999999')" in answer.err


@pytest.fixture
def new_items(tmp_path: Path, small_run: Run) -> Path:
    genres = small_run.snapshot.of_type("Genre")["label"].to_list()
    content = [
        {
            "id": "n1",
            "label": "First",
            "text": "A quiet story",
            "links": [["genre", genres[0]], ["genre", "Noir-ish"]],
        },
        {"id": "n2", "links": [["no_such_relation", "x"]]},
    ]
    file = tmp_path / "new.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_users_for_a_new_item(kgrec: Kgrec, places: list[str], new_items: Path) -> None:
    answer = kgrec("recommend", *places, "--new-item", new_items, "-k", 3, "--json")
    assert answer.code == 0, answer.err
    first, second = json.loads(answer.out)["items"]
    assert first["carried_by"] == "content"
    assert [row["rank"] for row in first["users"]] == [1, 2, 3]
    scores = [row["score"] for row in first["users"]]
    assert scores == sorted(scores, reverse=True)
    # nothing is known of the second: everybody's score is the same
    assert len({row["score"] for row in second["users"]}) == 1
    assert "'Noir-ish'" in answer.err
    assert "no item is linked by the relation 'no_such_relation'" in answer.err
    assert "carried by content" in answer.err
    assert "n2: neither a text nor a link is known of it" in answer.err
    assert "n1: neither" not in answer.err
    assert "n1" in kgrec("recommend", *places, "--new-item", new_items, "-k", 3).out


def test_a_new_item_in_a_list(kgrec: Kgrec, places: list[str], new_items: Path, small_run: Run) -> None:
    rows = json.loads(kgrec("recommend", *places, "--new-item", new_items, "--user", "7", "-k", 4, "--json").out)[
        "items"
    ]
    assert {row["item"] for row in rows if row["new"]} == {"n1", "n2"}
    ranks = [row["rank"] for row in rows]
    assert ranks == sorted(ranks)
    known = [row["item"] for row in rows if not row["new"]]
    assert known == small_run.recommend("7", k=4)["item"].to_list()[: len(known)]
    text = kgrec("recommend", *places, "--new-item", new_items, "--user", "7", "-k", 2, "--explain").out
    assert "new: by content" in text
    assert "is carried by content" in text
    spoken = ("--explain", "--lang", "zh")
    assert "的得分来自内容" in kgrec("recommend", *places, "--new-item", new_items, "--user", "7", "-k", 2, *spoken).out
    arrivals = small_run.arrivals(new_items)
    from kgrec.explain.newcomer import explain_arrival

    for number in range(2):
        explanation = explain_arrival(arrivals, number, small_run.snapshot.user_id("7"), paths=10_000)
        total = sum(path.weight for path in explanation.paths)
        assert explanation.score == pytest.approx(explanation.prior + total, rel=1e-5, abs=1e-6)
        row = next(row for row in rows if row["item"] == explanation.item)
        assert row["score"] == pytest.approx(explanation.score, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "{", "not JSON"),
        ("a.toml", "id = ", "not TOML"),
        ("a.json", "[]", "no item here"),
        ("a.json", '{"label": "x"}', "item 1: Field required"),
        ("a.json", '[{"id": "a"}, {"id": "a"}]', "two items have one id"),
        ("a.toml", 'id = "a"\ncolour = "red"', "item 1: Extra inputs"),
        ("a.json", '{"id": "1"}', "an item of the data has this id"),
    ],
)
def test_bad_new_items(kgrec: Kgrec, places: list[str], tmp_path: Path, name: str, content: str, message: str) -> None:
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    answer = kgrec("recommend", *places, "--new-item", file)
    assert answer.code == 2
    assert message in answer.err


def test_the_dial(kgrec: Kgrec, places: list[str]) -> None:
    def listed(*options: object) -> list[dict[str, Any]]:
        return json.loads(kgrec("recommend", *places, "--user", "7", "--json", *options).out)["items"]

    assert listed("--knowledge", 0) == listed()
    assert listed("--knowledge", 1) != listed()
    answer = kgrec("recommend", *places, "--user", "7", "--knowledge", 3)
    assert answer.code == 2
    assert "from 0 to 1" in answer.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--history", "1", "--user", "7"], "neither --user nor --new-item"),
        (["--ratings", "5", "--user", "7"], "--ratings are those of --history"),
        (["--history", "1", "--explain"], "--explain needs --user"),
        (["--user", "7", "--lang", "zh"], "--explain"),
        (["--user", "7", "--explain", "--lang", "fr"], "en or zh"),
        (["--history", "1", "--ratings", "5,4"], "a rating for each item"),
        (["--new-item", "absent.json"], "absent.json"),
        (["--all", "--out", "a.parquet", "--history", "1"], "--all"),
        (["--all", "--out", "a.parquet", "--ratings", "5"], "--ratings are those of --history"),
        (["--user", "7", "--out", "a.parquet"], "--all and --out FILE go together"),
        (["--new-item", "absent.json", "--include-seen"], "about a user's list"),
        (["--history", "1,2", "--ratings", "5,100"], "expected 0.5 to 5, as interactions.value_range says"),
    ],
)
def test_contradictions(kgrec: Kgrec, places: list[str], options: list[str], message: str) -> None:
    answer = kgrec("recommend", *places, *options)
    assert answer.code == 2
    assert message in answer.err


@pytest.mark.parametrize("command", ["recommend", "explain"])
def test_serving_loads_no_framework(places: list[str], liked: list[str], command: str) -> None:
    words = [command, *places, "--user", "7", *(["--item", liked[0]] if command == "explain" else [])]
    code = (
        "import sys\n"
        f"sys.argv = ['kgrec', *{words!r}]\n"
        "from kgrec.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in answer.stdout
