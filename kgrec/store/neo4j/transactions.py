"""Managed transactions whose commit was not confirmed."""

from __future__ import annotations

import time
from collections.abc import Callable

import neo4j
from neo4j.exceptions import IncompleteCommit

AGAIN_SECONDS = 60.0


def confirmed(session: neo4j.Session, unit: Callable[[neo4j.ManagedTransaction], None]) -> None:
    """Runs the unit until its commit is confirmed; it may happen twice, so it must be one that can.

    The driver tries again whatever has surely not happened, and leaves this case to its user.
    """
    until = time.monotonic() + AGAIN_SECONDS
    while True:
        try:
            return session.execute_write(unit)
        except IncompleteCommit:
            if time.monotonic() > until:
                raise
