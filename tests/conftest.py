"""What the tests of the whole road share: a slice of the shipped MovieLens and one run on it."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run

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
learned_seeds = 1

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
