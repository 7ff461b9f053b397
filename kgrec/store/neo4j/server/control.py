"""Up, down and what is running."""

from __future__ import annotations

import shutil
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from filelock import FileLock

from kgrec.errors import BusyError, KgrecError, StorageError
from kgrec.progress import SILENT, Progress
from kgrec.store.neo4j.server import fetch, guide
from kgrec.store.neo4j.server.configure import environment, server_command, set_first_password, write_settings
from kgrec.store.neo4j.server.home import HOST, Home, Running
from kgrec.store.neo4j.server.ports import is_free
from kgrec.store.neo4j.server.processes import is_alive, spawn, stop

START_SECONDS = 180.0
STOP_SECONDS = 90.0
ROOM = 300_000_000
"""Bytes: the logs of two databases are set aside at the first start, and some for the first writes."""
ROOM_AGAIN = 50_000_000
"""Bytes, once the logs are there."""


def running(home: Home) -> Running | None:
    """The server of this home, where its process is there."""
    state = home.state() if home.marker.is_file() else None
    return state if state is not None and is_alive(state.pid, state.started) else None


def up(
    home: Home,
    *,
    bolt: int = 7687,
    http: int = 7474,
    guide_port: int = 7475,
    auth: bool = True,
    progress: Progress = SILENT,
) -> tuple[Running, bool]:
    """Starts the server and waits until it answers; one that runs already is left as it is.

    Args:
        home: its folder; made where it is not there.
        bolt, http: ports on loopback.
        guide_port: port of the guide's pages; another one is taken where it is not free.
        auth: whether it asks for a password; the first start generates one.
        progress: told what takes long.

    Returns:
        The server, and whether this call started it.

    Raises:
        UserError: no Java 17 or later, or no Maven for the first time; says which other ways there are.  Or the folder
            is somebody else's.
        BusyError: a port is taken.
        StorageError: the disk is full.
        KgrecError: the server ended by itself; its last words are in the message.
    """
    home.check()
    java = fetch.java()
    jars = fetch.jars(progress)
    with _locked(home):
        there = running(home)
        if there is not None:
            return there, False
        _stop_guide(home.state())
        _check_space(home)
        _check_ports({"--bolt-port": bolt, "--http-port": http})
        write_settings(home, bolt=bolt, http=http, auth=auth)
        if home.password() is None:
            # without authentication too: it may be asked for at a later start
            _first_password(java, jars, home)
        began = home.console.stat().st_size if home.console.is_file() else 0
        with progress.task(f"starting Neo4j {fetch.VERSION}"):
            pid, started = spawn(server_command(java, jars, home), home.console, environment(home))
            state = Running(pid, started, bolt, http, auth)
            home.write_state(state)
            try:
                _wait(home, state, began)
            except BaseException:
                stop(pid, started, STOP_SECONDS)
                home.clear_state()
                raise
        if (guide.PAGES / "index.html").is_file():
            port, guide_pid, guide_started = guide.serve(home, guide_port, bolt=bolt, http=http, auth=auth)
            state = replace(state, guide=port, guide_pid=guide_pid, guide_started=guide_started)
            home.write_state(state)
        return state, True


def _first_password(java: str, jars: Path, home: Home) -> None:
    try:
        set_first_password(java, jars, home, home.make_password())
    except BaseException:
        home.password_file.unlink(missing_ok=True)
        raise


def down(home: Home) -> bool:
    """Stops the server cleanly; false where none ran.

    Raises:
        UserError: the folder is somebody else's.
        KgrecError: it has not ended after a minute and a half.
    """
    home.check()
    if not home.marker.is_file():
        return False
    with _locked(home):
        state, there = home.state(), running(home)
        _stop_guide(state)
        if there is not None and not stop(there.pid, there.started, STOP_SECONDS):
            raise KgrecError(
                f"the server has not ended after {STOP_SECONDS:.0f} s: process {there.pid}\n"
                "  where its disk is full, make room; a server that is killed recovers at its next start"
            )
        home.clear_state()
        return there is not None


def recent_log(home: Home, lines: int = 40) -> list[str]:
    """The last lines that the server wrote."""
    if not home.console.is_file():
        return []
    return home.console.read_text(errors="replace").splitlines()[-lines:]


@contextmanager
def _locked(home: Home) -> Iterator[None]:
    """One starts or stops at a time; the other waits."""
    try:
        home.make()
        lock = FileLock(home.lock)
        with lock:
            yield
    except OSError as error:
        raise StorageError(f"{home.path}: cannot write: {error.strerror or error}") from error


def _stop_guide(state: Running | None) -> None:
    if state is not None:
        stop(state.guide_pid, state.guide_started, STOP_SECONDS)


def _check_space(home: Home) -> None:
    """Refuses a disk without room for the transaction logs: Neo4j hangs or says something else there."""
    free = shutil.disk_usage(home.path).free
    needed = ROOM_AGAIN if home.data.is_dir() else ROOM
    if free < needed:
        raise StorageError(
            f"{home.path}: the disk is full: {free / 1e6:,.0f} MB are free, {needed / 1e6:,.0f} MB are needed to start"
        )


def _check_ports(ports: dict[str, int]) -> None:
    for option, port in ports.items():
        if not is_free(port):
            raise _taken(port, option)


def _taken(port: int, option: str) -> BusyError:
    return BusyError(
        f"port {port} is taken by another program", remedy=f"name another one with {option}, or use what runs there"
    )


def _wait(home: Home, state: Running, began: int) -> None:
    """Until the web server, which starts last, answers."""
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        if not is_alive(state.pid, state.started):
            raise _ended(home, state, began)
        try:
            with urllib.request.urlopen(f"http://{HOST}:{state.http}/", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise KgrecError(f"the server does not answer after {START_SECONDS:.0f} s; see {home.console}")


def _said(home: Home, began: int) -> str:
    """What the server wrote since the console log had ``began`` bytes."""
    return home.console.read_bytes()[began:].decode(errors="replace") if home.console.is_file() else ""


def _ended(home: Home, state: Running, began: int) -> KgrecError:
    """Why the server ended."""
    said = _said(home, began)
    for port, option in ((state.bolt, "--bolt-port"), (state.http, "--http-port")):
        if f":{port}" in said and "Address already in use" in said:
            return _taken(port, option)
    causes = [line.strip() for line in said.splitlines() if "Caused by:" in line or "ERROR" in line]
    last = causes[-1] if causes else (said.strip().splitlines() or ["it wrote nothing"])[-1]
    return KgrecError(f"the server ended by itself: {last}\n  all of it: {home.console}")
