"""Fingerprints of input files and of the project's own code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

from kgrec.dataset.table_files import missing

PACKAGE = Path(__file__).resolve().parent.parent
ROOTS = {"kgrec": PACKAGE, "graph_builders": PACKAGE.parent / "graph_builders"}


def digest(content: object) -> str:
    """SHA-256 of a JSON-like value."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


@cache
def code_digest(places: tuple[str, ...]) -> str:
    """SHA-256 over the Python and TOML files of these modules and packages (``kgrec.ingest``, ``graph_builders``)."""
    total = hashlib.sha256()
    for place in sorted(places):
        top, *rest = place.split(".")
        path = ROOTS[top].joinpath(*rest)
        files = sorted([*path.rglob("*.py"), *path.rglob("*.toml")]) if path.is_dir() else [path.with_suffix(".py")]
        for file in files:
            total.update(file.name.encode())
            total.update(file.read_bytes())
    return total.hexdigest()


class FileHashes:
    """SHA-256 of input files, remembered by size, modification time and inode so that big files are read once."""

    def __init__(self, memory: Path) -> None:
        self.memory = memory
        self.known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            self.known = json.loads(memory.read_text())

    def of(self, files: Mapping[str, Path]) -> dict[str, str]:
        """Name → content hash.

        Raises:
            DataError: a file is missing or cannot be read.
        """
        found = {}
        changed = False
        for given, path in files.items():
            try:
                stat = path.stat()
                stamp = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
                name = str(path.resolve())
                entry = self.known.get(name)
                if entry is None or entry[:3] != stamp:
                    with path.open("rb") as stream:
                        value = hashlib.file_digest(stream, "sha256").hexdigest()
                    self.known[name] = entry = [*stamp, value]
                    changed = True
            except OSError as error:
                raise missing(path, error) from error
            found[given] = str(entry[3])
        if changed and self.memory.parent.is_dir():
            # A lost memory costs a re-read, nothing else: a full disk is no error here.
            with suppress(OSError):
                self.memory.write_text(json.dumps(self.known))
        return found
