"""The command line: ``kgrec COMMAND RECIPE``.

Exit code 0: done; 2: the input is at fault; 1: anything else.  A result goes to stdout, all else to stderr.
"""

from __future__ import annotations

import errno
import os
import sys

import typer

from kgrec.cli import (
    bench,
    build,
    evaluate,
    explain,
    export,
    info,
    init,
    neo4j,
    publish,
    query,
    recommend,
    run,
    train,
    tune,
    unpublish,
    what_if,
)

app = typer.Typer(
    name="kgrec",
    help="From CSV and RDF to recommendations with true reasons.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
COMMANDS = (
    *(init, run, build, train, evaluate, recommend, explain, what_if, publish, unpublish),
    *(info, query, export, tune, bench),
)
for command in COMMANDS:
    app.command()(getattr(command, command.__name__.rpartition(".")[2]))

app.add_typer(neo4j.app, name="neo4j")


def _version(wanted: bool) -> None:
    if wanted:
        from kgrec import __version__

        typer.echo(f"kgrec {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
) -> None:
    """From CSV and RDF to recommendations with true reasons."""


def main() -> None:
    """Entry point of the ``kgrec`` script."""
    from kgrec.errors import KgrecError

    try:
        app()
    except KgrecError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("interrupted; what was finished is kept", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    except BrokenPipeError:
        # The reader of our output went away (`kgrec query … | head`): nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(f"error: the output cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201
        # what is left unwritten would fail again at the end
        os._exit(1)


if __name__ == "__main__":
    main()
