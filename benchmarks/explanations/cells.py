"""Cells that are kept as they finish: a method on a data set, or one of the questions beside the table."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.explanations.judge import Judge
from benchmarks.explanations.ours import Method
from benchmarks.explanations.refits import Refit, compare, drawn, reseeded, whole
from benchmarks.explanations.trust import sanity, stability
from benchmarks.explanations.world import K, World
from kgrec.effects import SetSearch
from kgrec.explain.causal import CausalExplainer

PROBE, SLOW = 20, 0.1
"""Pairs after which a method's speed is known, and CPU seconds a pair (their median) from which on it is slow."""
SETS = 200_000
"""Subsets of a history up to which the smallest set is searched for one by one."""
EXACT = 3


def run_method(world: World, judge: Judge, method: Method, pairs: NDArray[np.int64], few: int) -> dict[str, Any]:
    """One method on the pairs, or on the first few where it is slow."""
    record: dict[str, Any] = {"figures": [], "ms": [], "cpu_ms": [], "sizes": []}
    count = min(few, len(pairs)) if method.slow else len(pairs)
    # what is made once a data set belongs to no pair
    method.explain(world, *pairs[-1].tolist())
    for number, (user, item) in enumerate(pairs.tolist()):
        if number == PROBE and np.median(record["cpu_ms"]) > 1000 * SLOW:
            count = min(few, len(pairs))
        if number >= count:
            break
        start, used = time.perf_counter(), time.process_time()
        answer = method.explain(world, user, item)
        record["ms"].append(round(1000 * (time.perf_counter() - start), 3))
        record["cpu_ms"].append(round(1000 * (time.process_time() - used), 3))
        record["sizes"].append(answer.sizes)
        record["figures"].append(judge.of(user, item, answer.necessary, answer.sufficient))
    return record


@dataclass(frozen=True)
class Asked:
    """What the questions beside the table are asked about.

    Attributes:
        methods: all that are compared.
        pairs: int64 ``[n, 2]``; few: the first so many are for what is slow.
        seed: of draws and refits; refits, whole: interactions that are refitted in closed form, and from the start.
        jobs: processes for the latter.
    """

    methods: Sequence[Method]
    pairs: NDArray[np.int64]
    few: int
    seed: int
    refits: int
    whole: int
    jobs: int = 1


def exact_gap(world: World, asked: Asked) -> list[dict[str, Any]]:
    """The greedy necessary set beside the smallest of at most three interactions, where all can be tried."""
    greedy, exact, tried = [], [], 0
    for user, item in asked.pairs.tolist():
        size = len(world.person(user).items)
        if sum(1 for _ in zip(range(SETS + 1), combinations(range(size), EXACT))) > SETS:
            continue
        tried += 1
        search = SetSearch(world.effects, world.person(user), world.ranking(user), K)
        found = search.necessary(item)
        best = search.necessary(item, exact=EXACT)
        if best is not None and len(best) <= EXACT:
            exact.append(len(best))
            greedy.append(len(found) if found is not None else size)
    more = np.array(greedy) - np.array(exact)
    return [
        {
            "dataset": world.name,
            "pairs": tried,
            "with_a_set_of_at_most": EXACT,
            "found": len(exact),
            "greedy_larger": round(float((more > 0).mean()), 4) if len(more) else None,
            "mean_difference": round(float(more.mean()), 4) if len(more) else None,
            "mean_exact": round(float(np.mean(exact)), 4) if exact else None,
        }
    ]


def speed(world: World, asked: Asked) -> list[dict[str, Any]]:
    """One pair with all that ``kgrec explain`` says of it, each of another person; and whole lists."""
    explainer = CausalExplainer(world.snapshot, world.scorer, text=lambda: world.text, candidates=world.candidates, k=K)

    def timed(what: Callable[[], object]) -> tuple[float, float]:
        start, used = time.perf_counter(), time.process_time()
        what()
        return time.perf_counter() - start, time.process_time() - used

    explainer.explain(*asked.pairs[-1].tolist())
    each = []
    for user, item in asked.pairs.tolist():
        explainer.listed.cache_clear()
        each.append(timed(partial(explainer.explain, user, item)))
    users = np.unique(asked.pairs[: max(1, asked.few // 5), 0])

    def lists() -> None:
        for one, items in zip(users.tolist(), world.lists(users).tolist()):
            explainer.explain_list(one, list(enumerate(items, 1)))

    explainer.listed.cache_clear()
    wall, used = timed(lists)
    (p50, cpu_p50), (p95, cpu_p95) = np.percentile(1000 * np.array(each), [50, 95], axis=0).round(2).tolist()
    return [
        {
            "dataset": world.name,
            "pairs": len(each),
            "p50_ms": p50,
            "p95_ms": p95,
            "cpu_p50_ms": cpu_p50,
            "cpu_p95_ms": cpu_p95,
            "lists": len(users),
            "pairs_a_second": round(K * len(users) / wall, 2),
            "pairs_a_cpu_second": round(K * len(users) / used, 2),
        }
    ]


def trust(world: World, asked: Asked) -> dict[str, list[dict[str, Any]]]:
    """Stability and sanity, on fewer pairs: each is explained five times by every method."""
    pairs = asked.pairs[: max(1, asked.few // 4)]
    return {"stability": stability(world, asked.methods, pairs), "sanity": sanity(world, asked.methods, pairs)}


def closed_form(world: World, asked: Asked) -> list[dict[str, Any]]:
    """Effects beside refits in closed form."""
    refit = Refit(world)
    some = drawn(world, asked.refits, asked.seed)
    held = sorted({c.family for c in world.flow.channels} & {"sequence", "transition", "around"})
    found = compare(world, some, [refit.scores(user, item) for user, item in some.tolist()])
    return [{**found, "refit": "closed-form channels", "held": held}]


def whole_refits(world: World, asked: Asked) -> list[dict[str, Any]]:
    """Effects beside refits from the start, and beside what chance alone moves in them."""
    some = drawn(world, asked.whole, asked.seed)
    if not len(some):
        return []
    return [
        {**compare(world, some, whole(world, some, asked.jobs)), "refit": "whole", "held": []},
        {**compare(world, some, reseeded(world, some)), "refit": "whole, nothing gone, another seed", "held": []},
    ]
