"""Answers from a trained flow: recommending from histories, and the command line.

    python -m benchmarks.serving [RECIPE] [--data DIR] [--run-dir DIR]

CPU milliseconds a user for the top 10 from a history, one alone (bar: 5) and in batches of 64 (bar: 2), beside a bare
numpy product of the same shapes: dense factors times dense vectors, sparse ones as the rows that the histories reach.
CPU seconds of ``kgrec recommend`` and ``kgrec explain``, start included (bar: 2), user and system, with as many threads
as the libraries take.  What is not trained is trained first.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks._common import DATA, ROOT, median_of, verdict
from kgrec.flow.model import FlowScorer
from kgrec.pipeline.run import open_run
from kgrec.recommend import top_k

ALONE, BATCHED, COMMAND = 5.0, 2.0, 2.0
BATCH, USERS, RUNS, K = 64, 256, 5, 10


def cpu(work: Callable[[], object]) -> float:
    """CPU seconds."""
    start = time.process_time()
    work()
    return time.process_time() - start


def bare(scorer: FlowScorer, histories: sp.csr_array) -> Callable[[], None]:
    """The products of the channels' factors with dense vectors, nothing else: no gates, no selection of the best."""
    work = []
    for channel in scorer.flow.channels:
        reached = histories if channel.sources is None else histories[:, channel.sources]
        for number, factor in enumerate(channel.factors):
            left = reached if number == 0 else np.ones((histories.shape[0], factor.shape[0]), dtype=np.float32)
            if number and sp.issparse(factor):
                left = sp.csr_array(reached)
            work.append((left, factor))
            if sp.issparse(factor):
                reached = sp.csr_array(reached @ factor) if sp.issparse(reached) else reached

    def products() -> None:
        for left, factor in work:
            left @ factor

    return products


def command(arguments: Sequence[str]) -> float:
    """CPU seconds of a command of its own process."""
    environment = {key: value for key, value in os.environ.items() if not key.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [environment.get("PYTHONPATH")])])
    start = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "kgrec.cli.main", *arguments], check=True, stdout=subprocess.DEVNULL, env=environment
    )
    end = resource.getrusage(resource.RUSAGE_CHILDREN)
    return end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def main() -> int:
    """Prints all figures; 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", nargs="?", type=Path, default=ROOT / "recipes" / "lastfm-dbpedia.toml")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--run-dir", type=Path)
    arguments = parser.parse_args()
    run = open_run(arguments.recipe, data=arguments.data, run_dir=arguments.run_dir)
    run.train()
    snapshot, scorer = run.snapshot, run.scorer
    if not isinstance(scorer, FlowScorer):
        parser.error("the recipe's model is no flow")
    train = snapshot.matrix("train")
    users = np.random.default_rng(0).permutation(snapshot.num_users)[:USERS]
    histories = [train[[user]] for user in users]
    top_k(scorer.score(histories[0]), K, exclude=histories[0])

    alone = [
        cpu(lambda h=h, u=u: top_k(scorer.score(h, np.array([u])), K, exclude=h)) for h, u in zip(histories, users)
    ]
    plain = [cpu(bare(scorer, history)) for history in histories[:32]]
    held = verdict("one user, CPU ms", 1e3 * median_of(alone), ALONE, at_least=False)
    print(f"  bare products: {1e3 * median_of(plain):.3g} ms")

    some = users[:BATCH]
    batch = train[some]
    batched = [cpu(lambda: top_k(scorer.score(batch, some), K, exclude=batch)) / len(some) for _ in range(RUNS)]
    product = bare(scorer, batch)
    plain = [cpu(product) / len(some) for _ in range(RUNS)]
    held &= verdict(f"a user of {len(some)}, CPU ms", 1e3 * median_of(batched), BATCHED, at_least=False)
    print(f"  bare products: {1e3 * median_of(plain):.3g} ms")

    user = snapshot.of_type(snapshot.user_type)["iri"][int(users[0])]
    item = run.recommend(user, k=1)["item"][0]
    places = [str(arguments.recipe), "--data", str(arguments.data)]
    places += ["--run-dir", str(arguments.run_dir)] if arguments.run_dir else []
    for words in (["recommend", "--user", user], ["explain", "--user", user, "--item", item]):
        seconds = median_of(command([words[0], *places, *words[1:]]) for _ in range(RUNS))
        held &= verdict(f"kgrec {words[0]}, CPU s", seconds, COMMAND, at_least=False)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
