"""Our explanations beside those of other methods, on the same model, judged alike.

    python -m benchmarks.explanations [SET ...] [--runs DIR] [--data DIR] [--pairs 1000] [--few 100] [--seed 0]
        [--methods NAME,...] [--questions NAME,...] [--refits 200] [--whole 0] [--jobs 1]
        [--out FILE]

A fitted flow is read from ``DIR/SET`` (as ``kgrec train`` leaves it there); where there is none it is made.  Each
method on each data set, and each question, is kept when it is finished: running again goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks._common import DATA, ROOT
from benchmarks.explanations.cells import Asked, closed_form, exact_gap, run_method, speed, trust, whole_refits
from benchmarks.explanations.form import pass_over_form
from benchmarks.explanations.judge import Judge
from benchmarks.explanations.knowledge import curve, shuffled
from benchmarks.explanations.ours import Chance, Effect, Method, Sets, Share
from benchmarks.explanations.rivals import Gradient, Integrated, Masked, Paths
from benchmarks.explanations.table import document, show, write
from benchmarks.explanations.world import World, draw_pairs
from kgrec.bench.cells import slug, write_json
from kgrec.bench.source import source_hash
from kgrec.pipeline.files import digest

SETS = ("lastfm", "lastfm-dbpedia", "ml-tmdb")
CURVE = 300
"""Pairs at each place of the dial."""

Answers = dict[str, list[dict[str, Any]]]
QUESTIONS: dict[str, Callable[[World, Asked], Answers]] = {
    "speed": lambda world, asked: {"speed": speed(world, asked)},
    "form": lambda world, asked: {"form": [pass_over_form(world, *asked.pairs[0].tolist())]},
    "exact": lambda world, asked: {"exact": exact_gap(world, asked)},
    "knowledge": lambda world, asked: {"knowledge": curve(world, CURVE, asked.seed)},
    "refits": lambda world, asked: {"refits": closed_form(world, asked)},
    "trust": trust,
    "shuffled": lambda world, asked: {
        "knowledge": curve(shuffled(world, world.flow.seed), CURVE, asked.seed, "shuffled")
    },
    "whole": lambda world, asked: {"refits": whole_refits(world, asked)},
}


def main() -> int:
    arguments = _arguments()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    methods = _methods(arguments.seed)
    wanted = [one for one in methods if not arguments.methods or any(name in one.name for name in arguments.methods)]
    run = Run(arguments, "python -m benchmarks.explanations " + shlex.join(_told(arguments)))
    for name in arguments.sets:
        run.dataset(World.open(name, arguments.runs, arguments.data), wanted)
    show(run.content)
    return 0


class Run:
    """What is known so far; written after every cell."""

    def __init__(self, arguments: argparse.Namespace, command: str) -> None:
        self.arguments, self.command = arguments, command
        self.cells: dict[tuple[str, str], Any] = {}
        self.pairs: dict[str, NDArray[np.int64]] = {}
        self.answers: Answers = {}
        self.datasets: dict[str, Any] = {}
        self.content: dict[str, Any] = {}

    def dataset(self, world: World, methods: Sequence[Method]) -> None:
        """All cells of one data set."""
        given, name, judge = self.arguments, world.name, Judge(world)
        pairs = self.pairs[name] = draw_pairs(world, given.pairs, given.seed)
        self.datasets[name] = {
            "command": self.command,
            "load": round(os.getloadavg()[2], 1),
            **_sizes(world),
        }
        key = [name, given.seed, pairs.tolist(), given.few, world.flow.catalogue.degree.tolist()]
        for method in methods:
            # what others' methods say does not depend on how we search
            ours = source_hash(("kgrec.effects",)) if isinstance(method, (Sets, Effect)) else ""
            make = partial(run_method, world, judge, method, pairs, given.few)
            self.cells[name, method.name] = self._kept(name, method.name, [*key, ours], make)
            self._write()
        key.append(source_hash(("kgrec.effects",)))
        asked = Asked(methods, pairs, given.few, given.seed, given.refits, given.whole, given.jobs)
        for question in given.questions:
            about = [*key, {"refits": given.refits, "whole": given.whole}.get(question)]
            # every method may be trusted or not by itself, and in a process of its own
            of = {f"{question} {one.name}": replace(asked, methods=[one]) for one in methods}
            for what, part in (of if question == "trust" else {question: asked}).items():
                found = self._kept(name, what, about, partial(QUESTIONS[question], world, part))
                for answer, some in found.items():
                    self.answers.setdefault(answer, []).extend(some)
                self._write()

    def _kept(self, dataset: str, what: str, about: list[Any], make: Callable[[], Any]) -> Any:
        """What an earlier run left, or made now."""
        path = self.arguments.out.parent / "work" / "explanations" / dataset / f"{slug(what)}.json"
        try:
            content = json.loads(path.read_text())
        except (OSError, ValueError):
            content = {}
        key = digest(about)
        if content.get("key") != key:
            content = {"key": key, "found": make()}
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, content)
        print(f"{dataset}: {what}", flush=True)
        return content["found"]

    def _write(self) -> None:
        content = document(self.command, self.cells, self.pairs, self.arguments.few, self.answers, self.datasets)
        self.content = write(self.arguments.out, content)


def _methods(seed: int) -> list[Method]:
    return [
        *(Sets(), Effect(), Share(), Chance(seed), Gradient(), Integrated()),
        *(kind(rate) for kind in (Masked, Paths) for rate in (0.01, 0.1)),
    ]


def _sizes(world: World) -> dict[str, int]:
    snapshot = world.snapshot
    return {
        "users": snapshot.num_users,
        "items": snapshot.num_items,
        "facts": len(world.effects.facts),
        "train": int(world.effects.train.nnz),
        "channels": len(world.flow.channels),
    }


def _arguments() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return [one.strip() for one in text.split(",") if one.strip()]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", default=list(SETS), metavar="SET", help=", ".join(SETS))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="folder of run directories, one a data set")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--few", type=int, default=100, help="pairs for what takes over 0.1 s a pair")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--methods", type=names, default=[], help="parts of names, by default all")
    parser.add_argument(
        "--questions", type=names, default=list(QUESTIONS), help=f"of {', '.join(QUESTIONS)}; by default all"
    )
    parser.add_argument("--refits", type=int, default=200, help="interactions that are refitted in closed form")
    parser.add_argument("--whole", type=int, default=0, help="interactions without which the whole model is refitted")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the whole refits")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "explanations.json")
    given = parser.parse_args()
    for what, some, every in (("data set", given.sets, SETS), ("question", given.questions, tuple(QUESTIONS))):
        for one in some:
            if one not in every:
                parser.error(f"unknown {what} {one!r}: one of {', '.join(every)}")
    return given


def _told(arguments: argparse.Namespace) -> Sequence[str]:
    """The options that decide results."""
    told = [*arguments.sets, "--pairs", arguments.pairs, "--few", arguments.few, "--seed", arguments.seed]
    return [str(one) for one in (*told, "--refits", arguments.refits, "--whole", arguments.whole)]


if __name__ == "__main__":
    sys.exit(main())
