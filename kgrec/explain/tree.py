"""An explanation as a tree for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kgrec.explain import verdicts
from kgrec.explain.language import Language, plain
from kgrec.explain.types import Causes, Contrast, Explanation, Path

if TYPE_CHECKING:
    from rich.tree import Tree


def chain(path: Path, lang: str = "en") -> str:
    """A path on one line with its edges as the graph holds them, learned hops dotted:
    ``you —interacts→ A —genre→ B ←genre— C``, ``you —interacts→ A ┄co-preference, 12 people┄▷ B``."""
    language = Language.of(lang)
    text = language.say("person.you")
    for hop, node in zip(path.relations, path.nodes[1:], strict=True):
        label = plain(hop.label) if hop.kind == "fact" else language.say(f"kind.{hop.kind}")
        if hop.learned:
            support = [language.people(hop.support)] if hop.support else []
            text += f" ┄{language.words['list.join'].join([label, *support])}┄▷ {plain(node.label)}"
            continue
        text += f" —{label}→ " if hop.direction == "forward" else f" ←{label}— "
        text += plain(node.label)
    return text


def render(explanation: Explanation) -> Tree:
    """A rich tree in the explanation's language: one branch a path with its weight, sentence and edges; then the
    entities, then what is left.

    Labels are shown as they are: rich's markup in them has no effect.
    """
    from rich.text import Text
    from rich.tree import Tree

    language = Language.of(explanation.lang)
    say = language.say

    def weighed(weight: float, what: str, key: str = "weight") -> Text:
        return Text(f"{say(f'tree.{key}', weight=f'{weight:.3g}')}  {what}")

    def does(path: Path) -> Text:
        """What the item loses without the path; where that is not known, what the path carries."""
        if path.effect is None:
            return sentence(path.weight, path.text)
        head = Text(f"{say('tree.effect', effect=f'{path.effect:.3g}')}  ", style="bold cyan")
        head.append(f"{say('tree.share', share=f'{path.share:.3g}')}  ", style="cyan").append(
            path.text, style="default"
        )
        if path.rank_without is not None:
            head.append(f"  {verdicts.moved(explanation.rank, path.rank_without, language)}", style="yellow")
        return head

    def sentence(weight: float, text: str) -> Text:
        return Text(f"{say('tree.weight', weight=f'{weight:.3g}')}  ", style="cyan").append(text, style="default")

    what = "walks" if explanation.knowledge is None else "paths"
    head = Text(plain(explanation.item_label), style="bold")
    if explanation.rank is not None:
        head.append(f"  {say('tree.rank', rank=explanation.rank)}", style="not bold")
    head.append(f"  {say('tree.score', score=f'{explanation.score:.4f}')}", style="not bold")
    tree = Tree(head)
    for path in explanation.paths:
        branch = tree.add(does(path))
        branch.add(Text(chain(path, explanation.lang), style="dim"))
    if explanation.paths:
        tree.add(weighed(explanation.other_paths, say(f"tree.other_{what}")))
    elif explanation.paths_total:
        tree.add(weighed(explanation.paths_total, say(f"tree.all_{what}")))
    if explanation.knowledge is None:
        tree.add(weighed(explanation.remainder, say("tree.remainder_is"), "remainder"))
    else:
        tree.add(weighed(explanation.prior, say("tree.popularity_is"), "popularity"))
        branch = tree.add(Text(say("tree.knowledge", percent=f"{100 * explanation.knowledge:.1f}")))
        for through in explanation.entities:
            branch.add(sentence(through.weight, through.text))
        channels = language.words["list.join"].join(f"{name} {part:.3g}" for name, part in explanation.channels)
        tree.add(Text(say("tree.channels", channels=channels)))
    if explanation.causes is not None:
        _add_causes(tree, explanation.causes, language)
        tree.add(Text(verdicts.claim(language), style="dim"))
    for note in explanation.notes:
        tree.add(Text(plain(note), style="italic"))
    return tree


def _add_causes(tree: Tree, causes: Causes, language: Language) -> None:
    from rich.text import Text

    for text, edges in zip(causes.texts, (causes.necessary, causes.sufficient), strict=False):
        branch = tree.add(Text(text))
        for edge in edges or ():
            branch.add(Text(plain(edge.text)))
    if causes.contrast is not None:
        add_contrast(tree, causes.contrast, language)


def add_contrast(tree: Tree, contrast: Contrast, language: Language) -> None:
    """Why one item stands above another, as a branch: what does most for it, then what turns the two round."""
    from rich.text import Text

    branch = tree.add(Text(plain(contrast.text or language.say("contrast.nothing"))))
    for edge in contrast.edges:
        branch.add(Text(f"{edge.effect:.3g}  ", style="cyan").append(plain(edge.text), style="default"))
    if contrast.turned_by is None:
        tree.add(Text(language.say("contrast.stays")))
        return
    branch = tree.add(Text(language.counted("contrast.turned", len(contrast.turned_by))))
    for edge in contrast.turned_by:
        branch.add(Text(plain(edge.text)))
