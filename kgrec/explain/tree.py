"""An explanation as a tree for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.explain.types import Explanation, Path
from kgrec.explain.wording import people, plain

if TYPE_CHECKING:
    from rich.tree import Tree


def chain(path: Path) -> str:
    """A path on one line with its edges as the graph holds them, learned hops dotted:
    ``you —interacts→ A —genre→ B ←genre— C``, ``you —interacts→ A ┄co-preference, 12 people┄▷ B``."""
    text = "you"
    for hop, node in zip(path.relations, path.nodes[1:], strict=True):
        label = plain(hop.label)
        if hop.learned:
            text += f" ┄{label}{f', {people(hop.support)}' if hop.support else ''}┄▷ {plain(node.label)}"
            continue
        text += f" —{label}→ " if hop.direction == "forward" else f" ←{label}— "
        text += plain(node.label)
    return text


def _what(explanation: Explanation) -> str:
    return "walks between the two" if explanation.knowledge is None else "paths"


def render(explanation: Explanation) -> Tree:
    """A rich tree: one branch a path with its weight, sentence and edges; then the entities, then what is left.

    Labels are shown as they are: rich's markup in them has no effect.
    """
    from rich.text import Text
    from rich.tree import Tree

    head = Text(plain(explanation.item_label), style="bold")
    if explanation.rank is not None:
        head.append(f"  rank {explanation.rank}", style="not bold")
    head.append(f"  score {explanation.score:.4f}", style="not bold")
    tree = Tree(head)
    for path in explanation.paths:
        branch = tree.add(Text(f"weight {path.weight:.3g}  ", style="cyan").append(path.text, style="default"))
        branch.add(Text(chain(path), style="dim"))
    if explanation.paths:
        tree.add(Text(f"weight {explanation.other_paths:.3g}  all other {_what(explanation)}"))
    elif explanation.paths_total:
        tree.add(Text(f"weight {explanation.paths_total:.3g}  all {_what(explanation)}"))
    if explanation.knowledge is None:
        tree.add(Text(f"remainder {explanation.remainder:.3g}  what no path carries"))
    else:
        tree.add(Text(f"popularity {explanation.prior:.3g}  what the item scores for everybody; no path"))
        branch = tree.add(Text(f"{100 * explanation.knowledge:.1f} % of the score is carried by facts of the graph"))
        for through in explanation.entities:
            branch.add(Text(f"weight {through.weight:.3g}  ", style="cyan").append(through.text, style="default"))
        tree.add(Text("by channel: " + ", ".join(f"{name} {part:.3g}" for name, part in explanation.channels)))
    for note in explanation.notes:
        tree.add(Text(plain(note), style="italic"))
    return tree
