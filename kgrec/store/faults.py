"""Puts an embedded store's failures into the error tree."""

from __future__ import annotations

import os
import re
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from kgrec.errors import BusyError, KgrecError, QueryError, StaleError, StorageError

REBUILD = "run `kgrec build`"


def opening_fault(error: Exception, path: Path) -> KgrecError:
    """Why a store could not be opened."""
    text = str(error)
    if "lock hold by current process" in text:
        return BusyError("this process has the store open for writing already", file=path)
    if "LOCK" in text and not isinstance(error, PermissionError):
        holder = lock_holder(path / "LOCK")
        who = f"process {holder} has the store open" if holder else "another process has the store open"
        return BusyError(who, file=path, remedy="wait for it to end, or open the store read-only")
    if isinstance(error, FileNotFoundError):
        return StaleError("no store here", file=path, remedy=REBUILD)
    if isinstance(error, OSError) and "Corruption" not in text:
        return StorageError(f"cannot open the store {path}: {text}")
    return StaleError(f"not a store that can be read: {text}", file=path, remedy=REBUILD)


def writing_fault(error: Exception, path: Path) -> StorageError:
    """Why a store could not be written."""
    text = str(error)
    if "No space left" in text:
        return StorageError(f"cannot write the store {path}: the disk is full")
    return StorageError(f"cannot write the store {path}: {text}")


def malformed_query(sparql: str, message: str, prefixes: Iterable[str]) -> QueryError:
    """Where the parser stopped in a query; its list of everything that could stand there instead says nothing."""
    found = re.match(r"error at (\d+):(\d+): expected (?:one of )?(.*)", message, re.DOTALL)
    if found is None:
        return QueryError(f"not SPARQL 1.1: {message}", remedy="see the SPARQL 1.1 Query Language")
    line, column, expected = int(found.group(1)), int(found.group(2)), found.group(3)
    lines = sparql.splitlines()
    text = lines[line - 1] if line <= len(lines) else ""
    if "Prefix not found" in expected:
        known = ", ".join(sorted(prefixes))
        # The parser stands after the name.
        name = re.search(r"[^\s{}()<>.,;]*:\S*$", text[: column - 1])
        return QueryError(
            "the prefix is not known",
            line=line,
            column=column if name is None else name.start() + 1,
            value=name and name.group(),
            remedy=f"known: {known}; or write PREFIX name: <IRI>",
        )
    return QueryError(
        "not SPARQL 1.1",
        line=line,
        column=column,
        value=text[column - 1 :] or "the end of the query",
        remedy="see the SPARQL 1.1 Query Language",
    )


def lock_holder(lock: Path) -> int | None:
    """Process id that holds the POSIX lock of a file; None where the system does not tell (or nobody holds it)."""
    if not sys.platform.startswith("linux"):
        return None
    import fcntl

    # struct flock on Linux: short type, short whence, off_t start, off_t len, pid_t pid
    request = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        with lock.open("rb+") as file:
            answer = fcntl.fcntl(file, fcntl.F_GETLK, request)
    except OSError:
        return None
    kind, _, _, _, pid = struct.unpack("hhqqi4x", answer)
    return None if kind == fcntl.F_UNLCK else int(pid)
