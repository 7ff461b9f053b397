"""The guide: static files of the package, served on loopback while the server runs."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from kgrec.store.neo4j.server.configure import environment
from kgrec.store.neo4j.server.home import HOST, USER, Home
from kgrec.store.neo4j.server.ports import free_port, is_free
from kgrec.store.neo4j.server.processes import spawn

PAGES = Path(__file__).parents[1] / "guide"
"""The files; ``index.html`` is shown first.  They find ``server.json`` beside them."""


def serve(home: Home, wanted: int, *, bolt: int, http: int, auth: bool) -> tuple[int, int, float]:
    """Serves the pages by Python's own file server in a process of its own.

    ``server.json`` beside them tells a page how to link: ``browser`` (address), ``bolt`` (address), ``user`` (null
    where no password is asked for).

    Returns:
        Port (another free one where ``wanted`` is taken), process number, when it began.
    """
    shutil.rmtree(home.guide, ignore_errors=True)
    shutil.copytree(PAGES, home.guide)
    about = {
        "browser": f"http://{HOST}:{http}/browser/",
        "bolt": f"bolt://{HOST}:{bolt}",
        "user": USER if auth else None,
    }
    (home.guide / "server.json").write_text(json.dumps(about) + "\n")
    port = wanted if is_free(wanted) else free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", HOST, "--directory", str(home.guide)]
    return port, *spawn(command, home.console.with_name("guide.log"), environment(home))
