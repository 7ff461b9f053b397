from __future__ import annotations

import pytest

from kgrec.progress import PlainProgress, _PlainTask


def test_a_line_is_said_once(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_PlainTask, "FIRST", 0.0)
    monkeypatch.setattr(_PlainTask, "EVERY", 0.0)
    with PlainProgress().task("work", total=2, unit="epochs") as task:
        task.advance()
        task.advance()
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" epochs")[0] for line in lines] == ["work: 1/2 (50%)", "work: 2/2 (100%)"]


def test_slow_work_has_a_rate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 4.0, 5.0])
    monkeypatch.setattr("kgrec.progress.time.monotonic", lambda: next(clock))
    with PlainProgress().task("work", total=2, unit="epochs") as task:
        task.advance()
    assert capsys.readouterr().err == "work: 1/2 (50%) epochs, 0.25/s, 4 s left\n"
