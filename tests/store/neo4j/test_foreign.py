"""A graph that somebody else built in Neo4j, as a source: another style, read only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from kgrec.errors import DataError, RecipeError
from kgrec.pipeline import foreign
from kgrec.pipeline.run import Run, open_run
from kgrec.progress import SILENT

if TYPE_CHECKING:
    from ...conftest import LiveNeo4j

BUILD = (
    """
    UNWIND range(1, 30) AS i
    CREATE (f:Film:Classic {filmId: i, title: 'Film ' + i, plot: 'A story of ' + i, year: 1900 + i})
    """,
    "UNWIND range(1, 5) AS i CREATE (:Person:`Film maker` {uid: i, full_name: 'Maker ' + i, born: date('1950-01-02')})",
    "UNWIND range(1, 12) AS i CREATE (:Viewer {nr: i * 10})",
    """
    CREATE (lost:Film {title: 'without a key'})
    WITH lost MATCH (p:Person {uid: 1}), (v:Viewer {nr: 10})
    CREATE (p)-[:`HAS MADE` {role: 'director'}]->(lost)<-[:RATED {stars: 5}]-(v),
           (:Viewer {nr: ''})-[:RATED {stars: 5}]->(lost)
    """,
    """
    MATCH (f:Film), (p:Person) WHERE f.filmId % 5 + 1 = p.uid
    CREATE (p)-[:`HAS MADE` {role: 'director', fee: 5}]->(f)
    """,
    """
    MATCH (v:Viewer), (f:Film) WHERE v.nr IS :: INTEGER AND (v.nr / 10 + f.filmId) % 3 = 0
    CREATE (v)-[:RATED {stars: 1 + f.filmId % 5, on: datetime('2020-01-01T00:00:00Z') + duration({days: f.filmId}),
                        device: 'phone'}]->(f)
    """,
)
RECIPE = """
name = "theirs"

[interactions]
value = "stars"
timestamp = "on"
user_type = "Viewer"
item_type = "Movie"

[split]
kind = "last"

[[neo4j]]
name = "archive"

[[neo4j.nodes]]
label = "Film"
key = "filmId"
type = "Movie"
name = "title"
text = ["title", "plot"]

[[neo4j.nodes]]
label = "Film maker"
key = "uid"
type = "Person"
name = "full_name"

[[neo4j.nodes]]
label = "Viewer"
key = "nr"

[[neo4j.relationships]]
type = "HAS MADE"
relation = "made"
source = "Film maker"
target = "Film"

[[neo4j.relationships]]
type = "RATED"
source = "Viewer"
target = "Film"
interactions = true
"""

SAME_NAMES = """
name = "same"

[interactions]
value = "stars"
timestamp = "on"
item_type = "Movie"

[split]
kind = "last"

[[neo4j]]
name = "archive"
nodes = [
    { label = "Movie", key = "id", name = "name" },
    { label = "Person", key = "id", name = "name" },
    { label = "User", key = "id" },
    { label = "Explanation", key = "id" },
]
relationships = [
    { type = "made", source = "Person", target = "Movie" },
    { type = "FOR", relation = "about", source = "Explanation", target = "User" },
    { type = "INTERACTED", source = "User", target = "Movie", interactions = true },
]
"""


@pytest.fixture
def archive(neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch) -> LiveNeo4j:
    for name, value in neo4j_server.environment.items():
        monkeypatch.setenv(name, value)
    for statement in BUILD:
        neo4j_server.rows(statement)
    return neo4j_server


def opened(folder: Path, text: str = RECIPE) -> Run:
    (folder / "recipe.toml").write_text(text)
    return open_run(folder / "recipe.toml", run_dir=folder / "run")


class Lines:
    task = staticmethod(SILENT.task)

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_labels_relationships_and_interactions_are_taken(archive: LiveNeo4j, tmp_path: Path) -> None:
    everything = "MATCH (n) OPTIONAL MATCH (n)-[r]->(m) RETURN count(n), count(r), sum(size(keys(n)))"
    before = archive.rows(everything)
    run, told = opened(tmp_path), Lines()
    run.build(told)
    snapshot = run.snapshot
    assert snapshot.num_nodes == {"Movie": 30, "Person": 5, "Viewer": 12}
    movie = snapshot.of_type("Movie").filter(pl.col("key") == "7").row(0, named=True)
    assert (movie["iri"], movie["label"], movie["text"]) == ("urn:kgrec:Movie/7", "Film 7", "Film 7\nA story of 7")
    assert snapshot.edges["relation"].unique().to_list() == ["made"]
    assert snapshot.edges.height == 30
    assert snapshot.edges["origin"].unique().to_list() == ["archive"]

    ((rated,),) = archive.rows("MATCH (:Viewer)-[r:RATED]->(f:Film) WHERE f.filmId > 0 RETURN count(r)")
    assert snapshot.interactions.height == rated == 120
    users, items = snapshot.of_type("Viewer")["key"], snapshot.of_type("Movie")["key"]
    mine = {
        (int(users[u]), int(items[i])): (value, time)
        for u, i, value, time in snapshot.interactions.select("user", "item", "value", "timestamp").iter_rows()
    }
    theirs = archive.rows(
        "MATCH (v:Viewer)-[r:RATED]->(f:Film) WHERE f.filmId > 0 RETURN v.nr, f.filmId, r.stars, r.on.epochSeconds"
    )
    assert mine == {(v, f): (float(str(stars)), on) for v, f, stars, on in theirs}

    # what is rejected or dropped is counted, and nothing was written
    (counted,) = [line for line in told.lines if line.startswith("archive: 47 nodes")]
    assert set(counted.removeprefix("archive: ").split(", ")) == {
        *("47 nodes", "30 relationships", "120 interactions"),
        *("1 Film rejected: no filmId", "1 Viewer rejected: no nr", "1 HAS MADE rejected: a Film without filmId"),
        *("1 RATED rejected: a Film without filmId", "1 RATED rejected: a Viewer without nr"),
        *("30 dropped Film.year", "5 dropped Film maker.born"),
        *("30 dropped HAS MADE.role", "30 dropped HAS MADE.fee", "120 dropped RATED.device"),
    }
    assert archive.rows(everything) == before


def test_a_change_is_seen_and_none_leaves_everything_current(archive: LiveNeo4j, tmp_path: Path) -> None:
    opened(tmp_path).build()
    told = Lines()
    opened(tmp_path).build(told)
    assert told.lines[-2:] == ["store: nothing changed, skipped", "snapshot: nothing changed, skipped"]
    archive.rows("MATCH (f:Film {filmId: 7}) SET f.title = 'Seven'")
    run = opened(tmp_path)
    run.build()
    assert "Seven" in run.snapshot.of_type("Movie")["label"].to_list()


def test_what_kgrec_writes_into_the_same_database_is_no_source(archive: LiveNeo4j, tmp_path: Path) -> None:
    """Labels, keys and relationship type are those that kgrec gives; explanations stand beside them."""
    archive.empty()
    archive.rows(
        "UNWIND range(1, 9) AS i CREATE (m:Movie {id: i, name: 'Film ' + i})<-[:made]-(:Person {id: i, name: 'M ' + i})"
    )
    archive.rows(
        "UNWIND range(1, 9) AS i CREATE (u:User {id: i}) WITH u MATCH (m:Movie) WHERE (m.id + u.id) % 3 > 0"
        " CREATE (u)-[:INTERACTED {stars: 1 + m.id % 5, on: datetime('2020-01-01T00:00:00Z')}]->(m)"
    )
    archive.rows("MATCH (u:User {id: 1}) CREATE (:Explanation {id: 'theirs'})-[:FOR]->(u)")
    run = opened(tmp_path, SAME_NAMES)
    run.build()
    (tmp_path / "on").mkdir()
    beside = open_run(tmp_path / "recipe.toml", run_dir=tmp_path / "on", store="neo4j")
    beside.build()
    archive.rows(
        "MATCH (u:User:Entity) WITH u LIMIT 1"
        " CREATE (:Explanation {id: 'r/1/2', run: 'r', model: 'flow', rank: 1, created: datetime()})-[:FOR]->(u)"
    )
    assert archive.rows("MATCH (:Entity)-[r:INTERACTED]->(:Entity) RETURN count(r) > 9") == [[True]]
    for one, kind in ((run, None), (beside, "neo4j")):
        told = Lines()
        again = open_run(tmp_path / "recipe.toml", run_dir=one.paths.run, store=kind)
        again.build(told)
        assert told.lines[-2:] == ["store: nothing changed, skipped", "snapshot: nothing changed, skipped"]
        assert any(line.startswith("archive: 28 nodes") and "54 interactions" in line for line in told.lines)


def test_what_kgrec_has_published_is_no_source(
    neo4j_server: LiveNeo4j, small_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Their graph has the labels, types and keys of published explanations and of the part that these bring along."""
    for name, value in neo4j_server.environment.items():
        monkeypatch.setenv(name, value)
    neo4j_server.rows(
        "CREATE (e:Explanation {id: 'mine', text: 'why'})-[:FOR]->(u:User {id: 'u'})-[:INTERACTED {stars: 5}]->"
        "(a:Movie {id: 'a'})-[:LEARNED_HOP {kind: 'mine'}]->(b:Movie {id: 'b'})<-[:RECOMMENDS]-(e)-[:STEP {n: 1}]->(a)"
    )
    types = {
        "FOR": ("Explanation", "User"),
        "RECOMMENDS": ("Explanation", "Movie"),
        "STEP": ("Explanation", "Movie"),
        "LEARNED_HOP": ("Movie", "Movie"),
    }
    relationships = "".join(
        f'{{ type = "{kind}", source = "{first}", target = "{last}" }}, ' for kind, (first, last) in types.items()
    )
    recipe = SAME_NAMES.replace('    { label = "Person", key = "id", name = "name" },\n', "")
    a, b = recipe.index("    { type = "), recipe.index('    { type = "INTERACTED"')
    recipe = recipe[:a] + relationships + "\n" + recipe[b:]
    files = []
    for step in ("before", "published", "their graph is gone"):
        if step == "published":
            small_run.publish("neo4j", ["7", "21"], 2)
        if step == "their graph is gone":
            # the statement with which a graph of kgrec's is removed; explanations stay
            neo4j_server.rows("MATCH (n:Entity|KgrecGraph|KgrecRelation) DETACH DELETE n")
            assert neo4j_server.rows("MATCH (e:Explanation) RETURN count(e)") == [[5]]
        (tmp_path / step).mkdir()
        run, told = opened(tmp_path / step, recipe), Lines()
        foreign.fetch(run.recipe, run.paths.run, told)
        files.append(
            {name: path.read_bytes() for name, path in foreign.fetched_files(run.recipe, run.paths.run).items()}
        )
        assert told.lines[0].startswith("archive: 4 nodes, 4 relationships, ")
        assert "1 interactions" in told.lines[0]
    assert files[0] == files[1] == files[2]


def test_a_mapping_that_does_not_fit(archive: LiveNeo4j, tmp_path: Path) -> None:
    wrong = RECIPE.replace('label = "Viewer"', 'label = "Watcher"').replace('source = "Viewer"', 'source = "Watcher"')
    wrong = wrong.replace('key = "nr"', 'key = "nr"\ntype = "Viewer"')
    with pytest.raises(DataError, match="no nodes labelled 'Watcher'"):
        opened(tmp_path, wrong).build()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('source = "Viewer"', 'source = "Watcher"', "no nodes of the label 'Watcher' are listed"),
        ('type = "Person"\n', "", "the label 'Film maker' cannot be a node type"),
        ('relation = "made"\n', "", "the type 'HAS MADE' cannot be a relation"),
        ('value = "stars"', 'value = "stars"\nfile = "ratings.csv"', "interactions come from one place"),
        ("interactions = true", "", "interactions.file is missing"),
        ('key = "nr"', 'key = "n\\\\u0060r"', "neo4j.0.nodes.2.key"),
        ('key = "nr"', 'key = "nr"\nlabels = "x"', r"(?s)unknown key.*did you mean 'label'"),
    ],
)
def test_a_recipe_that_cannot_be(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in RECIPE
    with pytest.raises(RecipeError, match=told):
        opened(tmp_path, RECIPE.replace(old, new))
