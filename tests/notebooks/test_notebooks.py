from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run


@pytest.mark.filterwarnings("default")
def test_build_and_train(small_run: Run, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGREC_RECIPE", str(small_run.paths.recipe))
    monkeypatch.setenv("KGREC_RUN_DIR", str(small_run.paths.run))
    path = repository / "notebooks/01-build-and-train.ipynb"
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(path.parent)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 3
    assert not [output for output in outputs if output.output_type == "stream" and output.name == "stderr"]
