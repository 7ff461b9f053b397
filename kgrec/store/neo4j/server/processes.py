"""Processes that outlive the command that starts them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

SAME = 0.05
"""Seconds within which two starts are the same one."""


def spawn(command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None) -> tuple[int, float]:
    """Starts a process in a session of its own, its output appended to ``log``; its number and when it began."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
            env=dict(os.environ if environment is None else environment),
        )
    # The process goes on after this one, whose Popen must not complain that nobody waited for it.
    process.returncode = 0
    return process.pid, psutil.Process(process.pid).create_time()


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process that began then is still there, and not another one with its number."""
    return _process(pid, started) is not None


def stop(pid: int | None, started: float | None, seconds: float) -> bool:
    """Asks the process to end and waits; false where it has not ended by then."""
    process = _process(pid, started)
    if process is None:
        return True
    with suppress(psutil.NoSuchProcess):
        process.terminate()
    until = time.monotonic() + seconds
    # not process.wait(): another process's child stays in the table until its parent looks
    while is_alive(pid, started):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _process(pid: int | None, started: float | None) -> psutil.Process | None:
    if pid is None or started is None:
        return None
    try:
        process = psutil.Process(pid)
        if abs(process.create_time() - started) > SAME:
            return None
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait(0)
            return None
        return process
    except psutil.Error:
        return None
