"""A run's explanations into Neo4j or into its own store, and out again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kgrec.errors import UserError
from kgrec.progress import Progress

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from kgrec.publish.neo4j import Neo4jPublisher
    from kgrec.publish.rdf import RdfPublisher
    from kgrec.publish.records import Record, Recorder

To = Literal["neo4j", "rdf"]


@dataclass(frozen=True)
class Published:
    """What was published.

    Attributes:
        run: the name under which it stands.
        to: ``neo4j`` or ``rdf``.
        place: address of the server, or IRI of the graph.
        users, explanations: how many.
        files: the style and the favourites for Neo4j Browser; for RDF queries over interventions, if any.
        link: opens one of the explanations in Neo4j Browser.
    """

    run: str
    to: To
    place: str
    users: int
    explanations: int
    files: tuple[Path, ...] = ()
    link: str | None = None


def run_name(run: Run) -> str:
    """What a run is published as where no name is given: the recipe's name; with that of a run directory of another."""
    name, folder = run.recipe.name, run.paths.run.absolute().name
    return name if folder == name else f"{name}-{folder}"


def check_name(name: str) -> None:
    """Refuses an empty name and one with control characters."""
    if not name.strip() or not name.isprintable():
        raise UserError("a run is published under a name of printable characters", value=name)


def publish(
    run: Run,
    to: To,
    users: Sequence[str] | None,
    k: int,
    name: str | None,
    progress: Progress,
    lang: str | None = None,
    interventions: bool = True,
) -> Published:
    """See :meth:`kgrec.pipeline.run.Run.publish`."""
    from kgrec.explain.language import Language
    from kgrec.pipeline.candidates import candidates_of
    from kgrec.publish import Recorder

    if lang is not None:
        Language.of(lang)  # refused before anything is written
    name = run_name(run) if name is None else name
    check_name(name)
    if k < 1:
        raise UserError("a list has at least one item", value=k)
    snapshot = run.snapshot
    everybody = users is None
    ids = list(range(snapshot.num_users)) if users is None else list(dict.fromkeys(map(snapshot.user_id, users)))
    recorder = Recorder(
        snapshot,
        run.scorer,
        run.explainer,
        run=name,
        created=datetime.now(UTC).replace(microsecond=0),
        candidates=candidates_of(snapshot, run.recipe),
        k=k,
        lang=lang,
        interventions=interventions,
    )
    if to == "rdf":
        return _into_rdf(run, recorder, ids, everybody, progress)
    return _into_neo4j(run, recorder, ids, everybody, progress)


def _into_neo4j(run: Run, recorder: Recorder, ids: list[int], everybody: bool, progress: Progress) -> Published:
    from kgrec.publish.browser import browser_url, link
    from kgrec.publish.cypher import one_explanation
    from kgrec.store.neo4j.connection import connection, open_driver

    to = connection(run.recipe.store.uri, run.recipe.store.database)
    name = recorder.run
    with open_driver(to) as driver:
        from kgrec.publish.neo4j import Neo4jPublisher  # says first that there is no driver

        publisher = Neo4jPublisher(driver, to.database)
        number, first = _write(run, publisher, recorder, ids, everybody, progress)
        others = [other for other in publisher.runs() if other != name]
    if first is None:
        return Published(name, "neo4j", to.uri, len(ids), number)
    files = write_files(run, first, next(iter(others), name))
    return Published(
        name, "neo4j", to.uri, len(ids), number, files, link(browser_url(to), to, one_explanation(first.id))
    )


def _into_rdf(run: Run, recorder: Recorder, ids: list[int], everybody: bool, progress: Progress) -> Published:
    from kgrec.config.iris import explanation_graph
    from kgrec.publish import sparql
    from kgrec.publish.rdf import RdfPublisher

    with run.published_store() as store:
        number, first = _write(run, RdfPublisher(store), recorder, ids, everybody, progress)
    graph = explanation_graph(run.recipe.base, recorder.run)
    # the queries ask for interventions
    files: tuple[Path, ...] = ()
    if first is not None and recorder.absences is not None:
        files = sparql.write_files(run.paths.run / "sparql", graph, first)
    return Published(recorder.run, "rdf", graph, len(ids), number, files)


def _write(
    run: Run,
    publisher: Neo4jPublisher | RdfPublisher,
    recorder: Recorder,
    ids: list[int],
    everybody: bool,
    progress: Progress,
) -> tuple[int, Record | None]:
    """How many explanations were written, and one of them."""
    from kgrec.publish.records import Owner

    number, first, people = 0, None, []
    publisher.prepare(run.snapshot, Owner(run.recipe.name, run.recipe.base))
    with progress.task("publishing", len(ids), "users") as task:
        for person, records, absences in recorder.records(ids):
            publisher.write(recorder.run, person, records, absences)
            people.append(person)
            number += len(records)
            first = first or next(iter(records), None)
            task.advance(1)
    if everybody:
        publisher.forget(recorder.run, people)
    return number, first


def write_files(run: Run, example: Record, other: str) -> tuple[Path, ...]:
    """The style and the favourites beside the run; the favourites ask for one of its explanations, and compare it with
    another run's."""
    from kgrec.publish import browser, cypher

    snapshot = run.snapshot
    others = [kind for kind in snapshot.num_nodes if kind not in (snapshot.user_type, snapshot.item_type)]
    return browser.write_files(run.paths.run / "browser", browser.grass(others), cypher.needs(example, other))


def unpublish(name: str, place: To, run: Run | None = None) -> int:
    """Removes what a run has published, and nothing else.

    Args:
        name: the run's name.
        place: ``neo4j``, or ``rdf``: a run's own store.
        run: whose store it is, or whose recipe names the server; None for the server that is found without.

    Returns:
        how many explanations there were.

    Raises:
        UnknownIdError: no such run there; the nearest are named.
    """
    if place == "rdf":
        from kgrec.publish.rdf import RdfPublisher

        if run is None:
            raise ValueError("expected the run whose store it is")
        with run.published_store() as opened:
            return RdfPublisher(opened).remove(name)
    from kgrec.store.neo4j.connection import connection, open_driver

    to = connection() if run is None else connection(run.recipe.store.uri, run.recipe.store.database)
    with open_driver(to) as driver:
        from kgrec.publish.neo4j import Neo4jPublisher

        return Neo4jPublisher(driver, to.database).remove(name)


def browser_link(run: Run, user: str, item: str, name: str | None) -> str:
    """See :meth:`kgrec.pipeline.run.Run.browser_link`."""
    from kgrec.publish.browser import browser_url, link
    from kgrec.publish.cypher import one_explanation
    from kgrec.publish.records import explanation_id
    from kgrec.store.neo4j.connection import connection, open_driver

    name = run_name(run) if name is None else name
    snapshot = run.snapshot
    users, items = snapshot.of_type(snapshot.user_type), snapshot.of_type(snapshot.item_type)
    u, i = users.row(snapshot.user_id(user), named=True), items.row(snapshot.item_id(item), named=True)
    wanted = explanation_id(name, u["key"] or u["iri"], i["key"] or i["iri"])
    to = connection(run.recipe.store.uri, run.recipe.store.database)
    with open_driver(to) as driver:
        from kgrec.publish.neo4j import Neo4jPublisher

        if not Neo4jPublisher(driver, to.database).has(wanted):
            raise UserError(
                "this explanation is not in Neo4j",
                value=wanted,
                remedy=f"`kgrec publish RECIPE --to neo4j --users {user}` writes those of the user's list (-k: longer)",
            )
    return link(browser_url(to), to, one_explanation(wanted))
