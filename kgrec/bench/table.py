"""The table as rows of text, for a terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgrec.bench.contenders import REFERENCE
from kgrec.bench.measure import HIDDEN

ACCURACY = ("ndcg@10", "recall@10", "mrr@10", "ndcg@20", "recall@20", "mrr@20")
BREADTH = ("coverage@10", "gini@10", "coverage@20", "gini@20", "tail_recall@20", "balanced_recall@20")
ORDER = ("flagship", "baseline", "zoo", "ablation")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """A part of the table.

    Attributes:
        title: what it is about.
        header: of the columns; the first is the model's.
        rows: text cells.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """As a Markdown table under its title."""
        lines = [self.header, ("---",) * len(self.header), *self.rows]
        return f"**{self.title}**\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines)


def blocks(document: Mapping[str, Any], part: str) -> Iterator[Block]:
    """Accuracy, then breadth, of every data set and fit; published rows stand below the fits on the training part.

    Args:
        document: of ``quality.json``.
        part: ``valid`` or ``test``.
    """
    rows = [row for row in document["table"] if part in row]
    for dataset in dict.fromkeys(row["dataset"] for row in rows):
        for fit in ("train", "train+valid"):
            here = _sorted([row for row in rows if (row["dataset"], row["fit"]) == (dataset, fit)], part)
            if not here:
                continue
            cited = [row for row in document["published"] if part == "test" and row["dataset"] == dataset]
            title = f"{dataset}, {part} part, fitted on {fit.replace('+', ' and ')}"
            yield _accuracy(title, here, part, cited if fit == "train" else [])
            yield _breadth(title, here, part)
    yield from _left_out(document)


def _sorted(rows: Sequence[Row], part: str) -> list[Row]:
    return sorted(rows, key=lambda row: (ORDER.index(row["group"]), -row[part]["metrics"]["ndcg@10"]))


def _accuracy(title: str, rows: Sequence[Row], part: str, cited: Sequence[Row]) -> Block:
    hidden = (HIDDEN,) if any(HIDDEN in row[part]["metrics"] for row in rows) else ()
    names = (*ACCURACY, *hidden)
    bases = [name for row in rows for name in row[part].get("difference", {}) if name != REFERENCE]
    other = next(iter(bases), None)
    columns = (f"ndcg@10 − {REFERENCE}", *((f"ndcg@10 − {other}",) if other else ()))
    lines = []
    for row in rows:
        figures = row[part]
        gained = [
            _interval(figures.get("difference", {}).get(name, {}).get("ndcg@10"))
            for name in (REFERENCE, *((other,) if other else ()))
        ]
        values = [short(figures["metrics"].get(name)) for name in names]
        if row["seeded"] and figures["seeds"] > 1:
            values[0] += f" ±{short(figures['sd']['ndcg@10'])}"
        seeds = str(figures["seeds"]) if row["seeded"] else "–"
        lines.append((row["model"], *values, *gained, seeds, f"{row['cpu_s']:.1f}", f"{row['peak_mb']:.0f}"))
    for row in cited:
        values = [short(row["metrics"].get(name)) for name in names]
        lines.append((f"{row['model']} (published)", *values, *("" for _ in columns), "", "", ""))
    return Block(title, ("model", *names, *columns, "seeds", "CPU s", "peak MB"), tuple(lines))


def _breadth(title: str, rows: Sequence[Row], part: str) -> Block:
    lines = [(row["model"], *(short(row[part]["metrics"].get(name)) for name in BREADTH)) for row in rows]
    return Block(f"{title}: breadth", ("model", *BREADTH), tuple(lines))


def _left_out(document: Mapping[str, Any]) -> Iterator[Block]:
    lines = [
        (f"{cell['dataset']} {cell['model']}, {cell['fit']}, seed {cell['seed']}", cell["status"], cell["reason"])
        for cell in document["cells"]
        if cell["status"] != "done"
    ]
    if lines:
        yield Block("without figures", ("cell", "", "why"), tuple((a, b, c.replace("\n", " ")) for a, b, c in lines))


def markdown(document: Mapping[str, Any], part: str) -> str:
    """All blocks, how to read them, and where cited rows come from."""
    text = [
        f"Means over seeds (± standard deviation over seeds); differences to {REFERENCE} of the same fit with 95 % "
        "paired bootstrap intervals over users; command: `" + document["command"] + "`.",
        *(block.markdown() for block in blocks(document, part)),
    ]
    if part == "test":
        sources: dict[str, list[str]] = {row["source"]: [] for row in document["published"]}
        for row in document["published"]:
            sources[row["source"]].append(f"{row['model']} ({row['dataset']})")
        text += [f"Published: {', '.join(names)}: {source}." for source, names in sources.items()]
    return "\n\n".join(text) + "\n"


def short(value: float | None) -> str:
    """``.1234``, ``-.0012``, or nothing."""
    if value is None:
        return ""
    return f"{value:.4f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.3f}"


def _interval(three: Sequence[float] | None) -> str:
    if not three:
        return ""
    value, low, high = map(short, three)
    return f"{value} [{low}, {high}]"
