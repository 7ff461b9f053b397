"""Which Neo4j server is talked to, and the driver that talks to it.

An address comes from the recipe or the command line, else from ``NEO4J_URI``, else it is the managed server's where
that runs.  User and password never stand in an address or a recipe: they come from ``NEO4J_USER`` (or
``NEO4J_USERNAME``, as Aura's file calls it) and ``NEO4J_PASSWORD``, or from the managed server's own password file.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kgrec.errors import UserError
from kgrec.store.neo4j.faults import INSTALL, NO_DRIVER, ServerGoneError, neo4j_faults

if TYPE_CHECKING:
    import neo4j

    from kgrec.store.neo4j.server.home import Home

SCHEMES = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
OLDEST = (5, 26)
RETRY_SECONDS = 60.0
UP = "start one with `kgrec neo4j up`, or set NEO4J_URI, NEO4J_USER and NEO4J_PASSWORD"


@dataclass(frozen=True)
class Connection:
    """Where a server is and how to log in.

    Attributes:
        uri: ``neo4j://host:port`` or ``bolt://…``, with ``+s`` or ``+ssc`` for TLS; no password in it.
        user: None where no password is known: the server may ask for none.
        password: kept out of every ``repr``.
        database: None for the user's home database.
    """

    uri: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None

    @property
    def auth(self) -> tuple[str, str] | None:
        """What the driver takes."""
        return None if self.password is None else (self.user or "neo4j", self.password)


def connection(uri: str | None = None, database: str | None = None, home: Home | None = None) -> Connection:
    """The connection that is meant.

    Args:
        uri: address; by default ``NEO4J_URI``, else the managed server's.
        database: its name; by default ``NEO4J_DATABASE``, else the user's home database.
        home: folder of the managed server; by default the usual one.

    Raises:
        UserError: no address is known, or it is none that a driver takes.
    """
    uri = uri or os.environ.get("NEO4J_URI") or None
    user = os.environ.get("NEO4J_USER") or os.environ.get("NEO4J_USERNAME") or None
    password = os.environ.get("NEO4J_PASSWORD") or None
    if uri is None or password is None:
        managed = _managed(home)
        if uri is None and managed is None:
            raise UserError("no Neo4j server is known", remedy=UP)
        if managed is not None and (uri is None or _place(uri) == _place(managed.uri)):
            uri, user, password = uri or managed.uri, user or managed.user, password or managed.password
    assert uri is not None
    check_uri(uri)
    return Connection(uri, user, password, database or os.environ.get("NEO4J_DATABASE") or None)


def _managed(home: Home | None) -> Connection | None:
    """The managed server, where it runs."""
    try:
        from kgrec.store.neo4j.server import Home, running
    except ModuleNotFoundError:
        return None
    home = home or Home()
    state = running(home)
    if state is None:
        return None
    return Connection(state.uri, "neo4j", home.password()) if state.auth else Connection(state.uri)


def managed_home(to: Connection) -> Home | None:
    """The usual managed server's folder, where the connection leads to it."""
    managed = _managed(None)
    if managed is None or _place(managed.uri) != _place(to.uri):
        return None
    from kgrec.store.neo4j.server import Home

    return Home()


def _place(uri: str) -> tuple[str, int]:
    parts = urlsplit(uri)
    host = parts.hostname or ""
    return ("127.0.0.1" if host == "localhost" else host), parts.port or 7687


def check_uri(uri: str) -> None:
    """Refuses what is no address of a Neo4j server, and one with a user or password in it.

    Raises:
        UserError: says what is wrong, without repeating what stands before an ``@``.
    """
    try:
        parts = urlsplit(uri)
        port_is_fine = parts.port is None or parts.port > 0
    except ValueError:
        port_is_fine = False
    shown = re.sub(r"//.*@", "//…@", uri, flags=re.DOTALL)
    expected = f"such as neo4j://localhost:7687 (schemes: {', '.join(SCHEMES)})"
    if not port_is_fine or parts.scheme not in SCHEMES or not parts.hostname:
        raise UserError("this is no address of a Neo4j server", value=shown, expected=expected)
    if "@" in uri:
        raise UserError(
            "user and password do not belong into an address: it is shown and kept",
            value=shown,
            remedy="set NEO4J_USER and NEO4J_PASSWORD",
        )
    if parts.path.strip("/"):
        raise UserError(
            "an address has no path", value=shown, remedy="name the database with store.database or NEO4J_DATABASE"
        )


@contextmanager
def open_driver(to: Connection, retry_seconds: float = RETRY_SECONDS) -> Iterator[neo4j.Driver]:
    """A driver that has been seen to work: the server answers, lets the user in, is new enough, has the database.

    What the driver raises inside the block comes out as the error tree's.

    Args:
        to: the server.
        retry_seconds: how long managed transactions are tried again.

    Raises:
        UserError: no server, wrong password, version or database; each says which and what to do.
        KgrecError: anything else that the server reports.
    """
    try:
        from neo4j import GraphDatabase, NotificationMinimumSeverity
    except ModuleNotFoundError as error:
        raise UserError(NO_DRIVER, remedy=INSTALL) from error
    # without a handler Python prints the driver's warnings; its errors are raised, and told, anyway
    logging.getLogger("neo4j").addHandler(logging.NullHandler())
    with (
        neo4j_faults(to.uri, to.database, to.password),
        GraphDatabase.driver(
            to.uri,
            auth=to.auth,
            user_agent="kgrec",
            notifications_min_severity=NotificationMinimumSeverity.OFF,
            telemetry_disabled=True,
            connection_timeout=15,
            max_transaction_retry_time=retry_seconds,
        ) as driver,
    ):
        try:
            with neo4j_faults(to.uri, to.database, to.password), driver.session(database=to.database) as session:
                agent = session.run("RETURN 1").consume().server.agent
        except ServerGoneError as error:
            raise UserError(str(error), remedy=UP) from None
        check_version(agent, to.uri)
        yield driver


def check_version(agent: str, uri: str) -> None:
    """Refuses servers that are too old.

    Args:
        agent: what the server calls itself: ``Neo4j/5.26.29``, ``Neo4j/2025.10.1``, ``Neo4j/5.27-aura``.

    Raises:
        UserError: older than 5.26, or something else.
    """
    match = re.match(r"Neo4j/(\d+)\.(\d+)", agent)
    if match is None or (int(match[1]), int(match[2])) < OLDEST:
        raise UserError(
            f"the server at {uri} is {agent.replace('/', ' ')}",
            expected="Neo4j 5.26 LTS or later (2025.x and 2026.x too)",
            remedy="update it, or start one with `kgrec neo4j up`",
        )
