"""Candidate files and ids."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import pytest

from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, UserError
from kgrec.recommend import read_candidates
from kgrec.recommend.ids import ids_of


class Lines:
    """A progress that keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = ""):
        raise AssertionError("reading a few lines is no task")


def test_keys_iris_blanks_bom_and_unnormalised(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_bytes("\ufeff10\r\n\n urn:x:Film/12 \ne\u0301te\u0301\n".encode())
    heard = Lines()
    assert read_candidates(path, snapshot, progress=heard).tolist() == [True, False, True, True]
    assert heard.lines == []


def test_unknown_ids_are_said(snapshot: Snapshot, tmp_path: Path) -> None:
    path = tmp_path / "c.txt"
    path.write_text("10\n111\n")
    heard = Lines()
    assert read_candidates(path, snapshot, progress=heard).tolist() == [True, False, False, False]
    assert len(heard.lines) == 1
    assert "1 of 2 ids are unknown: 111 (nearest to the first: 11" in heard.lines[0]


@pytest.mark.parametrize("content", ["", "\n\n", "99\n98\n"])
def test_nothing_known(snapshot: Snapshot, tmp_path: Path, content: str) -> None:
    path = tmp_path / "c.txt"
    path.write_text(content)
    with pytest.raises(DataError, match=r"c\.txt: none of the \d ids is a node of type 'Film'"):
        read_candidates(path, snapshot)


def test_unreadable(snapshot: Snapshot, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"missing\.txt: cannot read"):
        read_candidates(tmp_path / "missing.txt", snapshot)
    path = tmp_path / "c.txt"
    path.write_bytes(b"10\n\xff\n")
    with pytest.raises(DataError, match=r"c\.txt:2: not UTF-8"):
        read_candidates(path, snapshot)
    path.write_text("10\n")
    with pytest.raises(UserError, match="did you mean 'Genre'"):
        read_candidates(path, snapshot, "genre")


def test_ids_of_many_in_the_order_given(snapshot: Snapshot) -> None:
    assert ids_of(snapshot, "Film", ["12", "urn:x:Film/10", "12"]).tolist() == [2, 0, 2]
    assert ids_of(snapshot, "Film", []).tolist() == []
