"""Progress of anything over a second: rich bars on a terminal, plain lines elsewhere, silence in a library call.

Library code takes ``progress: Progress = SILENT`` and never prints.  Everything goes to stderr.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One running task."""

    def advance(self, amount: float = 1) -> None: ...

    def describe(self, description: str) -> None: ...


class Progress(Protocol):
    """Shows tasks and says lines."""

    def task(self, description: str, total: float | None = None, unit: str = "") -> AbstractContextManager[Task]:
        """``with progress.task("encoding", 100) as task: task.advance()``."""

    def say(self, line: str) -> None:
        """One line that stays."""


class _SilentTask:
    def advance(self, amount: float = 1) -> None:
        pass

    def describe(self, description: str) -> None:
        pass


class _Silent:
    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        yield _SilentTask()

    def say(self, line: str) -> None:
        pass


SILENT: Progress = _Silent()


class TasksOnly:
    """Shows the tasks of another progress and says none of its lines: for what has been said before."""

    def __init__(self, shown: Progress) -> None:
        self.task = shown.task

    def say(self, line: str) -> None:
        pass


class _PlainTask:
    """Says a line when a task has run for a second and every ten seconds after, and one at its end."""

    FIRST, EVERY = 1.0, 10.0

    def __init__(self, description: str, total: float | None, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = 0.0
        self.start = time.monotonic()
        self.next = self.start + self.FIRST
        self.spoken: float | None = None

    def advance(self, amount: float = 1) -> None:
        self.done += amount
        now = time.monotonic()
        if now >= self.next:
            self.next = now + self.EVERY
            self._line(now)

    def describe(self, description: str) -> None:
        self.description = description

    def _line(self, now: float) -> None:
        self.spoken = self.done
        elapsed = max(now - self.start, 1e-9)
        rate = self.done / elapsed
        text = f"{self.description}: {self.done:,.0f}"
        if self.total:
            text += f"/{self.total:,.0f} ({self.done / self.total:.0%})"
        text += f" {self.unit}".rstrip() + f", {_rate(rate)}/s"
        if self.total and rate > 0 and self.done < self.total:
            text += f", {(self.total - self.done) / rate:.0f} s left"
        print(text, file=sys.stderr, flush=True)

    def finish(self) -> None:
        if self.spoken not in (None, self.done):
            self._line(time.monotonic())


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


class PlainProgress:
    """For logs and pipes."""

    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        task = _PlainTask(description, total, unit)
        yield task
        task.finish()

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)


class RichProgress:
    """For terminals: a bar with rate and time left, gone when its task ends."""

    def __init__(self) -> None:
        from rich.console import Console

        self.console = Console(stderr=True, highlight=False)

    @contextmanager
    def task(self, description: str, total: float | None = None, unit: str = "") -> Iterator[Task]:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Bars(*columns, console=self.console, transient=True) as bars:
            key = bars.add_task(description, total=total, rate="")

            class _Task:
                def advance(self, amount: float = 1) -> None:
                    bars.advance(key, amount)
                    speed = bars.tasks[0].speed
                    bars.update(key, rate=f"{_rate(speed)} {unit}/s" if speed else "")

                def describe(self, description: str) -> None:
                    bars.update(key, description=description)

            yield _Task()

    def say(self, line: str) -> None:
        self.console.print(line, markup=False)


def terminal_progress() -> Progress:
    """Bars where stderr is a terminal, plain lines elsewhere."""
    return RichProgress() if sys.stderr.isatty() else PlainProgress()
