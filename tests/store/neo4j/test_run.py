"""Recipes whose graph is on a Neo4j server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kgrec
from kgrec.errors import QueryError, RecipeError, StaleError, UserError
from kgrec.pipeline.run import open_run, store_of
from kgrec.progress import SILENT
from kgrec.store.neo4j.server import running

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

    from ...conftest import LiveNeo4j

REPOSITORY = Path(__file__).resolve().parents[3]
REAL = REPOSITORY.parent / "shared" / "data"


@pytest.fixture
def server(neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch) -> LiveNeo4j:
    """The server, named by the environment."""
    for name, value in neo4j_server.environment.items():
        monkeypatch.setenv(name, value)
    return neo4j_server


def parquet(run_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run_dir / "snapshot").iterdir() if path.name != "manifest.json"}


def same_snapshot(recipe: Path, data: Path | None, folder: Path) -> None:
    for store in ("oxigraph", "neo4j"):
        open_run(recipe, data=data, run_dir=folder / store, store=store).build()
    one, other = parquet(folder / "oxigraph"), parquet(folder / "neo4j")
    assert {"nodes.parquet", "edges.parquet", "interactions.parquet"} <= one.keys()
    assert one == other


def test_the_shipped_movielens_gives_the_same_snapshot_byte_for_byte(server: LiveNeo4j, tmp_path: Path) -> None:
    recipe = REPOSITORY / "recipes/movielens.toml"
    same_snapshot(recipe, None, tmp_path)
    run = open_run(recipe, run_dir=tmp_path / "neo4j", store="neo4j")

    # what a person sees: short labels, captions, the IRI as id, training interactions alone
    (labels, name, id) = server.rows("MATCH (m:Movie {id: 'urn:kgrec:Movie/1'}) RETURN labels(m), m.name, m.id")[0]
    assert set(labels) == {"Entity", "Item", "Movie"}
    assert (name, id) == ("Toy Story (1995)", "urn:kgrec:Movie/1")
    every = {label for (label,) in server.rows("CALL db.labels() YIELD label RETURN label")}
    assert not [label for label in every if ":" in label or "/" in label]
    genres = server.rows("MATCH (:Movie {name: 'Toy Story (1995)'})-[:genre]->(g:Genre) RETURN g.name ORDER BY g.name")
    assert ["Comedy"] in genres
    train = run.snapshot.pairs("train")
    assert server.rows("MATCH (:User)-[r:INTERACTED]->(:Item) RETURN count(r)") == [[train.height]]
    user = run.snapshot.of_type("User")["key"].to_list().index("42")
    mine = train.filter(train["user"] == user).sort("item")
    movies = run.snapshot.of_type("Movie")["iri"]
    seen = server.rows(
        "MATCH (:User {name: '42'})-[r:INTERACTED]->(i:Item) RETURN i.id, r.value, r.at.epochSeconds ORDER BY i.id"
    )
    assert seen == sorted([movies[i], v, int(t)] for i, v, t in mine.select("item", "value", "timestamp").iter_rows())
    plan = server.driver.execute_query("EXPLAIN MATCH (n:Entity {id: 'x'}) RETURN n").summary.plan
    assert "NodeUniqueIndexSeek" in str(plan)

    # once more: nothing to do
    lines: list[str] = []

    class Lines:
        task = staticmethod(SILENT.task)

        @staticmethod
        def say(line: str) -> None:
            lines.append(line)

    run.build(Lines())
    assert lines == ["store: nothing changed, skipped", "snapshot: nothing changed, skipped"]
    with pytest.raises(QueryError, match="in Neo4j"):
        run.query("ASK { ?s ?p ?o }")


def test_lastfm_dbpedia_gives_the_same_snapshot_byte_for_byte(server: LiveNeo4j, tmp_path: Path) -> None:
    if not (REAL / "lastfm-dbpedia").is_dir():
        pytest.skip("the development data are not here")
    same_snapshot(REPOSITORY / "recipes/lastfm-dbpedia.toml", REAL, tmp_path)
    genres = server.rows("MATCH (:Artist)-[:genre]->(g:Genre) RETURN count(DISTINCT g) > 100")
    assert genres == [[True]]


def test_a_model_trained_from_either_recommends_the_same(server: LiveNeo4j, small_run: Run, tmp_path: Path) -> None:
    run = kgrec.run(small_run.paths.recipe, run_dir=tmp_path / "run", store="neo4j")
    assert (tmp_path / "run/store/neo4j.json").is_file()
    assert not (tmp_path / "run/store/graph").exists()
    for user in ("1", "7", "40"):
        assert run.recommend(user, k=20).equals(small_run.recommend(user, k=20))
    # what was made with one store is current with the other
    assert open_run(small_run.paths.recipe, run_dir=tmp_path / "run").recommend("7", k=5).height == 5


def test_a_graph_that_is_gone_is_made_again(server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path) -> None:
    run = open_run(make_slice(tmp_path / "data", users=5), run_dir=tmp_path / "run", store="neo4j")
    run.build()
    nodes = server.rows("MATCH (n) RETURN count(n)")
    server.empty()
    with pytest.raises(StaleError, match=r"no graph of kgrec's(?s:.*)kgrec build"):
        run.store()
    run.build()
    assert server.rows("MATCH (n) RETURN count(n)") == nodes
    with run.store() as store:
        assert len(store) == len(set(store.quads())) > 0


def test_types_of_other_names_change_labels_and_no_statement(
    server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path / "data", users=5)
    open_run(recipe, run_dir=tmp_path / "run", store="neo4j").build()
    statements = (
        "MATCH (n) OPTIONAL MATCH (n)-[r]->(m) RETURN n.id, n.statements, type(r), m.id ORDER BY n.id, type(r), m.id"
    )
    before = server.rows(statements)
    assert server.rows("MATCH (t:Tag) RETURN count(t) > 0") == [[True]]
    recipe.write_text(recipe.read_text() + '\n[graph.types]\n"urn:kgrec:type/Tag" = "Keyword"\n')
    open_run(recipe, run_dir=tmp_path / "run", store="neo4j").build()
    assert server.rows(statements) == before
    assert server.rows("MATCH (t:Keyword) RETURN count(t) > 0") == [[True]]


def test_another_recipes_graph_is_refused_and_kept(
    server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = make_slice(tmp_path / "data", users=3)
    open_run(recipe, run_dir=tmp_path / "run", store="neo4j").build()
    before = server.rows("MATCH (n) RETURN count(n)")
    other = recipe.with_name("other.toml")
    other.write_text(recipe.read_text().replace('name = "movielens"', 'name = "other"'))
    with pytest.raises(UserError, match="graph of another recipe, 'movielens'"):
        open_run(other, run_dir=tmp_path / "other", store="neo4j").build()
    assert server.rows("MATCH (n) RETURN count(n)") == before


def test_neither_password_nor_address_is_kept(
    server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    """In a run directory, by the command line, with the address in the recipe and as an option."""
    password, uri = server.connection.password, server.connection.uri
    assert password is not None
    recipe = make_slice(tmp_path / "data", users=3)
    with_store = recipe.with_name("stored.toml")
    with_store.write_text(recipe.read_text() + f'\n[store]\nkind = "neo4j"\nuri = "{uri}"\n')
    outputs = ""
    keys = []
    for name, arguments in (("one", [with_store]), ("two", [recipe, "--store", uri.replace("127.0.0.1", "localhost")])):
        command = [sys.executable, "-m", "kgrec.cli.main", "build", *map(str, arguments)]
        answer = subprocess.run(
            [*command, "--run-dir", str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **server.environment},
        )
        assert answer.returncode == 0, answer.stderr
        outputs += answer.stdout + answer.stderr
        for file in (tmp_path / name).rglob("*"):
            if file.is_file():
                content = file.read_bytes()
                assert password.encode() not in content, file
                assert uri.removeprefix("bolt://").encode() not in content, file
        keys.append((tmp_path / name / "store/manifest.json").read_text().split('"key": ')[1][:70])
    assert password not in outputs
    # where the server is, is no part of what a stage is
    assert keys[0] == keys[1]


def test_a_password_in_a_recipe_or_an_address_is_refused_and_not_repeated(
    make_slice: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="do not belong into an address") as refused:
        store_of("bolt://neo4j:s3cret@localhost:7687")
    assert "s3cret" not in str(refused.value)
    recipe = make_slice(tmp_path / "data", users=3)
    recipe.write_text(recipe.read_text() + '\n[store]\nkind = "neo4j"\npassword = "s3cret"\n')
    with pytest.raises(RecipeError, match=r"(?s)store\.password.*unknown key") as unknown:
        open_run(recipe)
    assert "s3cret" not in str(unknown.value)
    for address in ("http://localhost:7474", "localhost", "neo4j://", "neo4j://host:port"):
        with pytest.raises(UserError, match="no address of a Neo4j server"):
            store_of(address)
    shutil.rmtree(tmp_path / "data")


def test_a_bulk_import_gives_the_same_graph(
    server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is stopped, filled by its import tool, and started on the same ports."""
    monkeypatch.setenv("KGREC_NEO4J_HOME", str(server.home.path))
    before = running(server.home)
    assert before is not None
    recipe = make_slice(tmp_path / "data", users=5)
    graphs = []
    for name in ("live", "bulk"):
        server.empty()
        open_run(recipe, run_dir=tmp_path / name, store="neo4j", bulk=name == "bulk").build()
        graphs.append(
            (
                server.rows("MATCH (n:Entity) RETURN n.id, labels(n), properties(n) ORDER BY n.id"),
                sorted(map(str, server.rows("MATCH (a)-[r]->(b) RETURN a.id, type(r), properties(r), b.id"))),
                server.rows("MATCH (g:KgrecGraph) RETURN g.owner, g.digest, g.interactions, g.labels"),
                server.rows("MATCH (g:KgrecRelation) RETURN g.predicate, g.type ORDER BY g.predicate"),
                server.rows("SHOW CONSTRAINTS YIELD name, type, properties RETURN name, type, properties"),
            )
        )
    live, bulk = ([[row[0], sorted(row[1]), row[2]] for row in graph[0]] for graph in graphs)
    assert live == bulk
    assert graphs[0][1:] == graphs[1][1:]
    after = running(server.home)
    assert after is not None
    assert (after.bolt, after.http, after.auth) == (before.bolt, before.http, True)
    assert after.pid != before.pid
    assert parquet(tmp_path / "live") == parquet(tmp_path / "bulk")


def test_a_database_with_somebody_elses_constraint_is_not_replaced_by_an_import(
    server: LiveNeo4j, make_slice: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGREC_NEO4J_HOME", str(server.home.path))
    before = running(server.home)
    server.rows("CREATE CONSTRAINT theirs FOR (n:Theirs) REQUIRE n.id IS UNIQUE")
    open_run(make_slice(tmp_path / "data", users=3), run_dir=tmp_path / "run", store="neo4j", bulk=True).build()
    assert running(server.home) == before
    assert server.rows("SHOW CONSTRAINTS YIELD name RETURN name ORDER BY name") == [
        ["kgrec_entity_id"],
        ["kgrec_graph_id"],
        ["theirs"],
    ]
