"""What an explanation takes against the size of the graph: generated data of 1 and 10 million edges.

    python -m benchmarks.explanations.growth [--edges N ...] [--pairs 200] [--seed 0] [--nice 0] [--work DIR]
        [--out FILE]

Edges are interactions and triples (:mod:`benchmarks.generated`, fixed seed, power laws): N of them take N/100 items,
six times as many users, six interactions for four triples.  The default recipe is fitted on them once: DIR keeps
snapshot, vectors and model, and running again only explains anew.  A pair is an item of the ten best of a random user,
and another of these with which it is compared; it gets all that ``kgrec explain --instead-of --json`` says of it: names
looked up, rank, paths with effects and places without them, necessary and sufficient set, contrast, sentences.

Each size is made and explained in processes of their own, one thread: peak memory is that of a process that explains.
Figures go to ``benchmarks/results/growth.json`` as ``explanations``; sizes that were not run again stay as they were.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._common import one_thread, peak_rss, verdict
from benchmarks.explanations.world import K
from benchmarks.growth import RESULTS, Lines
from kgrec.bench.cells import write_json
from kgrec.bench.machine import where
from kgrec.dataset.features import load_features, save_features
from kgrec.dataset.snapshot import Snapshot
from kgrec.explain.causal import CausalExplainer
from kgrec.flow import Flow, FlowConfig

EDGES = (1_000_000, 10_000_000)
BAR = 500.0
"""Milliseconds a pair at 10 million edges, 95th percentile."""
MADE = "made.json"
MODULE = "benchmarks.explanations.growth"
Row = dict[str, Any]
Pair = tuple[str, str, str]
"""Ids of the user, the item, and the item with which it is compared."""


def size_of(edges: int) -> dict[str, int]:
    """How much is drawn for so many edges: some are drawn twice and count once."""
    return {
        "items": edges // 100,
        "users": 6 * edges // 100,
        "interactions": 63 * edges // 100,
        "triples": edges // 2,
    }


def make(folder: Path, edges: int, config: FlowConfig | None = None) -> None:
    """Snapshot, vectors and fitted model in a folder, and what it took; does nothing where they are."""
    from benchmarks.generated import generate
    from kgrec.flow import fit_flow

    if (folder / MADE).is_file():
        return
    snapshot, text = generate(**size_of(edges))
    for part in ("snapshot", "text", "model"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    snapshot.write(folder / "snapshot")
    save_features(folder / "text", text)
    start = time.process_time()
    flow = fit_flow(snapshot, config, text=text, progress=Lines())
    made = {"fit_cpu_s": round(time.process_time() - start, 1), "fit_peak_gb": round(peak_rss(), 2)}
    flow.save(folder / "model")
    write_json(folder / MADE, made)


def measure(folder: Path, pairs: int, seed: int) -> Row:
    """Explains pairs of what a folder keeps, in this process."""
    clock = Clock()
    snapshot = Snapshot.open(folder / "snapshot")
    flow = Flow.load(folder / "model")
    explainer = CausalExplainer(
        snapshot,
        flow.scorer(snapshot),
        text=lambda: load_features(folder / "text"),
        candidates=snapshot.interacted(),
        k=K,
    )
    users = np.random.default_rng(seed).permutation(np.unique(snapshot.pairs("train")["user"]))[: pairs + 1]
    opened = clock.lap()
    first, *drawn = [pair_of(explainer, user, seed) for user in users.tolist()]
    clock.lap()
    answer(explainer, first)
    started, start_gb = clock.lap(), peak_rss()
    each = []
    for pair in drawn:
        explainer.listed.cache_clear()
        clock.lap()
        answer(explainer, pair)
        each.append(clock.lap())
    (p50, cpu_p50), (p95, cpu_p95) = np.percentile(1000 * np.array(each), [50, 95], axis=0).round(1).tolist()
    return {
        "items": snapshot.num_items,
        "users": snapshot.num_users,
        "interactions": snapshot.interactions.height,
        "triples": snapshot.edges.height,
        "edges": snapshot.interactions.height + snapshot.edges.height,
        "channels": len(flow.channels),
        "seed": seed,
        "pairs": len(each),
        "cpu_p50_ms": cpu_p50,
        "cpu_p95_ms": cpu_p95,
        "p50_ms": p50,
        "p95_ms": p95,
        "open_s": round(opened[0], 2),
        "open_cpu_s": round(opened[1], 2),
        "first_s": round(started[0], 2),
        "first_cpu_s": round(started[1], 2),
        "first_peak_gb": round(start_gb, 2),
        "peak_gb": round(peak_rss(), 2),
        **json.loads((folder / MADE).read_text()),
    }


class Clock:
    """Wall clock and CPU seconds from lap to lap."""

    def __init__(self) -> None:
        self._last = time.perf_counter(), time.process_time()

    def lap(self) -> tuple[float, float]:
        """Since the last one: wall clock, CPU."""
        before, self._last = self._last, (time.perf_counter(), time.process_time())
        return self._last[0] - before[0], self._last[1] - before[1]


def pair_of(explainer: CausalExplainer, user: int, seed: int) -> Pair:
    """Two items of a user's list."""
    listed, snapshot = explainer.scored(user), explainer.snapshot
    best = listed.ranking.top(listed.scores, K)
    one, other = np.random.default_rng([seed, user]).permutation(best)[:2].tolist()
    ends = (snapshot.user_type, user), (snapshot.item_type, one), (snapshot.item_type, other)
    at = [snapshot.offsets[kind] + node for kind, node in ends]
    keys = explainer.names.keys(at)
    return keys[at[0]], keys[at[1]], keys[at[2]]


def answer(explainer: CausalExplainer, pair: Pair) -> str:
    """What ``kgrec explain`` prints, from ids (:meth:`kgrec.pipeline.run.Run.explain`)."""
    snapshot, (user, item, other) = explainer.snapshot, pair
    found = explainer.explain(snapshot.user_id(user), snapshot.item_id(item), instead_of=snapshot.item_id(other))
    return json.dumps(found.to_dict())


def main() -> int:
    """Prints all figures; 1 where the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=list(EDGES))
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0, help="of the pairs")
    parser.add_argument("--work", type=Path, default=RESULTS / "work" / "growth", help="what is fitted stays there")
    parser.add_argument("--out", type=Path, default=RESULTS / "growth.json")
    parser.add_argument("--nice", type=int, default=0)
    parser.add_argument("--one", choices=("make", "measure"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one == "make":
        make(given.work, given.edges[0])
        return 0
    if given.one == "measure":
        print(json.dumps(measure(given.work, given.pairs, given.seed)))
        return 0
    told = ["--edges", *given.edges, "--pairs", given.pairs, "--seed", given.seed]
    command = "python -m benchmarks.explanations.growth " + shlex.join(map(str, told))
    for edges in given.edges:
        of = ["--edges", str(edges), "--work", str(given.work.resolve() / str(edges))]
        one_thread(given.nice, MODULE, "--one", "make", *of)
        made = one_thread(
            given.nice, MODULE, "--one", "measure", *of, "--pairs", str(given.pairs), "--seed", str(given.seed)
        )
        rows = keep(given.out, {"drawn": edges, **json.loads(made), **where(), "command": command})
    for row in rows:
        print(
            f"{row['edges']:>10,} edges: {row['cpu_p50_ms']:.0f} ms of CPU a pair ({row['cpu_p95_ms']:.0f} at the 95th "
            f"percentile), {row['p50_ms']:.0f} ({row['p95_ms']:.0f}) by the clock; the first "
            f"{row['first_cpu_s']:.1f} s after {row['open_cpu_s']:.1f} s; peak {row['peak_gb']:.1f} GB"
        )
    largest = next((row for row in rows if row["drawn"] == max(EDGES)), None)
    return 0 if largest is None or verdict("p95, CPU ms", largest["cpu_p95_ms"], BAR, at_least=False) else 1


def keep(file: Path, row: Row) -> list[Row]:
    """Puts a row into the file, in the place of an older one; all that it holds now, by size."""
    kept: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
    rows = [one for one in kept.get("explanations", []) if one["drawn"] != row["drawn"]]
    kept["explanations"] = sorted([*rows, row], key=lambda one: one["drawn"])
    file.parent.mkdir(parents=True, exist_ok=True)
    write_json(file, kept)
    return list(kept["explanations"])


if __name__ == "__main__":
    sys.exit(main())
