from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run


@dataclass(frozen=True)
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def kgrec() -> Callable[..., Answer]:
    """The command line as its entry point runs it, in this process: importing torch anew would take seconds a call."""

    def call(*arguments: object) -> Answer:
        from kgrec.cli.main import main

        out, err = io.StringIO(), io.StringIO()
        code = 0
        with (
            patch("sys.argv", ["kgrec", *map(str, arguments)]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        return Answer(code, out.getvalue(), err.getvalue())

    return call


@pytest.fixture(scope="session")
def places(small_run: Run) -> list[str]:
    """RECIPE and --run-dir of the small run."""
    return [str(small_run.paths.recipe), "--run-dir", str(small_run.paths.run)]


@pytest.fixture(scope="session")
def linear_places(linear_run: Run) -> list[str]:
    """The same of the run with the linear model."""
    return [str(linear_run.paths.recipe), "--run-dir", str(linear_run.paths.run)]
