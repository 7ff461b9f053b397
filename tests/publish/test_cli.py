"""`kgrec publish`, `unpublish` and `explain --browser` as they are typed; faults end with one message."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import neo4j
import pytest

from kgrec.publish.neo4j import WRITE_EXPLANATIONS
from tests.cli.conftest import kgrec as kgrec  # the command line, as a fixture
from tests.store.neo4j.proxy import Proxy

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from tests.conftest import LiveNeo4j

Kgrec = Callable[..., Any]


@pytest.fixture
def places(small_run: Run) -> list[str]:
    return [str(small_run.paths.recipe), "--run-dir", str(small_run.paths.run)]


def test_the_whole_way(kgrec: Kgrec, places: list[str], server: LiveNeo4j) -> None:
    answer = kgrec("publish", *places, "--to", "neo4j", "--users", "7, 21", "-k", "2")
    assert answer.code == 0, answer.err
    assert answer.out.startswith(f"4 explanations of 2 users in {server.connection.uri}, as run movielens-run\n")
    assert "kgrec.grass" in answer.out
    assert "/browser/?preselectAuthMethod=NATIVE" in answer.out
    knowing = kgrec("publish", *places, "--to", "neo4j", "--users", "7", "-k", "2", "--knowledge", "1", "--as", "facts")
    assert knowing.code == 0, knowing.err
    assert server.rows("MATCH (e:Explanation) RETURN e.run, count(*) ORDER BY e.run") == [
        ["facts", 2],
        ["movielens-run", 4],
    ]
    item = json.loads(kgrec("recommend", *places, "--user", "7", "-k", 1, "--json").out)["items"][0]["item"]
    link = kgrec("explain", *places, "--user", "7", "--item", item, "--browser").out.strip()
    assert json.loads(kgrec("explain", *places, "--user", "7", "--item", item, "--browser", "--json").out) == {
        "link": link
    }
    wrong = kgrec("unpublish", "movielens")
    assert wrong.code == 2
    assert "nearest: movielens-run" in wrong.err
    assert kgrec("unpublish", "movielens-run").out == "removed 4 explanations of run movielens-run\n"
    assert json.loads(kgrec("unpublish", "facts", "--json").out)["explanations"] == 2


def test_as_rdf(kgrec: Kgrec, places: list[str]) -> None:
    answer = kgrec("publish", *places, "--to", "rdf", "--users", "7", "-k", "2", "--lang", "zh")
    assert answer.code == 0, answer.err
    graph = "urn:kgrec:explanation/movielens-run"
    texts = kgrec(
        "query", *places, f"SELECT ?t {{ GRAPH <{graph}> {{ ?e kgrec:path/kgrec:text ?t }} }}"
    ).out.splitlines()
    assert len(texts) > 2
    assert all("你接触过“" in text for text in texts[1:])
    count = f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{graph}> {{ ?e a kgrec:Explanation }} }}"
    assert kgrec("query", *places, count).out.split() == ["n", "2"]
    recipe, *run_dir = places
    removed = kgrec("unpublish", "movielens-run", "--from", "rdf", "--recipe", recipe, *run_dir)
    assert removed.out == "removed 2 explanations of run movielens-run\n"
    assert kgrec("query", *places, count).out.split() == ["n", "0"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "rdf"], "--users ID,ID,… or --all-users"),
        (["--to", "rdf", "--users", "7", "--all-users"], "--users ID,ID,… or --all-users"),
        (["--to", "rdf", "--users", "7,4711"], "no user with this id"),
        (["--to", "rdf", "--users", "7", "--lang", "fr"], "en or zh"),
        (["--to", "rdf", "--users", "7", "--as", "a\tb"], "printable characters"),
        (["--to", "neo4j", "--users", "7"], "no Neo4j server answers at bolt://127.0.0.1:1"),
    ],
)
def test_refused(
    kgrec: Kgrec, places: list[str], arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.setenv("NEO4J_PASSWORD", "none")
    answer = kgrec("publish", *places, *arguments)
    assert answer.code == 2
    assert message in answer.err
    assert "Traceback" not in answer.err


def test_out_of_whose_store(kgrec: Kgrec) -> None:
    answer = kgrec("unpublish", "movielens", "--from", "rdf")
    assert answer.code == 2
    assert "--recipe RECIPE" in answer.err


def test_the_server_goes_away_in_the_middle(
    kgrec: Kgrec, places: list[str], server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One message, exit code 1; what the user had before is there as it was."""
    assert kgrec("publish", *places, "--to", "neo4j", "--users", "7", "-k", "2").code == 0
    before = server.rows("MATCH (e:Explanation) RETURN properties(e) ORDER BY e.id")
    driver = neo4j.GraphDatabase.driver
    monkeypatch.setattr(
        neo4j.GraphDatabase, "driver", lambda *a, **given: driver(*a, **(given | {"max_transaction_retry_time": 0.5}))
    )
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with Proxy(server.connection.uri) as proxy:
        monkeypatch.setenv("NEO4J_URI", proxy.uri)
        proxy.to_server = lambda message, _: None if WRITE_EXPLANATIONS.encode() in message else message
        answer = kgrec("publish", *places, "--to", "neo4j", "--users", "7", "-k", "3")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].startswith("error: no Neo4j server answers at bolt://127.0.0.1:")
    assert "Traceback" not in answer.err
    assert server.connection.password not in answer.err
    assert server.rows("MATCH (e:Explanation) RETURN properties(e) ORDER BY e.id") == before
