"""Writes report.html: everything the page shows is made here, the template only places and escapes it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from kgrec.explain.types import Explanation
from kgrec.explain.without import Cut, Without
from kgrec.explain.wording import plain
from kgrec.report import charts
from kgrec.report.channels import channels_view
from kgrec.report.dial import dial_view
from kgrec.report.drawing import Drawing, draw
from kgrec.report.graph import graph_view
from kgrec.report.moves import SetView, moves, numbered, sets, signed, stands
from kgrec.report.tables import embedding_view, evaluation_view

HISTORY_SHOWN = 24


@dataclass(frozen=True)
class Sample:
    """A user for the page.

    Attributes:
        user: the user's id.
        history: labels of what they interacted with.
        recommendations: mappings with rank, item, label and score; ``held_out`` true where the user did interact with
            the item in the part that the model never saw.
        explanations: of some of the recommendations.
        without: what each of their edges, paths and necessary sets does to the list; empty where the model cannot say.
    """

    user: str
    history: Sequence[str]
    recommendations: Sequence[Mapping[str, Any]]
    explanations: Sequence[Explanation] = ()
    without: Mapping[Cut, Without] = field(default_factory=dict)


@dataclass(frozen=True)
class _Reason:
    """An explanation with its drawing, the shares of its numbers for the stacked bar, the number of what can be taken
    away for each path, and the sets."""

    of: Explanation
    drawing: Drawing | None
    shares: tuple[tuple[str, float, str], ...]
    cuts: tuple[int | None, ...]
    sets: tuple[SetView, ...]


def write_report(
    path: str | Path,
    *,
    title: str,
    profile: Mapping[str, Any] | None = None,
    embedding: Mapping[str, Any] | None = None,
    history: Sequence[Mapping[str, Any]] = (),
    channels: Mapping[str, Any] | None = None,
    dial: Mapping[str, Any] | None = None,
    evaluation: Mapping[str, Any] | None = None,
    samples: Sequence[Sample] = (),
) -> None:
    """Writes one HTML file that needs no network and no other file.  The same input gives the same bytes.

    Its only script shows lists that are in the page already; without it everything but those can be read.

    Args:
        path: the file.
        title: of the run.
        profile: what ``profile.json`` holds.
        embedding: ``metrics.json`` of the knowledge-graph embedding.
        history: an epoch each with epoch, loss and val_ndcg (None where it was not measured).
        channels: what ``channels.json`` of a flow holds; dial: its ``dial.json``.
        evaluation: the document of ``kgrec evaluate --json``.
        samples: users with their lists and reasons.

    Every part but the title may be missing: its section then says so or is left out.
    """
    changes = [moves(sample.without) for sample in samples]
    text = _render(
        title=plain(title),
        graph=graph_view(profile or {}),
        curves=_training_curves(history),
        epochs=len(history),
        embedding=embedding_view(embedding or {}),
        channels=channels_view(channels or {}),
        dial=dial_view(dial or {}),
        evaluation=evaluation_view(evaluation or {}),
        samples=[_sample(sample) for sample in samples],
        changes=changes if any(changes) else None,
        **_script(any(changes)),
    )
    Path(path).write_text(text, encoding="utf-8", newline="\n")


def _render(**context: object) -> str:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["short"] = charts.short
    environment.filters["plain"] = plain
    environment.filters["signed"] = signed
    environment.globals["stands"] = stands
    # tojson writes <, >, & and ' as escapes, so that no label ends the element that it stands in
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False}
    template = _file("template.html.j2")
    return environment.from_string(template).render(**context)


def _file(name: str) -> str:
    return files("kgrec.report").joinpath(name).read_text(encoding="utf-8")


def _script(wanted: bool) -> dict[str, str]:
    """The page's script and its hash: the page's policy lets no other one run."""
    if not wanted:
        return {"script": "", "script_hash": ""}
    script = _file("moves.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"script": script, "script_hash": f"sha256-{digest}"}


def _training_curves(history: Sequence[Mapping[str, Any]]) -> list[charts.Curve]:
    epochs = [entry.get("epoch", n + 1) for n, entry in enumerate(history)]
    drawn = [
        charts.curve("Training loss (lower is better)", epochs, [entry.get("loss") for entry in history]),
        charts.curve(
            "NDCG@10 on the validation part (higher is better)",
            epochs,
            [entry.get("val_ndcg") for entry in history],
            best="max",
        ),
    ]
    return [line for line in drawn if line is not None]


def _sample(sample: Sample) -> dict[str, Any]:
    shown = [plain(label) for label in sample.history[:HISTORY_SHOWN]]
    return {
        "user": plain(sample.user),
        "history": shown,
        "more": len(sample.history) - len(shown),
        "total": len(sample.history),
        "recommendations": sample.recommendations,
        "any_held_out": any(row.get("held_out") for row in sample.recommendations),
        "reasons": [
            _Reason(
                each,
                draw(each, sample.without),
                _shares(each),
                numbered(each, sample.without),
                sets(each, sample.without),
            )
            for each in sample.explanations
        ],
    }


def _shares(explanation: Explanation) -> tuple[tuple[str, float, str], ...]:
    """Parts of the score as (kind, percent of the bar, text): the paths shown, the others, what no path carries.

    Sizes are absolute, so a negative part takes room too; its text tells the sign.
    """
    shown = ("shown", sum(path.weight for path in explanation.paths), "the paths drawn here")
    if explanation.knowledge is None:
        parts = [
            shown,
            ("other", explanation.other_paths, "all other walks in the graph"),
            ("rest", explanation.remainder, "remainder: no path carries it"),
        ]
    else:
        parts = [
            shown,
            ("other", explanation.other_paths, "all other paths"),
            ("rest", explanation.prior, "popularity: no path carries it"),
        ]
    total = sum(abs(value) for _, value, _ in parts)
    if total == 0:
        return ()
    return tuple((kind, round(100 * abs(value) / total, 2), f"{value:.3g} {what}") for kind, value, what in parts)
