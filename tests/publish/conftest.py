from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from kgrec.publish.records import Owner

if TYPE_CHECKING:
    from kgrec.pipeline.run import Run
    from kgrec.publish import Record, Recorder
    from kgrec.publish.absences import Absence
    from kgrec.publish.neo4j import Neo4jPublisher
    from kgrec.publish.records import OfUser
    from tests.conftest import LiveNeo4j

OWNER = Owner("movielens", "urn:kgrec:")
CREATED = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def recorder_of() -> Callable[..., Recorder]:
    """``recorder_of(run, name="small", k=4)``"""

    def make(
        run: Run, name: str = "small", k: int = 4, created: datetime = CREATED, lang: str | None = None
    ) -> Recorder:
        from kgrec.pipeline.candidates import candidates_of
        from kgrec.publish import Recorder

        mask = candidates_of(run.snapshot, run.recipe)
        about = {"run": name, "created": created, "candidates": mask, "k": k, "lang": lang}
        return Recorder(run.snapshot, run.scorer, run.explainer, **about)

    return make


@pytest.fixture(scope="session")
def made(small_run: Run, recorder_of: Callable[..., Recorder]) -> list[OfUser]:
    """What is published of three users of the small run; the last one's is of knowledge alone, of the first user whose
    reasons pass facts."""
    users = [small_run.snapshot.user_id(key) for key in ("7", "21")]
    knowing = recorder_of(small_run.at_knowledge(1.0))
    others = knowing.records([user for user in range(small_run.snapshot.num_users) if user not in users])
    told = next(one for one in others if kinds_of(one.records) >= {"interaction", "fact"})
    return [*recorder_of(small_run).records(users), told]


@pytest.fixture(scope="session")
def records(made: list[OfUser]) -> dict[str, list[Record]]:
    """User's key → explanations."""
    return {one.person.key: one.records for one in made}


@pytest.fixture(scope="session")
def absences(made: list[OfUser]) -> dict[str, list[Absence]]:
    """User's key → interventions."""
    return {one.person.key: one.absences for one in made}


@pytest.fixture(scope="session")
def knowing(records: dict[str, list[Record]]) -> str:
    """The key of the user whose records are of knowledge alone."""
    return list(records)[-1]


def kinds_of(found: Iterable[Record]) -> set[str]:
    """What kinds of hops the reasons pass."""
    return {hop.kind for record in found for reason in record.reasons for hop in reason.path.relations}


@pytest.fixture
def server(neo4j_server: LiveNeo4j, monkeypatch: pytest.MonkeyPatch) -> LiveNeo4j:
    """A live, empty server that kgrec finds as the managed one."""
    for name in ("NEO4J_URI", "NEO4J_USER", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("KGREC_NEO4J_HOME", str(neo4j_server.home.path))
    return neo4j_server


@pytest.fixture
def publisher(server: LiveNeo4j, small_run: Run) -> Neo4jPublisher:
    """Writes into the live server."""
    from kgrec.publish.neo4j import Neo4jPublisher

    made = Neo4jPublisher(server.driver)
    made.prepare(small_run.snapshot, OWNER)
    return made
