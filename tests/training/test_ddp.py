"""Two processes over gloo train the same model as one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

PROGRAM = Path(__file__).with_name("program.py")


def gradients(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "gradients.pt", weights_only=True)
    return content


def test_two_processes_equal_one(program: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program.main("ddp", tmp_path / "one", "1", "6")
    alone, one = json.loads(capsys.readouterr().out), gradients(tmp_path / "one")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parents[2])}
    command = [sys.executable, str(PROGRAM), "ddp", str(tmp_path / "two"), "2", "6"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    together, two = json.loads(done.stdout), gradients(tmp_path / "two")
    assert (one["world"], two["world"]) == (1, 2)
    assert one["gradients"].keys() == two["gradients"].keys()
    for name, gradient in one["gradients"].items():
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(two["gradients"][name], gradient, rtol=0, atol=1e-5)
    assert len(alone["history"]) == len(together["history"])
    assert abs(alone["history"][-1]["val_ndcg"] - together["history"][-1]["val_ndcg"]) <= 0.005
    first, other = alone["history"][0]["loss"], together["history"][0]["loss"]
    assert abs(first - other) <= 1e-3 * first
