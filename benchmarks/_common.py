"""What the benchmarks share: the final line, medians, alternating runs, memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
"""Default of ``--data``: the development data beside the repository."""


def median_of(values: Iterable[float]) -> float:
    """Median of the runs."""
    return statistics.median(values)


def verdict(name: str, ratio: float, bar: float, at_least: bool = True) -> bool:
    """Prints ``NAME ratio=… bar=… ok|short`` and returns whether the bar is held.

    Args:
        name: what was measured.
        ratio: the measured figure.
        bar: what it is held against.
        at_least: the ratio must not be below the bar; else it must not be above it.
    """
    held = ratio >= bar if at_least else ratio <= bar
    print(f"{name} ratio={ratio:.3g} bar={bar:g} {'ok' if held else 'short'}", flush=True)
    return held


def alternate(runs: int, **work: Callable[[], object]) -> Mapping[str, list[float]]:
    """Wall-clock seconds of each piece of work, run in turns so that a slow minute of the machine meets them all."""
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(runs):
        for name, function in work.items():
            start = time.perf_counter()
            function()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def peak_rss() -> float:
    """Highest resident memory of this process so far, in GB (10⁹ bytes)."""
    import resource
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e9 if sys.platform == "darwin" else peak * 1024 / 1e9
