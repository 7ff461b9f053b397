from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kgrec.errors import StorageError
from kgrec.text.cache import FILE, VectorCache, text_key

WRITER = """
import sys
import numpy as np
from kgrec.text.cache import VectorCache, text_key
folder, start = sys.argv[1], int(sys.argv[2])
with VectorCache(folder) as cache:
    print("ready", flush=True)
    sys.stdin.readline()
    for i in range(start, start + int(sys.argv[3])):
        cache.put("e", [text_key(str(i)), text_key(f"twin of {i}")], np.full((2, 4), i, np.float32))
        print(i, flush=True)
"""


def writer(folder: Path, start: int, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(folder), str(start), str(count)]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def found(folder: Path, texts: list[str]) -> dict[bytes, float]:
    with VectorCache(folder) as cache:
        return {key: float(vector[0]) for key, vector in cache.get("e", [text_key(text) for text in texts], 4)}


def test_encoders_and_dimensions_are_kept_apart(tmp_path: Path) -> None:
    with VectorCache(tmp_path) as cache:
        cache.put("e", [text_key("a")], np.array([[1, 2, 3, 4]], np.float32))
        np.testing.assert_array_equal(dict(cache.get("e", [text_key("a")], 4))[text_key("a")], [1, 2, 3, 4])
        assert not list(cache.get("other", [text_key("a")], 4))
        assert not list(cache.get("e", [text_key("b")], 4))
        assert not list(cache.get("e", [text_key("a")], 3))


def test_more_keys_than_one_query_takes(tmp_path: Path) -> None:
    keys = [text_key(str(i)) for i in range(1203)]
    with VectorCache(tmp_path) as cache:
        cache.put("e", keys, np.arange(1203, dtype=np.float32)[:, None])
        assert {key: int(vector[0]) for key, vector in cache.get("e", keys, 1)} == dict(zip(keys, range(1203)))


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    with writer(tmp_path, 0, 100) as one, writer(tmp_path, 50, 100) as two:
        for process in (one, two):
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        one.communicate(timeout=60)
        two.communicate(timeout=60)
    assert (one.returncode, two.returncode) == (0, 0)
    assert found(tmp_path, [str(i) for i in range(150)]) == {text_key(str(i)): i for i in range(150)}


def test_a_killed_writer_leaves_whole_transactions(tmp_path: Path) -> None:
    process = writer(tmp_path, 0, 100_000)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    for _ in range(20):
        process.stdout.readline()
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0]
    last = 20 + len(rest.splitlines())
    there = found(tmp_path, [str(i) for i in range(last + 2)])
    twins = found(tmp_path, [f"twin of {i}" for i in range(last + 2)])
    assert len(there) >= last - 1
    assert sorted(there.values()) == sorted(twins.values())


def test_a_file_that_is_no_cache_is_reported_and_left(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"something else entirely, and longer than a header of SQLite" * 20)
    with pytest.raises(StorageError, match=FILE):
        VectorCache(tmp_path)
    assert (tmp_path / FILE).read_bytes().startswith(b"something else")


def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    with VectorCache(tmp_path) as cache:
        cache.put("e", [text_key("a")], np.ones((1, 4), np.float32))
        # SQLite's own page limit fails in the same way as a disk without room.
        pages = cache._connection.execute("PRAGMA page_count").fetchone()[0]
        cache._connection.execute(f"PRAGMA max_page_count = {pages}")
        many = [text_key(str(i)) for i in range(500)]
        with pytest.raises(StorageError, match="full"):
            cache.put("e", many, np.zeros((500, 4), np.float32))
    assert found(tmp_path, ["a", "0"]) == {text_key("a"): 1.0}
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
