"""``kgrec neo4j up | status | logs | down``"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgrec.cli.common import Json, print_json, say

if TYPE_CHECKING:
    from kgrec.store.neo4j.server import Home, Running

app = typer.Typer(
    help="A Neo4j server on this machine: up, status, logs, down.", no_args_is_help=True, rich_markup_mode=None
)

HomeDir = Annotated[
    Path | None,
    typer.Option("--home", metavar="DIR", help="The server's folder (KGREC_NEO4J_HOME).", show_default=False),
]


@app.command()
def up(
    home: HomeDir = None,
    bolt_port: Annotated[int, typer.Option(min=1, max=65535, help="For drivers.")] = 7687,
    http_port: Annotated[int, typer.Option(min=1, max=65535, help="For Neo4j Browser.")] = 7474,
    guide_port: Annotated[int, typer.Option(min=1, max=65535, help="For the guide page.")] = 7475,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no password.")] = False,
) -> None:
    """Fetches Neo4j 5.26 LTS once, starts it on loopback, and says how to log in."""
    from kgrec.progress import terminal_progress
    from kgrec.store.neo4j.server import up as start

    place = _home(home)
    state, started = start(
        place, bolt=bolt_port, http=http_port, guide_port=guide_port, auth=not no_auth, progress=terminal_progress()
    )
    say("Neo4j is up" if started else "Neo4j was up already")
    _print(place, state)
    if not state.auth:
        say(
            "no password is asked for: whoever has an account on this machine can read and change the graph, and any"
            " web page that is open in a browser here could reach it over Bolt (WebSocket)"
        )


@app.command()
def status(home: HomeDir = None, json: Json = False) -> None:
    """Where it runs and how to log in; exit code 1 where it does not run."""
    from kgrec.store.neo4j.server import running

    place = _home(home)
    state = running(place)
    if json:
        print_json(_document(place, state))
    elif state is None:
        say(f"Neo4j is not running (home: {place.path}); `kgrec neo4j up` starts it")
    else:
        _print(place, state)
    if state is None:
        raise typer.Exit(1)


@app.command()
def logs(home: HomeDir = None, lines: Annotated[int, typer.Option("-n", min=1, help="How many lines.")] = 40) -> None:
    """What the server wrote last."""
    from kgrec.store.neo4j.server import recent_log

    for line in recent_log(_home(home), lines):
        say(line)


@app.command()
def down(home: HomeDir = None) -> None:
    """Stops it; the graph stays."""
    from kgrec.store.neo4j.server import down as stop

    say("Neo4j is down" if stop(_home(home)) else "Neo4j was not running")


def _home(given: Path | None) -> Home:
    from kgrec.store.neo4j.server import Home

    home = Home(given)
    home.check()
    return home


def _document(home: Home, state: Running | None) -> dict[str, object]:
    from kgrec.store.neo4j.server.home import USER

    document: dict[str, object] = {"running": state is not None, "home": str(home.path)}
    if state is not None:
        document |= {"uri": state.uri, "browser": state.browser_url, "guide": state.guide_url, "pid": state.pid}
        document |= {"user": USER, "password_file": str(home.password_file)} if state.auth else {}
    return document


def _print(home: Home, state: Running) -> None:
    from kgrec.store.neo4j.server.home import USER

    say(f"  Browser   {state.browser_url}")
    if state.guide_url:
        say(f"  guide     {state.guide_url}")
    say(f"  drivers   {state.uri}")
    if state.auth:
        say(f"  log in    user {USER}, password in {home.password_file}")
    say(f"  home      {home.path} (process {state.pid})")
