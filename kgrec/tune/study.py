"""Free tuning by Optuna, kept in a journal so that it goes on after a kill at any moment.

Every trial draws from a sampler seeded by the study's seed and by how many trials have ended.  One that a kill left
running is marked as failed and does not count, so the next trial tries its parameters again and an interrupted study
ends where an undisturbed one would have.  Sampler: TPE (Bergstra et al., Algorithms for
hyper-parameter optimization, NIPS 2011).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from kgrec.config.space import OneOf, Range, Real, Space
from kgrec.errors import KgrecError
from kgrec.progress import SILENT, Progress

STARTUP = 10
"""Trials drawn at random before the sampler learns."""
HOPELESS = 10
"""Trials that could not be fitted, one after the other, after which none is tried any more."""
REASON = "reason"


@dataclass(frozen=True)
class Tuned:
    """How a study stands.

    Attributes:
        best: parameters of the best finished trial.
        value: its validation NDCG@10.
        trials: finished trials, each ``{"number", "value", "cpu_seconds", "settings"}``, in order.
        refused: how many could not be fitted.
    """

    best: Mapping[str, Any]
    value: float
    trials: tuple[Mapping[str, Any], ...]
    refused: int


def tune(
    journal: Path,
    name: str,
    space: Space,
    measure: Callable[[Mapping[str, Any]], float],
    *,
    trials: int,
    timeout: float | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Tuned:
    """Goes on with a study until it has so many finished trials.

    Args:
        journal: the file; made where missing.
        name: of the study in it.
        space: parameter → range.
        measure: settings → validation NDCG@10.
        trials: finished trials in all, those of earlier runs counted.
        timeout: seconds after which no further trial is begun.
        seed: the same seed gives the same trials.
        progress: shows the trials.

    Raises:
        KgrecError: no trial could be finished; says why the last one failed.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    _fail_what_died(study)
    start = time.monotonic()
    with progress.task(f"tuning {name}", trials, "trials") as task:
        task.advance(min(len(_finished(study)), trials))
        in_a_row = 0
        while (done := len(_finished(study))) < trials:
            if timeout is not None and time.monotonic() - start > timeout:
                progress.say(f"{timeout:g} s are over: {done} of {trials} trials are finished; run again to go on")
                break
            study.sampler = _sampler(seed, done, len(_refused(study)))
            trial = study.ask({key: _distribution(value) for key, value in space.items()})
            before = time.process_time()
            try:
                value = measure(trial.params)
            except KgrecError as error:
                trial.set_user_attr(REASON, str(error))
                study.tell(trial, state=TrialState.FAIL)
                progress.say(f"trial {trial.number} could not be fitted: {error}")
                in_a_row += 1
                if in_a_row == HOPELESS:
                    progress.say(f"{HOPELESS} trials in a row could not be fitted: no more are tried")
                    break
                continue
            in_a_row = 0
            trial.set_user_attr("cpu_seconds", round(time.process_time() - before, 3))
            study.tell(trial, value)
            task.describe(f"tuning {name}, best NDCG@10 {study.best_value:.4f}")
            task.advance()
    finished = _finished(study)
    if not finished:
        reasons = [str(trial.user_attrs[REASON]) for trial in _refused(study)]
        raise KgrecError(f"no trial of {name} could be finished: {reasons[-1] if reasons else 'no time was given'}")
    best = max(finished, key=lambda trial: (trial.values[0], -trial.number))
    rows = tuple(
        {
            "number": trial.number,
            "value": trial.values[0],
            "cpu_seconds": trial.user_attrs.get("cpu_seconds"),
            "settings": trial.params,
        }
        for trial in finished
    )
    return Tuned(best.params, best.values[0], rows, len(_refused(study)))


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _refused(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that could not be fitted; those that a kill ended are not among them."""
    return [trial for trial in study.get_trials(False, (TrialState.FAIL,)) if REASON in trial.user_attrs]


def _fail_what_died(study: optuna.Study) -> None:
    """The caller holds the run directory: whatever still runs was left by a process that is gone."""
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)


def _sampler(seed: int, done: int, refused: int) -> optuna.samplers.BaseSampler:
    mixed = int(np.random.SeedSequence([seed, done, refused]).generate_state(1)[0])
    return optuna.samplers.TPESampler(seed=mixed, n_startup_trials=STARTUP, multivariate=True)


def _distribution(value: Range) -> BaseDistribution:
    if isinstance(value, OneOf):
        return CategoricalDistribution(value.values)
    if isinstance(value, Real):
        return FloatDistribution(value.low, value.high, log=value.log)
    return IntDistribution(value.low, value.high, log=value.log)
