"""Neo4j Browser as a person uses it: Debian's Chromium opens the link, logs in, runs the query, looks."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.chromium import chromium as chromium  # a browser, as fixtures
from tests.chromium import page as page
from tests.cli.conftest import kgrec as kgrec  # the command line, as a fixture

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from kgrec.pipeline.run import Run
    from tests.conftest import LiveNeo4j

OWNED = {"FOR", "RECOMMENDS", "STEP"}
DRAWN = """() => {
  const frame = document.querySelector('[data-testid="frame"]');
  const of = shape => [...frame.querySelectorAll(shape)].map(one => [one.__data__, one]);
  return {
    nodes: of('g.node').map(([n, one]) => ({id: n.propertyMap.id, fill: one.querySelector('circle.b-outline')
      .getAttribute('fill'), text: [...one.querySelectorAll('text')].map(t => t.textContent).join(' ')})),
    relationships: of('g.relationship').map(([r, one]) => ({type: r.type, source: r.source.propertyMap.id,
      target: r.target.propertyMap.id, fill: one.querySelector('path').getAttribute('fill')})),
  };
}"""
"""What is drawn in the newest frame: nodes by their id, relationships by type and ends, with their colours."""


def log_in(page: Page, link: str, password: str) -> None:
    """Opens a link and logs in where Browser asks."""
    page.goto(link)
    page.get_by_test_id("password").fill(password)
    page.get_by_test_id("connect").click()
    page.get_by_text("You are connected as user").first.wait_for()


def run(page: Page) -> None:
    """Runs what the link has put into the editor."""
    page.get_by_test_id("editor-Run").click()


def drop(page: Page, file: Path) -> None:
    """Drops a file onto the window."""
    arguments = [file.name, base64.b64encode(file.read_bytes()).decode()]
    files = page.evaluate_handle(
        "([name, content]) => { const all = new DataTransfer();"
        " all.items.add(new File([Uint8Array.from(atob(content), c => c.charCodeAt(0))], name)); return all }",
        arguments,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event('[data-testid="main"]', event, {"dataTransfer": files})


def drawn(page: Page, nodes: int, relationships: int) -> dict[str, Any]:
    """What the newest frame shows, once it has so many nodes and relationships: Browser connects the nodes with a query
    of its own."""
    page.wait_for_function(
        "([n, r]) => { const frame = document.querySelector('[data-testid=frame]');"
        " return frame?.querySelectorAll('g.node').length == n"
        " && frame.querySelectorAll('g.relationship').length == r; }",
        arg=[nodes, relationships],
    )
    content: dict[str, Any] = page.evaluate(DRAWN)
    return content


def test_an_explanation_is_drawn(
    page: Page, server: LiveNeo4j, small_run: Run, kgrec: Callable[..., Any], tmp_path: Path
) -> None:
    places = [str(small_run.paths.recipe), "--run-dir", str(small_run.paths.run)]
    published = json.loads(kgrec("publish", *places, "--to", "neo4j", "--users", "7,21", "-k", "3", "--json").out)
    item = small_run.recommend("7", k=1)["item"][0]
    answer = kgrec("explain", *places, "--user", "7", "--item", item, "--browser")
    assert answer.code == 0
    (link,) = answer.out.split()
    password = server.connection.password
    assert password is not None
    assert password not in link

    log_in(page, link, password)
    drop(page, Path(published["files"][0]))
    page.get_by_text("relationship.STEP {").wait_for()
    run(page)
    explanation = f"{published['run']}/7/{item}"
    returned = server.rows(
        "MATCH (e:Explanation {id: $id})-[r:FOR|RECOMMENDS|STEP]->(n) RETURN type(r), e.id, n.id", id=explanation
    )
    ids = {explanation, *(row[2] for row in returned)}
    joined = "MATCH (a)-[r]->(b) WHERE a.id IN $ids AND b.id IN $ids RETURN count(r)"
    shown = drawn(page, len(ids), server.rows(joined, ids=sorted(ids))[0][0])
    page.screenshot(path=tmp_path / "explanation.png")

    # the drawn nodes are exactly those returned, each once
    assert sorted(node["id"] for node in shown["nodes"]) == sorted(ids)
    of_type = Counter((r["type"], r["source"], r["target"]) for r in shown["relationships"])
    # every relationship that was returned is drawn, and nothing else of its type
    own = Counter({edge: number for edge, number in of_type.items() if edge[0] in OWNED})
    assert own == Counter(tuple(row) for row in returned)
    # whatever else is drawn is in the graph, joins two shown nodes and looks otherwise
    between = server.rows(
        "MATCH (a)-[r]->(b) WHERE a.id IN $ids AND b.id IN $ids AND NOT type(r) IN $own RETURN type(r), a.id, b.id",
        ids=sorted(ids),
        own=sorted(OWNED),
    )
    others = Counter({edge: number for edge, number in of_type.items() if edge[0] not in OWNED})
    assert others
    assert others == Counter(tuple(row) for row in between)
    published_as = {r["fill"] for r in shown["relationships"] if r["type"] in OWNED}
    assert "#E8820C" in published_as
    assert published_as.isdisjoint(r["fill"] for r in shown["relationships"] if r["type"] not in OWNED)
    learned = {r["fill"] for r in shown["relationships"] if r["type"] == "LEARNED_HOP"}
    literal = {r["fill"] for r in shown["relationships"] if r["type"] not in {"LEARNED_HOP", *OWNED}}
    assert learned.isdisjoint(literal)
    fills = {node["id"]: node["fill"] for node in shown["nodes"]}
    assert len({fills[explanation], fills["urn:kgrec:User/7"], fills[f"urn:kgrec:Movie/{item}"]}) == 3
    assert (tmp_path / "explanation.png").stat().st_size > 20_000

    # the favourites become a folder
    drop(page, Path(published["files"][2]))
    page.get_by_test_id("navigationFavorites").click()
    page.get_by_text("kgrec", exact=True).first.click()
    page.get_by_text("All users to whom an entity matters").wait_for()


def test_the_link_of_the_managed_server_and_its_database(page: Page, server: LiveNeo4j) -> None:
    """However its address is written, the link leads to its own Browser and to the database that is meant."""
    from kgrec.publish.browser import browser_url, link
    from kgrec.store.neo4j.server import running

    state = running(server.home)
    assert state is not None
    to = replace(server.connection, uri=server.connection.uri.replace("127.0.0.1", "localhost"), database="system")
    assert "localhost" in to.uri
    assert browser_url(to) == state.browser_url
    assert browser_url(replace(to, uri="bolt://localhost:1")) == "http://localhost:7474/browser/"
    address = link(browser_url(to), to, "SHOW DATABASES")
    assert "&db=system&" in address
    assert "&db=" not in link(browser_url(to), server.connection, "RETURN 1")
    log_in(page, address, server.connection.password or "")
    page.get_by_text("system$").first.wait_for()


def test_the_guide(page: Page, server: LiveNeo4j, small_run: Run) -> None:
    """Five queries, each a link that puts it into Browser's editor; each answers."""
    from kgrec.store.neo4j.server import running

    for name in ("small", "other"):
        small_run.publish("neo4j", ["7", "21"], 2, name=name, interventions=False)
    state = running(server.home)
    assert state is not None
    assert state.guide_url is not None
    page.goto(state.guide_url)
    page.wait_for_function("() => document.querySelectorAll('a.open[href]').length == 5")
    links = [link.get_attribute("href") for link in page.locator("a.open").all()]
    queries = [text.inner_text() for text in page.locator("pre").all()]
    for query in queries:
        assert server.rows(query)
    for link in links:
        assert link is not None
        assert link.startswith(f"{state.browser_url}?preselectAuthMethod=NATIVE&dbms=bolt://neo4j@127.0.0.1:")
    assert links[1] is not None
    log_in(page, links[1], server.connection.password or "")
    run(page)
    with server.driver.session() as session:
        ids = [node.element_id for node in session.run(queries[1]).graph().nodes]
    joined = "MATCH (a)-[r]->(b) WHERE elementId(a) IN $ids AND elementId(b) IN $ids RETURN count(r)"
    shown = drawn(page, len(ids), server.rows(joined, ids=ids)[0][0])
    assert len(ids) >= 4
    assert sum("rank 1" in node["text"] for node in shown["nodes"]) == 1
