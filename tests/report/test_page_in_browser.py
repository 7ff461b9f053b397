"""report.html as a person uses it: opened from the disk in Debian's Chromium, an edge is clicked, the list moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from kgrec.explain.types import Explanation
from kgrec.pipeline.report import EXPLAINED, sample_users
from kgrec.report.moves import level
from tests.chromium import chromium as chromium  # a browser, as fixtures
from tests.chromium import page as page

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from kgrec.explain.whatif import WhatIf
    from kgrec.pipeline.run import Run

SHOWN = (
    """shown => [...shown.querySelectorAll('tbody tr')].map(row => [...row.children].map(cell => cell.textContent))"""
)
"""The opened lists row by row: place, item and score as it is; item, its place before, and score without the edge."""


@pytest.fixture(params=["small_run", "linear_run"], ids=["flow", "linear"])
def run(request: pytest.FixtureRequest) -> Run:
    """A run of each model that knows lists without an edge."""
    found: Run = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def report(page: Page, run: Run) -> Iterator[Page]:
    """The run's page, which may ask nothing of any network."""
    wrong: list[str] = []
    page.on("request", lambda request: None if request.url.startswith("file://") else wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text))
    page.goto(run.report_path().resolve().as_uri())
    yield page
    assert not wrong


def explained(run: Run) -> list[tuple[str, list[Explanation]]]:
    """The page's users, each with what the page explains, in its order."""
    snapshot = run.snapshot
    keys = [str(snapshot.of_type(snapshot.user_type)["key"][user]) for user in sample_users(run.recipe, snapshot)]
    return [(key, [run.explain(key, item) for item in run.recommend(key)["item"][:EXPLAINED]]) for key in keys]


def changes(explanation: Explanation) -> list[dict[str, Any] | None]:
    """Arguments of ``Run.what_if`` for each drawn edge, in the order of drawing; None where nothing can be taken."""
    found: list[dict[str, Any] | None] = []
    for path in explanation.paths:
        first = {"drop_items": [path.nodes[1].id]}
        for position, hop in enumerate(path.relations):
            ends = path.nodes[position : position + 2]
            source, target = ends if hop.direction == "forward" else reversed(ends)
            if hop.learned or position == 0:
                found.append(first)
            elif hop.kind == "fact":
                found.append({"drop": [f'"{source.id}","{hop.name}","{target.id}"']})
            else:
                found.append(None)
    return found


def said(answer: WhatIf) -> list[list[str]]:
    """What the page must say for an answer, row by row."""
    rows, length = [], len(answer.before)
    for old, new in zip(answer.before, answer.after, strict=True):
        left, was = old.other_rank, new.other_rank
        assert left is not None
        assert was is not None
        first = [str(old.rank), old.label + (f" → {left}" if left > length else ""), level(old.score)]
        mark = f"▲ {was}" if was > new.rank else f"▼ {was}" if was < new.rank else ""
        rows.append([*first, new.label, f"new, {was}" if was > length else mark, level(new.score)])
    return rows


def opened(card: Locator) -> list[list[str]]:
    shown: list[list[str]] = card.locator(".without").evaluate(SHOWN)
    return shown


def test_a_click_on_any_edge_shows_the_list_without_it(report: Page, run: Run, tmp_path: Path) -> None:
    moved, kinds = 0, set()
    for person, (user, explanations) in enumerate(explained(run)):
        for number, explanation in enumerate(explanations):
            card = report.locator(f'[data-person="{person}"] .reason').nth(number)
            arrows = card.locator("g.arrow").all()
            wanted = changes(explanation)
            assert len(arrows) == len(wanted)
            for arrow, arguments in zip(arrows, wanted, strict=True):
                if arguments is None:
                    assert arrow.get_attribute("role") is None
                    continue
                answer = run.what_if(user, k=run.recipe.report.k, **arguments)
                arrow.dispatch_event("click")
                assert arrow.get_attribute("aria-pressed") == "true"
                assert opened(card) == said(answer)
                learned = "learned" in (arrow.get_attribute("class") or "").split()
                assert card.get_by_text("A dashed step is learned").is_visible() == learned
                kinds.add("learned" if learned else next(iter(arguments)))
                if answer.moved and not moved:
                    report.screenshot(path=tmp_path / "without.png")
                    assert (tmp_path / "without.png").stat().st_size > 20_000
                moved += bool(answer.moved)
                arrow.dispatch_event("click")
                assert card.locator(".without").count() == 0
                assert report.locator("[aria-pressed=true]").count() == 0
    assert moved
    if run.recipe.model.name == "flow":
        assert kinds == {"learned", "drop_items", "drop"}
    else:
        # the linear model's paths are edges of its graph alone; its heaviest ones may pass no fact
        assert "drop_items" in kinds
        assert kinds <= {"drop_items", "drop"}


def test_by_mouse_and_by_keyboard(report: Page, run: Run, tmp_path: Path) -> None:
    user, (explanation, *_) = explained(run)[0]
    item = explanation.paths[0].nodes[1].id
    card = report.locator(".reason").first
    edge = card.locator("g.arrow.interaction .reach").first
    edge.scroll_into_view_if_needed()
    # a line's box is mostly empty: the pointer aims at the line
    x, y = edge.evaluate(
        "line => { const at = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());"
        " return [at.x, at.y] }"
    )
    expected = said(run.what_if(user, k=run.recipe.report.k, drop_items=[item]))
    report.mouse.click(x, y)
    assert opened(card) == expected
    report.screenshot(path=tmp_path / "mouse.png")
    report.mouse.click(x, y)
    assert card.locator(".without").count() == 0

    edge.locator("..").focus()
    report.keyboard.press("Enter")
    assert opened(card) == expected
    report.keyboard.press("Space")
    assert card.locator(".without").count() == 0

    # a reason's button takes its path's edges; another one in its place; the button in the list restores
    first, second = card.locator("li button.cut").all()[:2]
    first.click()
    second.click()
    assert first.get_attribute("aria-pressed") == "false"
    assert second.get_attribute("aria-pressed") == "true"
    report.emulate_media(color_scheme="dark")
    report.screenshot(path=tmp_path / "dark.png")
    card.locator("button.back").click()
    assert report.locator(".without").count() == 0
