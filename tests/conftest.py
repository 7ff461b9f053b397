"""What the tests share: a slice of the shipped MovieLens, one run on it, and a live Neo4j server."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .needs import skip_or_fail

if TYPE_CHECKING:
    import neo4j

    from kgrec.pipeline.run import Run
    from kgrec.store.neo4j.connection import Connection
    from kgrec.store.neo4j.server import Home

REPOSITORY = Path(__file__).resolve().parents[1]
SHIPPED = REPOSITORY / "data"

SMALL = """
[text]
types = ["Genre", "Movie"]

[embedding]
dim = 8
epochs = 4
frequency = 2

[flow]
epochs = 4

[evaluation]
ablation = true
bootstrap = 200

[report]
sample_users = 2
"""

LINEAR = """
[model]
name = "linear"
dim = 16

[training]
epochs = 4
"""


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


def write_slice(folder: Path, users: int = 40) -> Path:
    """The shipped MovieLens of the first users, with its recipe; the recipe's path."""
    movielens = folder / "data/movielens"
    movielens.mkdir(parents=True)
    shutil.copytree(SHIPPED / "genres", folder / "data/genres")
    keep = {str(user) for user in range(1, users + 1)}
    rated: set[str] = set()
    for name, column, wanted in (("ratings", "userId", keep), ("tags", "userId", keep), ("movies", "movieId", rated)):
        with (
            (SHIPPED / f"movielens/{name}.csv").open(newline="", encoding="utf-8") as source,
            (movielens / f"{name}.csv").open("w", newline="", encoding="utf-8") as target,
        ):
            reader = csv.DictReader(source)
            writer = csv.DictWriter(target, reader.fieldnames or [], lineterminator="\n")
            writer.writeheader()
            for row in reader:
                if row[column] in wanted:
                    writer.writerow(row)
                    rated.add(row["movieId"])
    recipe = (REPOSITORY / "recipes/movielens.toml").read_text().replace('data = "../data"', 'data = "data"')
    path = folder / "recipe.toml"
    path.write_text(recipe[: recipe.index("[evaluation]")] + SMALL)
    return path


@pytest.fixture(scope="session")
def make_slice() -> Callable[..., Path]:
    return write_slice


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The main job for real, once, on the slice."""
    import kgrec

    folder = tmp_path_factory.mktemp("small")
    return kgrec.run(write_slice(folder), run_dir=folder / "run")


@pytest.fixture(scope="session")
def linear_run(small_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same with the linear graph neural network; what lies before the model is the small run's."""
    import kgrec

    folder = tmp_path_factory.mktemp("linear") / "run"
    shutil.copytree(small_run.paths.run, folder)
    recipe = small_run.paths.recipe.with_name("linear.toml")
    recipe.write_text(small_run.paths.recipe.read_text() + LINEAR)
    return kgrec.run(recipe, run_dir=folder)


class LiveNeo4j:
    """A managed server of the tests' own, with a password, on free ports.

    Attributes:
        home: its folder.
        connection: how to reach it.
        driver: an open driver for looking at what was written.
    """

    def __init__(self, home: Home, to: Connection, driver: neo4j.Driver) -> None:
        self.home, self.connection, self.driver = home, to, driver

    @property
    def environment(self) -> dict[str, str]:
        """What makes kgrec find it."""
        assert self.connection.password is not None
        return {
            "NEO4J_URI": self.connection.uri,
            "NEO4J_USER": "neo4j",
            "NEO4J_PASSWORD": self.connection.password,
        }

    def rows(self, cypher: str, **parameters: object) -> list[list[object]]:
        """The rows of a query."""
        # no bookmarks: an import puts another database in the place of the one that they speak of
        answer = self.driver.execute_query(cypher, parameters, bookmark_manager_=None)
        return [list(record.values()) for record in answer.records]

    def empty(self) -> None:
        """Removes every node, constraint and index."""
        with self.driver.session() as session:
            session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for (name,) in self.rows("SHOW CONSTRAINTS YIELD name RETURN name"):
            self.rows(f"DROP CONSTRAINT `{name}`")
        for (name,) in self.rows("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name"):
            self.rows(f"DROP INDEX `{name}`")


@pytest.fixture(scope="session")
def neo4j_installed() -> None:
    """Skips where the managed server cannot run; fails there where KGREC_NEO4J_TESTS is ``required``."""
    from kgrec.errors import UserError
    from kgrec.store.neo4j.server import fetch

    try:
        fetch.java()
        fetch.jars()
    except UserError as error:
        skip_or_fail(f"no live Neo4j: {error.problem}")


@pytest.fixture(scope="session")
def shared_neo4j(neo4j_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveNeo4j]:
    """The session's server; tests take ``neo4j_server``, which empties it first."""
    from kgrec.store.neo4j.connection import connection, open_driver
    from kgrec.store.neo4j.server import Home, down, up
    from kgrec.store.neo4j.server.ports import free_port

    home = Home(tmp_path_factory.mktemp("neo4j") / "home")
    state, _ = up(home, bolt=free_port(), http=free_port(), guide_port=free_port())
    try:
        to = connection(state.uri, home=home)
        with open_driver(to) as driver:
            yield LiveNeo4j(home, to, driver)
    finally:
        down(home)


@pytest.fixture
def neo4j_server(shared_neo4j: LiveNeo4j) -> LiveNeo4j:
    """A live, empty server."""
    shared_neo4j.empty()
    return shared_neo4j
