from __future__ import annotations

import json
import multiprocessing
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from kgrec.errors import BusyError, DataError, StaleError, StorageError, UserError
from kgrec.pipeline.stage import RunDirectory, Stage
from kgrec.progress import Progress


class Log:
    """Counts what is made and keeps what is said."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def stage(
    log: Log,
    name: str = "first",
    settings: dict[str, object] | None = None,
    files: tuple[Path, ...] = (),
    upstream: tuple[Stage, ...] = (),
    content: str = "made",
    code: tuple[str, ...] = ("kgrec.errors",),
) -> Stage:
    def make(folder: Path, work: Path, progress: Progress) -> None:
        log.made.append(name)
        (folder / "out.txt").write_text(content)

    return Stage(name, "build", settings or {}, code, make, {file.name: file for file in files}, upstream)


def make(path: Path, *stages: Stage) -> list[bool]:
    run = RunDirectory(path)
    with run.locked("test"):
        return [run.make(one) for one in stages]


def test_made_once_then_skipped(tmp_path: Path) -> None:
    log = Log()
    source = tmp_path / "in.csv"
    source.write_text("a")
    assert make(tmp_path / "run", stage(log, files=(source,))) == [True]
    assert make(tmp_path / "run", stage(log, files=(source,))) == [False]
    assert log.made == ["first"]
    assert (tmp_path / "run/first/out.txt").read_text() == "made"


def test_made_again_when_something_it_reads_changed(tmp_path: Path) -> None:
    log = Log()
    source = tmp_path / "in.csv"
    source.write_text("a")
    run = tmp_path / "run"
    below = stage(log, "second", upstream=(stage(log, files=(source,)),))
    assert make(run, *below.upstream, below) == [True, True]
    source.write_text("changed")
    below = stage(log, "second", upstream=(stage(log, files=(source,)),))
    with pytest.raises(StaleError, match="'first' is older than its input files"):
        RunDirectory(run).folder(below.upstream[0])
    assert make(run, *below.upstream, below) == [True, True]
    changed = stage(log, "second", {"seed": 1}, upstream=below.upstream)
    with pytest.raises(StaleError, match="older than the recipe's settings"):
        RunDirectory(run).folder(changed)
    assert make(run, *below.upstream, changed) == [False, True]
    other_code = stage(log, files=(source,), code=("kgrec.progress",))
    with pytest.raises(StaleError, match="older than this version of kgrec"):
        RunDirectory(run).folder(other_code)


def test_a_file_edited_while_a_stage_is_made_leaves_it_stale(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a")

    def edit(folder: Path, work: Path, progress: Progress) -> None:
        (folder / "out.txt").write_text(source.read_text())
        source.write_text("edited meanwhile")

    one = Stage("first", "build", {}, (), edit, {"in.csv": source})
    assert make(tmp_path / "run", one) == [True]
    assert not RunDirectory(tmp_path / "run").is_current(one)
    with pytest.raises(StaleError, match="older than its input files"):
        RunDirectory(tmp_path / "run").folder(one)


def test_a_failed_stage_leaves_the_earlier_one(tmp_path: Path) -> None:
    log = Log()
    make(tmp_path, stage(log, content="old"))

    def fail(folder: Path, work: Path, progress: Progress) -> None:
        (folder / "out.txt").write_text("half")
        raise DataError("bad row")

    with pytest.raises(DataError):
        make(tmp_path, Stage("first", "build", {"new": 1}, (), fail))
    assert (tmp_path / "first/out.txt").read_text() == "old"
    assert not (tmp_path / ".tmp/first").exists()


def test_missing_and_foreign_stages_are_refused(tmp_path: Path) -> None:
    log = Log()
    one = stage(log)
    with pytest.raises(StaleError, match=r"has not been made.*\n.*kgrec build RECIPE"):
        RunDirectory(tmp_path).folder(one)
    make(tmp_path, one)
    manifest = tmp_path / "first/manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "format": 99}))
    with pytest.raises(StaleError, match="made by another version"):
        RunDirectory(tmp_path).folder(one)
    manifest.write_text("{")
    assert make(tmp_path, one) == [True]


def test_a_missing_input_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent.csv: the file does not exist"):
        make(tmp_path / "run", stage(Log(), files=(tmp_path / "absent.csv",)))


def hold(path: Path, ready: multiprocessing.synchronize.Event, leave: multiprocessing.synchronize.Event) -> None:
    with RunDirectory(path).locked("kgrec train"):
        ready.set()
        leave.wait(60)


def test_the_second_process_says_who_holds_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, leave = context.Event(), context.Event()
    process = context.Process(target=hold, args=(tmp_path, ready, leave))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(BusyError, match=rf"process {process.pid} on .* holds it .*kgrec train"):
            make(tmp_path, stage(Log()))
    finally:
        leave.set()
        process.join(60)
    assert make(tmp_path, stage(Log())) == [True]


def in_a_child(task: Callable[[], None]) -> int:
    """Runs a task in a forked child, so that its limits do not bind this process; its exit status."""
    child = os.fork()
    if child == 0:
        try:
            task()
            os._exit(0)
        except StorageError:
            os._exit(7)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_full_disk_is_reported_and_leaves_the_earlier_state(tmp_path: Path) -> None:
    log = Log()
    make(tmp_path, stage(log, content="old"))

    def too_much() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        make(tmp_path, stage(log, settings={"big": 1}, content="x" * 200_000))

    assert in_a_child(too_much) == 7
    assert (tmp_path / "first/out.txt").read_text() == "old"
    assert make(tmp_path, stage(log, content="old")) == [False]


def test_a_file_in_the_run_directorys_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"a file where a folder should be\n.*--run-dir"):
        make(tmp_path / "file", stage(Log()))
