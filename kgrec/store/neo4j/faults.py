"""Puts what the Neo4j driver raises into the error tree; a password never gets into a message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kgrec.errors import KgrecError, StorageError, UserError

NO_DRIVER = "the Neo4j driver is not installed"
INSTALL = "pip install 'kgrec[neo4j]'"
LOGIN = "set NEO4J_USER and NEO4J_PASSWORD (for the managed server: `kgrec neo4j status` names its password file)"


class ServerGoneError(StorageError):
    """The server went away for longer than the driver tries again."""


@contextmanager
def neo4j_faults(uri: str, database: str | None = None, password: str | None = None) -> Iterator[None]:
    """Turns a driver's error into one clear message.

    Raises:
        UserError: no server there, the login or the database is wrong, or it is no Neo4j.
        ServerGoneError: it was there and went away.
        StorageError: the server cannot write.
        KgrecError: anything else that it reports.
    """
    from neo4j import exceptions as raised

    try:
        yield
    except (raised.DriverError, raised.Neo4jError) as error:
        raise _fault(error, uri, database, password) from None


def _fault(error: Exception, uri: str, database: str | None, password: str | None) -> KgrecError:
    from neo4j import exceptions as raised

    code = getattr(error, "code", None) or ""
    text = (str(getattr(error, "message", None) or error).strip() or type(error).__name__).splitlines()[0]
    if password:
        text = text.replace(password, "…")
    if isinstance(error, raised.AuthError) or code.startswith("Neo.ClientError.Security.Auth"):
        return UserError(f"the server at {uri} does not let this user in: {text}", remedy=LOGIN)
    if code.endswith("Database.DatabaseNotFound"):
        return UserError(
            f"the server at {uri} has no such database",
            value=database or "the user's home database",
            remedy="name another one with store.database or NEO4J_DATABASE; the Community Edition has one, neo4j",
        )
    if isinstance(error, raised.UnsupportedServerProduct):
        return UserError(f"what answers at {uri} is no Neo4j server: {text}")
    if isinstance(error, raised.ServiceUnavailable | raised.SessionExpired):
        return ServerGoneError(f"no Neo4j server answers at {uri}: {text}")
    if code.startswith("Neo.DatabaseError.Transaction.") or "No space left" in text or "panic" in text.lower():
        return StorageError(
            f"the server at {uri} cannot write: its disk is full or damaged ({text})\n"
            "  make room, restart it (`kgrec neo4j down`, `kgrec neo4j up`) and run again: it goes on where it was"
        )
    return KgrecError(f"the server at {uri} reports: {text}" + (f" ({code})" if code else ""))
