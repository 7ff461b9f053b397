"""Planted data, and the program that tests start as a process of its own, as a module."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from kgrec.dataset.snapshot import Snapshot


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """``program.py``."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module("program")


@pytest.fixture
def planted(program: ModuleType) -> Callable[..., Snapshot]:
    """``planted.make``."""
    make: Callable[..., Snapshot] = program.make
    return make
