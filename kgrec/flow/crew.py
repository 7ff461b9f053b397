"""Processes that share the users on whom gates are fitted.

Each holds all channels, read from files that the processes share as mapped memory, and scores its blocks of users.
Blocks are those of one process, and what is drawn at random is drawn in one place: the gates are the same, whatever the
number of processes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from kgrec.flow.channel import Channel
from kgrec.flow.files import load_channels, save_channels

CHANNELS = "channels.json"
_here: tuple[Channel, ...] = ()

Crew = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]
"""``crew(function, rows of arguments)``: the results in order, of ``function(channels, *arguments)``."""


@contextmanager
def crew_of(channels: Sequence[Channel], processes: int) -> Iterator[Crew]:
    """Calls functions with these channels, in this process or in several.

    Args:
        channels: what every function is given first.
        processes: how many; 1 starts none.
    """
    if processes < 2:
        yield lambda function, rows: (function(channels, *row) for row in rows)
        return
    with tempfile.TemporaryDirectory(prefix="kgrec-") as folder:
        about = save_channels(Path(folder), channels)
        (Path(folder) / CHANNELS).write_text(json.dumps(about))
        # a forked copy of a process with threads may wait for a lock that nobody holds
        with ProcessPoolExecutor(processes, get_context("spawn"), _enter, (folder,)) as pool:
            yield lambda function, rows: pool.map(_call, [(function, row) for row in rows])


def _enter(folder: str) -> None:
    global _here
    _here = load_channels(Path(folder), json.loads((Path(folder) / CHANNELS).read_text()))


def _call(work: tuple[Callable[..., Any], tuple[Any, ...]]) -> Any:
    function, row = work
    return function(_here, *row)
