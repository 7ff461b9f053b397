"""The managed server: Neo4j 5.26 LTS as a process of its own, fetched once, on loopback only.

kgrec ships none of Neo4j (Community Edition, GPL-3) and talks to it over Bolt like any client.
"""

from kgrec.store.neo4j.server.control import down, recent_log, running, up
from kgrec.store.neo4j.server.home import Home, Running, default_home

__all__ = ["Home", "Running", "default_home", "down", "recent_log", "running", "up"]
