"""Snapshot and vectors → a flow model: channels on folds, gates on what the folds hold out, channels on everything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from kgrec.config.flow import FlowConfig
from kgrec.dataset.features import Features
from kgrec.dataset.snapshot import Snapshot
from kgrec.errors import DataError, RecipeError, nearest
from kgrec.flow.ascent import Ascent, FlowsAt
from kgrec.flow.builder import Builder, Context
from kgrec.flow.candidates import QUICK, THOROUGH, Candidates, draw, flows_at
from kgrec.flow.channel import Channel
from kgrec.flow.crew import Crew, crew_of
from kgrec.flow.dial import Dial
from kgrec.flow.dial_fit import fit_dial
from kgrec.flow.folds import Fold, Kind, kind_of, make_folds
from kgrec.flow.gates import Catalogue, Gate, Gates, mean_of
from kgrec.flow.histories import Histories
from kgrec.flow.model import Flow
from kgrec.flow.part import Part
from kgrec.flow.registry import chosen
from kgrec.flow.regression import foretell
from kgrec.flow.softmax import fit_softmax
from kgrec.flow.universe import Universe
from kgrec.progress import SILENT, Progress

LEAST_USERS = 2
APART = 1000
"""Between the seeds of two fits of the same gates."""


def fit_flow(
    snapshot: Snapshot,
    config: FlowConfig | None = None,
    *,
    text: Features | None = None,
    kg: Features | None = None,
    seed: int = 0,
    device: str = "cpu",
    processes: int = 1,
    progress: Progress = SILENT,
) -> Flow:
    """Fits the model.

    Gates are fitted on what channels have not seen: on an inner fold of the training part, with the channels built on
    the rest of it; then the channels are built on the whole training part, and fitted to the validation part.  The sum
    of both scores is the model's.  Without a validation part, or where it holds unseen items alone, there is one more
    inner fold instead.  Where what is held out is the latest, or unseen items, each is the mean of a few fits
    (:class:`kgrec.flow.candidates.Effort`).

    Args:
        snapshot: nodes, edges, interactions.
        config: settings.
        text, kg: vectors by node type (:mod:`kgrec.dataset.features`).
        seed: of folds, samples and learned factors: the same seed gives the same model.
        device: of the builders that train.
        processes: that share the users on whom gates are fitted; the gates do not depend on how many there are.
        progress: is told what is switched off and shows the folds.

    Raises:
        DataError: there are no training interactions, too few users or items to rank, or a vector is not finite.
        RecipeError: an unknown channel.
    """
    config = config or FlowConfig()
    part = Part.of(snapshot, text, kg, config.neighbours, config.max_dense)
    if len(part.seen) < 2:
        raise DataError("there is one item only: nothing can be ranked", expected="two items or more")
    if (part.user_degree > 0).sum() < LEAST_USERS:
        raise DataError("there is one user only: nothing can be learned", expected="two users or more")
    builders = _available(part, config, progress)
    if part.num_items > config.gate_items:
        progress.say(f"gates are fitted on rankings of {config.gate_items:,} of {part.num_items:,} items")
    choices: dict[str, Any] = {}
    valid = snapshot.matrix("valid")
    kind = kind_of(part, valid, _times_of(snapshot) if part.times is not None else None)
    # a validation part of unseen items alone would say that to be unseen is to be relevant: inner folds hold both
    on_valid = bool(valid.nnz) and kind != "items"
    folds = make_folds(part, kind, config.folds + (not on_valid), config.held_out, seed)
    gates = []
    with progress.task("fitting the gates", len(folds), "folds") as task:
        for number, fold in enumerate(folds):
            context = Context(config, seed, device, fold.held_out, choices, progress=SILENT if number else progress)
            channels = build(fold.rest, builders, context)
            if not number:
                _refuse_unknown(config.without, context.built, channels, progress)
            gates.append(_fit_gates(fold, channels, valid, config, seed + number, kind, processes))
            # two builds at a time would be the most that is ever held
            del channels, context
            task.advance()
    channels = build(part, builders, Context(config, seed, device, None, choices))
    if on_valid:
        nothing: sp.csr_array = sp.csr_array(valid - valid)
        gates.append(_fit_gates(Fold(part, valid), channels, nothing, config, seed + len(folds), kind, processes))
    if not gates:
        progress.say("no user has three items: channels are summed as they are")
        gates = [_plain(channels)]
    items = catalogue(part)
    dial = fit_dial(channels, gates, items, part, valid, seed, config.gate_items) if config.dial else None
    if config.knowledge and dial is None:
        progress.say("knowledge stays at 0: the model has no literal knowledge, or no validation part to dial by")
    kept, gates = _compact(channels, gates, dial)
    return Flow(kept, tuple(gates), items, config, choices, seed, dial, link_axes=_axes(part, kept, gates))


def rebuild(flow: Flow, snapshot: Snapshot, text: Features | None, kg: Features | None, seed: int, device: str) -> Flow:
    """A fitted model's gates and choices over channels that are built on another snapshot."""
    part = Part.of(snapshot, text, kg, flow.config.neighbours, flow.config.max_dense)
    wanted = {one.family for one in flow.channels}
    builders = tuple(one for one in _available(part, flow.config, SILENT) if one.name in wanted | _sources(wanted))
    channels = build(part, builders, Context(flow.config, seed, device, None, dict(flow.choices)))
    known = {one.name for one in flow.channels}
    trained = list(flow.as_trained or flow.gates)
    kept, gates = _compact(tuple(one for one in channels if one.name in known), trained, flow.dial)
    axes = _axes(part, kept, gates)
    return Flow(kept, tuple(gates), catalogue(part), flow.config, flow.choices, seed, flow.dial, link_axes=axes)


def _axes(part: Part, channels: tuple[Channel, ...], gates: list[Gates]) -> NDArray[np.float32] | None:
    """What foretelling from other links than an item's own takes seconds to find; of very many links it is much to keep
    and quickly found."""
    foretells = any(one.family == "content" for one in channels) or any(one.prior[2] for one in gates)
    return part.content.link_axes if foretells and not part.content.searched else None


def _sources(families: set[str]) -> set[str]:
    """What some families are made from, and what those are made from."""
    after = {one.name: one.after for one in chosen((), ())}
    found: set[str] = set()
    front = list(families)
    while front:
        new = [name for name in after.get(front.pop(), ()) if name not in found]
        found.update(new)
        front += new
    return found


def build(part: Part, builders: tuple[Builder, ...], context: Context) -> tuple[Channel, ...]:
    """All channels on one part, in the builders' order."""
    channels: list[Channel] = []
    for builder in builders:
        made = builder.build(part, context)
        context.built[builder.name] = made
        channels.extend(one for one in made if one.name not in context.config.without)
    return tuple(channels)


def catalogue(part: Part) -> Catalogue:
    """What prior and gates read of the items, with the popularity of unseen ones foretold from their content."""
    foretold = np.zeros(part.num_items)
    features = part.content.vectors
    new: Any = np.flatnonzero(part.item_degree == 0) if features.size else []
    new = new[features[new].any(axis=1)] if len(new) else new
    if len(new):
        foretold[new] = foretell(part, features[new])
    return Catalogue(part.item_degree, foretold)


def _refuse_unknown(
    without: tuple[str, ...],
    built: dict[str, tuple[Channel, ...]],
    channels: tuple[Channel, ...],
    progress: Progress,
) -> None:
    """Names of single channels are known only when their family has been built."""
    for name in without:
        made = [one.name for one in built.get(name.split(":", 1)[0], ())]
        if ":" in name and made and name not in made:
            close = nearest(name, made) or made
            raise RecipeError(
                "no channel has this name", column="flow.without", value=name, remedy=f"did you mean {close[0]!r}?"
            )
    if not channels:
        progress.say("no channel is left: items are ranked by popularity alone")


def _available(part: Part, config: FlowConfig, progress: Progress) -> tuple[Builder, ...]:
    found = []
    for builder in chosen(config.channels, config.without):
        reason = builder.missing(part)
        if reason is None:
            found.append(builder)
        else:
            progress.say(f"channel {builder.name} is off: {reason}")
    return tuple(found)


def _fit_gates(
    fold: Fold,
    channels: tuple[Channel, ...],
    valid: sp.csr_array,
    config: FlowConfig,
    seed: int,
    kind: Kind,
    processes: int,
) -> Gates:
    rest, items = fold.rest, catalogue(fold.rest)
    effort = QUICK if kind == "random" else THOROUGH
    names = tuple(one.name for one in channels)
    # the validation part's items are as unseen by these channels as the fold's
    both = sp.csr_array(fold.held_out + valid)
    both = sp.csr_array(both - both.multiply(rest.train))
    both.eliminate_zeros()
    both.data[:] = 1.0
    users = _gate_users(both, config, seed)
    known, wanted = rest.train[users], sp.csr_array(both[users])
    universe = Universe.of(config.gate_items, channels, known, wanted, seed)
    items = universe.catalogue(items)
    histories = Histories.of(known, None if rest.times is None else rest.times[users], wanted, universe)
    mixes = []
    with crew_of(universe.channels(channels), processes) as crew:
        for number in range(effort.fits):
            draws = seed + APART * number
            first = draw(histories, crew, items, None, draws, effort)
            gates = fit_softmax(first, names, items, histories.log_size, draws, effort.steps, effort.l2)
            near = draw(histories, crew, items, gates, draws + 1, effort)
            # what is held out at random is no younger than the rest: age could only mislead
            recent = _recency_flows(near, histories, crew) if kind == "last" else None
            ascent = Ascent(near, names, items, histories.log_size, gates, recent, effort.errors)
            mixes.append(_standardised(ascent.climb(), near, ascent))
    relevant = histories.relevant
    log_degree = float((relevant @ items.log_degree).sum()) / max(relevant.nnz, 1)
    return mean_of(mixes, float(histories.log_size.mean()), log_degree)


def _gate_users(relevant: sp.csr_array, config: FlowConfig, seed: int) -> NDArray[np.int64]:
    users = np.flatnonzero(np.diff(relevant.indptr))
    if len(users) <= config.gate_users:
        return users
    return np.sort(np.random.default_rng(seed).choice(users, config.gate_users, replace=False))


def _recency_flows(near: Candidates, histories: Histories, crew: Crew) -> FlowsAt | None:
    if histories.times is None:
        return None
    kept: dict[tuple[str, float], NDArray[np.float32]] = {}

    def flow(name: str, power: float) -> NDArray[np.float32]:
        if (name, power) not in kept:
            kept[name, power] = flows_at(near.items, histories, crew, {name: power}, name)[:, 0]
        return kept[name, power]

    return flow


def _standardised(gates: Gates, near: Candidates, ascent: Ascent) -> Gates:
    """Scaled so that a user's scores spread over the sampled items with standard deviation 1, on average."""
    sampled = np.isfinite(near.log_weight)
    spread = [score[row].std() for score, row in zip(ascent.score, sampled) if row.any()]
    typical = float(np.mean(spread)) if spread else 0.0
    # where all items score alike there is nothing but rounding to be spread out
    return replace(gates, scale=1.0 / typical if typical > 1e-6 else 1.0)


def _plain(channels: tuple[Channel, ...]) -> Gates:
    return Gates({one.name: Gate(1.0) for one in channels}, (0.1, 0.0, 0.0))


def _compact(
    channels: tuple[Channel, ...], gates: list[Gates], dial: Dial | None
) -> tuple[tuple[Channel, ...], list[Gates]]:
    """Without the channels whose gate is 0 in every fold and wherever the dial stands, unless one that stays needs
    them; a channel that a fold had not gets the gate 0 there."""
    off = Gate(0.0)
    dialled = frozenset() if dial is None else dial.channels
    used = {c.name for c in channels if c.name in dialled or any(g.by_channel.get(c.name, off).strength for g in gates)}
    families = {one.family for one in channels if one.name in used}
    needed = {name for builder in chosen(sorted(families), ()) for name in builder.keeps} if families else set()
    kept = tuple(one for one in channels if one.name in used or one.family in needed)
    return kept, [replace(g, by_channel={one.name: g.by_channel.get(one.name, off) for one in kept}) for g in gates]


def _times_of(snapshot: Snapshot) -> NDArray[np.float64] | None:
    """Of the validation interactions, on the scale of :func:`~kgrec.flow.part.training_times`."""
    pairs = snapshot.pairs("valid").sort("user", "item")
    if pairs["timestamp"].null_count():
        return None
    first = float(snapshot.pairs("train")["timestamp"].to_numpy().min())
    return np.asarray(pairs["timestamp"].to_numpy().astype(np.float64) - first + 1.0)
