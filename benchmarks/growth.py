"""Time and memory of the flow against the size of the data, and what its approximations cost on real data.

    python -m benchmarks.growth [--items N …] [--big] [--quality [SET …]] [--data DIR] [--run-dir DIR]

Generated data with a power law and a fixed seed (:mod:`benchmarks.generated`): N items, as many users, 10 interactions
a user, 5 triples an item, a text vector an item.  ``--big``: 1 million users, 100 thousand items, 10 million
interactions, 5 million triples.  Each size runs in a process of its own: peak memory is that of the fit and of what it
reads.  ``--quality``: fits ml-100k, lastfm and lastfm-dbpedia as they are and with the approximations forced, and
compares NDCG@10 on the validation part; the test part is not read.

Figures go to ``benchmarks/results/growth.json``, sizes and ablations that were not run again stay as they were; the
plot goes to ``growth.svg``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._common import DATA, ROOT, one_thread, peak_rss, verdict

RESULTS = ROOT / "benchmarks" / "results"
SIZES = (10_000, 100_000, 1_000_000)
BIG = {"items": 100_000, "users": 1_000_000, "interactions": 10_000_000, "triples": 5_000_000}
SLOPE, MEMORY, MINUTES = 1.1, 16.0, 60.0
RECOMMENDED, K, BATCH = 256, 10, 32


def measure(size: dict[str, int]) -> dict[str, Any]:
    """One size, in this process: CPU and wall seconds of every step, peak memory in GB."""
    from benchmarks.generated import generate
    from kgrec.flow import Flow, fit_flow

    snapshot, text = generate(**size)
    train = snapshot.matrix("train")
    row: dict[str, Any] = {
        **size,
        "interactions": snapshot.interactions.height,
        "triples": snapshot.edges.height,
        "data_gb": round(peak_rss(), 2),
    }

    def timed(name: str, work: Callable[[], Any]) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        made = work()
        row[f"{name}_cpu_s"] = round(time.process_time() - cpu, 2)
        row[f"{name}_wall_s"] = round(time.perf_counter() - wall, 2)
        row[f"{name}_peak_gb"] = round(peak_rss(), 2)
        print(f"  {name}: {row[f'{name}_cpu_s']} CPU s, peak {row[f'{name}_peak_gb']} GB", file=sys.stderr, flush=True)
        return made

    flow = timed("fit", lambda: fit_flow(snapshot, text=text, progress=Lines()))
    with tempfile.TemporaryDirectory() as folder:
        timed("save", lambda: flow.save(folder))
        row["saved_gb"] = round(sum(file.stat().st_size for file in Path(folder).iterdir()) / 1e9, 3)
        row["recommend_ms"] = round(answers(timed("load", lambda: Flow.load(folder)).scorer(snapshot), train), 2)
    row["peak_gb"] = row["load_peak_gb"]
    return row


def answers(scorer: Any, train: Any) -> float:
    """CPU milliseconds a user for the ten best items, in batches."""
    from kgrec.recommend import top_k

    users = np.random.default_rng(0).choice(train.shape[0], RECOMMENDED, replace=False)
    scorer.score(train[users[:1]], users[:1])
    start = time.process_time()
    for first in range(0, len(users), BATCH):
        some = users[first : first + BATCH]
        top_k(scorer.score(train[some], some), K, exclude=train[some])
    return 1e3 * (time.process_time() - start) / len(users)


class Lines:
    """Progress as lines with the time on stderr."""

    def __init__(self) -> None:
        from kgrec.progress import SILENT

        self.task = SILENT.task
        self.start = time.perf_counter()

    def say(self, line: str) -> None:
        """One line."""
        seconds = time.perf_counter() - self.start
        print(f"  {seconds:7.1f} s  {peak_rss():5.2f} GB  {line}", file=sys.stderr, flush=True)


def child(size: dict[str, int], niceness: int) -> dict[str, Any]:
    """One size in a process of its own, one thread."""
    row: dict[str, Any] = json.loads(one_thread(niceness, "benchmarks.growth", "--one", json.dumps(size)))
    return row


def slope(rows: list[dict[str, Any]], figure: str) -> float:
    """Of the figure over the number of items, both logarithms, from 100 thousand items up."""
    some = [row for row in rows if row["items"] >= 100_000]
    x, y = np.log([row["items"] for row in some]), np.log([row[figure] for row in some])
    return float(np.polyfit(x, y, 1)[0])


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """Seconds and memory over items, both axes logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "kgrec"
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    items = [row["items"] for row in rows]
    left.loglog(items, [row["fit_cpu_s"] for row in rows], "o-", label="fit")
    left.loglog(items, [row["fit_cpu_s"] * n / items[-1] for row, n in zip([rows[-1]] * len(items), items)], "k:",
                label="slope 1")  # fmt: skip
    right.loglog(items, [row["peak_gb"] for row in rows], "o-", label="peak")
    right.loglog(items, [row["data_gb"] for row in rows], "o-", label="data and libraries")
    for axes, unit in ((left, "CPU s"), (right, "GB")):
        axes.set(xlabel="items, and users; 10 interactions a user", ylabel=unit)
        axes.legend()
        axes.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)


def machine() -> dict[str, Any]:
    """Where the figures come from."""
    return {"processor": platform.processor() or platform.machine(), "cpus": os.cpu_count(), "threads": 1}


def main() -> int:
    """Prints all figures; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="*", help="sizes; none without any number")
    parser.add_argument("--big", action="store_true")
    parser.add_argument("--quality", nargs="*", metavar="SET")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run-dir", type=Path, help="of --quality: snapshots and vectors")
    parser.add_argument("--nice", type=int, default=10)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(json.loads(arguments.one))))
        return 0
    file = RESULTS / "growth.json"
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"sizes": [], "quality": []}
    kept["machine"] = machine()

    def save() -> None:
        RESULTS.mkdir(exist_ok=True)
        file.write_text(json.dumps(kept, indent=1) + "\n")

    others = arguments.big or arguments.quality is not None
    for items in arguments.items if arguments.items is not None else () if others else SIZES:
        size = {"items": items, "users": items, "interactions": 10 * items, "triples": 5 * items}
        print(f"{items:,} items", flush=True)
        row = child(size, arguments.nice)
        kept["sizes"] = sorted(
            [*(one for one in kept["sizes"] if one["items"] != items), row], key=lambda r: r["items"]
        )
        save()
    held = True
    rows = kept["sizes"]
    for row in rows:
        print(
            f"{row['items']:>9,} items: fit {row['fit_cpu_s']:.0f} CPU s ({row['fit_wall_s']:.0f} s), "
            f"save {row['save_cpu_s']:.1f}, {row['recommend_ms']:.1f} ms a user, "
            f"peak {row['peak_gb']:.1f} GB"
        )
    if sum(row["items"] >= 100_000 for row in rows) > 1:
        held &= verdict("slope of CPU seconds", slope(rows, "fit_cpu_s"), SLOPE, at_least=False)
        held &= verdict("slope of memory", slope(rows, "peak_gb"), SLOPE, at_least=False)
    if len(rows) > 1:
        plot(rows, RESULTS / "growth.svg")
    if arguments.big:
        kept["big"] = child(BIG, arguments.nice)
        save()
        held &= verdict("big, GB", kept["big"]["peak_gb"], MEMORY, at_least=False)
        held &= verdict("big, minutes", kept["big"]["fit_wall_s"] / 60, MINUTES, at_least=False)
    if arguments.quality is not None:
        from benchmarks.growth_quality import SETS, compare

        for cell in compare(arguments.data, arguments.run_dir, arguments.quality or SETS):
            same = (cell["dataset"], cell["forced"])
            kept["quality"] = [one for one in kept["quality"] if (one["dataset"], one["forced"]) != same] + [cell]
            save()
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
