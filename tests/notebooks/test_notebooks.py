from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from tests.conftest import LiveNeo4j


def run_notebook(name: str, small_run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Runs a notebook on the small run; how many pictures it shows."""
    monkeypatch.setenv("KGREC_RECIPE", str(small_run.paths.recipe))
    monkeypatch.setenv("KGREC_RUN_DIR", str(small_run.paths.run))
    path = repository / "notebooks" / name
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    return len([output for output in outputs if "image/png" in output.get("data", {})])


@pytest.mark.filterwarnings("default")
def test_build_and_train(small_run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_notebook("01-build-and-train.ipynb", small_run, repository, monkeypatch) == 3


@pytest.mark.filterwarnings("default")
def test_explanations_in_neo4j(
    small_run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch, neo4j_server: LiveNeo4j
) -> None:
    for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KGREC_NEO4J_HOME", str(neo4j_server.home.path))
    monkeypatch.setenv("KGREC_USER", "7")
    assert run_notebook("02-explanations-in-neo4j.ipynb", small_run, repository, monkeypatch) == 2
    assert neo4j_server.rows("MATCH (e:Explanation) RETURN count(e)") == [[0]]


@pytest.mark.filterwarnings("default")
def test_why(small_run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGREC_USER", "7")
    assert run_notebook("03-why.ipynb", small_run, repository, monkeypatch) == 1
