"""Stages: made in a temporary place, renamed when whole, skipped when nothing they depend on changed."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from kgrec.config.folders import make_folder
from kgrec.errors import BusyError, StaleError, StorageError
from kgrec.pipeline.files import FileHashes, code_digest, digest
from kgrec.progress import SILENT, Progress

FORMAT = 1
"""Layout of the run directory; a directory of another layout is refused."""

LIBRARIES = (
    *("kgrec", "numpy", "scipy", "polars", "pyoxigraph", "torch", "torch-geometric", "pykeen", "transformers"),
    *("implicit", "numba"),
)


@dataclass(frozen=True)
class Stage:
    """One step of the road.

    Attributes:
        name: folder below the run directory.
        command: the kgrec command that makes it, for messages.
        settings: what the recipe says to it, as JSON.
        files: input files, by the name that the recipe gives them: the same data in another folder are the same.
        upstream: stages it reads.
        code: modules whose source is part of what it is.
        make: ``make(folder, work, progress)`` writes the result into the empty ``folder``; ``work`` survives a kill,
            so that a long stage can go on where it was.
        holds: asked of the folder of a current stage before it is skipped, whether what it keeps elsewhere is there.
    """

    name: str
    command: str
    settings: Mapping[str, Any]
    code: tuple[str, ...]
    make: Callable[[Path, Path, Progress], None] = field(repr=False, compare=False)
    files: Mapping[str, Path] = field(default_factory=dict)
    upstream: tuple[Stage, ...] = ()
    holds: Callable[[Path], bool] = field(default=lambda folder: True, repr=False, compare=False)


class RunDirectory:
    """A folder with one folder a stage, each with its ``manifest.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def _hashes(self) -> FileHashes:
        return FileHashes(self.path / ".hashes.json")

    # --- keys

    def key(self, stage: Stage) -> str:
        """What the stage depends on, as one hash: settings, input files, code, upstream keys."""
        return digest(
            {
                "format": FORMAT,
                "stage": stage.name,
                "settings": stage.settings,
                "files": sorted(self._hashes.of(stage.files).items()),
                "code": code_digest(stage.code),
                "upstream": [self.key(above) for above in stage.upstream],
            }
        )

    def manifest(self, stage: Stage) -> dict[str, Any] | None:
        """The manifest of a stage that is there, whatever made it."""
        try:
            content = json.loads((self.path / stage.name / "manifest.json").read_text())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def is_current(self, stage: Stage) -> bool:
        """Whether the stage is there and was made from just these inputs, settings and code."""
        manifest = self.manifest(stage)
        return manifest is not None and manifest.get("key") == self.key(stage)

    def folder(self, stage: Stage) -> Path:
        """The folder of a stage that is current.

        Raises:
            StaleError: it is missing, or was made from other inputs, settings or code; names the command to run.
        """
        manifest = self.manifest(stage)
        remedy = f"run `kgrec {stage.command} RECIPE` (or `kgrec run RECIPE`)"
        if manifest is None:
            raise StaleError(f"the stage {stage.name!r} has not been made", file=self.path, remedy=remedy)
        if manifest.get("format") != FORMAT:
            raise StaleError(
                f"the stage {stage.name!r} was made by another version of kgrec",
                file=self.path,
                value=f"format {manifest.get('format')}",
                expected=f"format {FORMAT}",
                remedy=remedy,
            )
        if manifest.get("key") != self.key(stage):
            # The cause may lie further up: the stage that has to be made first is the one to name.
            for above in stage.upstream:
                self.folder(above)
            raise StaleError(
                f"the stage {stage.name!r} is older than {self._what_changed(stage, manifest)}",
                file=self.path,
                remedy=remedy,
            )
        return self.path / stage.name

    def _what_changed(self, stage: Stage, manifest: Mapping[str, Any]) -> str:
        if manifest.get("settings") != json.loads(json.dumps(stage.settings)):
            return "the recipe's settings for it"
        if manifest.get("files") != self._hashes.of(stage.files):
            return "its input files"
        if manifest.get("code") != code_digest(stage.code):
            return "this version of kgrec"
        return "what it was made from"

    # --- making

    def make(self, stage: Stage, progress: Progress = SILENT) -> bool:
        """Makes the stage unless it is current; true where it was made.  The caller holds the lock.

        Raises:
            StorageError: the disk is full; the earlier state is as it was.
        """
        # Taken before anything is read: a file that is edited meanwhile must make the result stale, not current.
        key, files = self.key(stage), self._hashes.of(stage.files)
        if (self.manifest(stage) or {}).get("key") == key and stage.holds(self.path / stage.name):
            progress.say(f"{stage.name}: nothing changed, skipped")
            return False
        # No stage may be built on something that another process swapped in meanwhile.
        for above in stage.upstream:
            self.folder(above)
        temporary = self.path / ".tmp" / stage.name
        work = self.path / ".work" / f"{stage.name}-{key[:16]}"
        start, cpu = time.monotonic(), time.process_time()
        with storage_errors(self.path):
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            work.mkdir(parents=True, exist_ok=True)
            try:
                stage.make(temporary, work, progress)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            seconds = time.monotonic() - start
            manifest = {
                "format": FORMAT,
                "stage": stage.name,
                "key": key,
                "settings": stage.settings,
                "files": files,
                "code": code_digest(stage.code),
                "upstream": {above.name: self.key(above) for above in stage.upstream},
                "versions": library_versions(),
                "seconds": round(seconds, 3),
                "cpu_seconds": round(time.process_time() - cpu, 3),
            }
            (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
            self._swap_in(temporary, self.path / stage.name)
        for leftover in (self.path / ".work").glob(f"{stage.name}-*"):
            shutil.rmtree(leftover, ignore_errors=True)
        progress.say(f"{stage.name}: done in {seconds:.1f} s")
        return True

    def _swap_in(self, temporary: Path, final: Path) -> None:
        """Renames the new folder into place.  A kill between the two renames leaves no folder: it is made again."""
        for file in temporary.rglob("*"):
            if file.is_file():
                with file.open("rb") as stream:
                    os.fsync(stream.fileno())
        old = self.path / ".tmp" / f"{final.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        if final.exists():
            final.rename(old)
        temporary.rename(final)
        shutil.rmtree(old, ignore_errors=True)

    @contextmanager
    def locked(self, doing: str) -> Iterator[None]:
        """Holds the run directory for one process.

        Raises:
            BusyError: another process holds it; says which.
        """
        from filelock import FileLock, Timeout

        with storage_errors(self.path):
            make_folder(self.path, "name another folder with --run-dir DIR")
        holder = self.path / ".holder.json"
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise BusyError(_held_by(holder), file=self.path, remedy="wait for it, or use another --run-dir") from error
        try:
            with storage_errors(self.path):
                shutil.rmtree(self.path / ".tmp", ignore_errors=True)
                about = {"pid": os.getpid(), "host": platform.node(), "doing": doing, "since": time.strftime("%F %T")}
                holder.write_text(json.dumps(about))
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()


def _held_by(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text())
        return f"process {about['pid']} on {about['host']} holds it since {about['since']} ({about['doing']})"
    except (OSError, ValueError, KeyError):
        return "another process holds it"


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns a full disk, a file limit or a read-only place into one message.

    Libraries that write through native code report it as other types with the system's words in them.

    Raises:
        StorageError: the place cannot be written.
    """
    try:
        yield
    except Exception as error:
        number = error.errno if isinstance(error, OSError) else None
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS) or any(
            words in str(error)
            for words in (
                "No space left on device",
                "File too large",
                "database or disk is full",
                "Disk quota exceeded",
            )
        ):
            raise StorageError(f"{path}: cannot write: {_words(error)}; the earlier state is as it was") from error
        if isinstance(error, PermissionError) and str(error.filename or "").startswith(str(path)):
            raise StorageError(f"{path}: cannot write: {error.strerror}") from error
        raise


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, sqlite3.Error):
        return "the disk is full"
    return str(error).splitlines()[0]


def library_versions() -> dict[str, str]:
    """Versions of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
