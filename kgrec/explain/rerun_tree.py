"""What edges do to a recommendation, as a tree for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.explain import verdicts
from kgrec.explain.language import Language, plain
from kgrec.explain.rerun import RerunExplanation, Tried, told_seconds
from kgrec.explain.tree import add_contrast

if TYPE_CHECKING:
    from rich.tree import Tree


def render_rerun(explanation: RerunExplanation, shown: int) -> Tree:
    """A rich tree in the explanation's language: of each kind of edge those with the largest effects, then the set.

    Args:
        explanation: is shown.
        shown: how many edges of a kind.
    """
    from rich.text import Text
    from rich.tree import Tree

    language = Language.of(explanation.lang)
    say = language.say
    head = Text(plain(explanation.item_label), style="bold")
    if explanation.rank is not None:
        head.append(f"  {say('tree.rank', rank=explanation.rank)}", style="not bold")
    head.append(f"  {say('tree.score', score=f'{explanation.score:.4f}')}", style="not bold")
    tree = Tree(head)

    def line(one: Tried) -> Text:
        text = Text(f"{say('tree.effect', effect=f'{one.edge.effect:.3g}')}  ", style="bold cyan")
        text.append(plain(one.edge.text), style="default")
        if one.rank_without is not None:
            text.append(f"  {verdicts.moved(explanation.rank, one.rank_without, language)}", style="yellow")
        return text

    for about, tried in (
        (explanation.about_interactions, explanation.interactions),
        (explanation.about_facts, explanation.facts),
    ):
        branch = tree.add(Text(plain(about)))
        moving = [one for one in tried if one.edge.effect]
        for one in moving[:shown]:
            branch.add(line(one))
        rest = len(tried) - min(len(moving), shown)
        if moving and rest:
            branch.add(Text(say("rerun.more", count=language.number(rest)), style="dim"))
    if explanation.verdict:
        branch = tree.add(Text(explanation.verdict))
        for one in explanation.necessary or ():
            branch.add(line(one))
    if explanation.enough:
        branch = tree.add(Text(explanation.enough))
        for edge in explanation.sufficient or ():
            branch.add(Text(plain(edge.text)))
    if explanation.contrast is not None:
        add_contrast(tree, explanation.contrast, language)
    for note in explanation.notes:
        tree.add(Text(plain(note), style="italic"))
    cost = {"model": explanation.model, "runs": language.number(explanation.runs)}
    tree.add(Text(say("rerun.cost", **cost, seconds=told_seconds(explanation.seconds)), style="dim"))
    tree.add(Text(verdicts.claim(language), style="dim"))
    return tree
