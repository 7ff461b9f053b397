"""The folder of a managed server: its database, settings, logs, password, and who runs it."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from kgrec.config.cache import cache_dir
from kgrec.config.folders import make_folder
from kgrec.errors import UserError

HOST = "127.0.0.1"
USER = "neo4j"
ANOTHER = "name another folder, a new or an empty one, with --home DIR"


def default_home() -> Path:
    """``KGREC_NEO4J_HOME`` where it is set, else ``neo4j/server`` in the cache."""
    given = os.environ.get("KGREC_NEO4J_HOME")
    return Path(given) if given else cache_dir() / "neo4j" / "server"


@dataclass(frozen=True)
class Running:
    """A server that was started.

    Attributes:
        pid, started: the server's process and when it began (seconds since 1970), which tells it from a later process
            with the same number.
        bolt, http: its ports.
        auth: whether it asks for a password.
        guide, guide_pid, guide_started: the guide's port and process; None where no guide is served.
    """

    pid: int
    started: float
    bolt: int
    http: int
    auth: bool
    guide: int | None = None
    guide_pid: int | None = None
    guide_started: float | None = None

    @property
    def uri(self) -> str:
        """For drivers."""
        return f"bolt://{HOST}:{self.bolt}"

    @property
    def browser_url(self) -> str:
        """Neo4j Browser."""
        return f"http://{HOST}:{self.http}/browser/"

    @property
    def guide_url(self) -> str | None:
        """The guide page."""
        return None if self.guide is None else f"http://{HOST}:{self.guide}/"


class Home:
    """Where things are below a managed server's folder."""

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = Path(path).absolute() if path is not None else default_home().absolute()
        self.conf = self.path / "conf"
        self.settings = self.conf / "neo4j.conf"
        self.data = self.path / "data"
        self.console = self.path / "logs" / "console.log"
        self.guide = self.path / "guide"
        self.marker = self.path / ".kgrec-neo4j"
        self.lock = self.path / ".lock"
        self.password_file = self.path / "password"
        self._state = self.path / "running.json"

    def check(self) -> None:
        """Refuses a folder of somebody else's; one that is absent, empty or made by :meth:`make` passes.

        Raises:
            UserError: it holds other files, or cannot be read.
        """
        try:
            names = [file.name for file in self.path.iterdir()] if self.path.is_dir() else []
        except OSError as error:
            raise UserError(f"cannot read this folder: {error.strerror}", file=self.path, remedy=ANOTHER) from error
        if names and self.marker.name not in names:
            raise UserError("this folder holds files and is no server's of kgrec's", file=self.path, remedy=ANOTHER)

    def make(self) -> None:
        """Makes the folder, for its owner alone, and marks it as kgrec's before anything else comes into it.

        Raises:
            UserError: it is somebody else's, or nothing may be made there.
            OSError: the disk is at fault.
        """
        self.check()
        make_folder(self.path, ANOTHER)
        self.marker.touch()
        self.path.chmod(0o700)

    def password(self) -> str | None:
        """The generated password; None before the first start with one."""
        try:
            return self.password_file.read_text().strip() or None
        except FileNotFoundError:
            return None

    def make_password(self) -> str:
        """A new random password, written to a file that only its owner reads."""
        # hexadecimal: what begins with - would be an option to Neo4j's tool
        password = secrets.token_hex(24)
        self.password_file.unlink(missing_ok=True)
        write_private(self.password_file, password + "\n")
        return password

    def state(self) -> Running | None:
        """What was started last and not stopped; its process may be gone."""
        try:
            return Running(**json.loads(self._state.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write_state(self, running: Running) -> None:
        """Remembers what was started."""
        temporary = self._state.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(running)) + "\n")
        temporary.replace(self._state)

    def clear_state(self) -> None:
        """Forgets what was started."""
        self._state.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """A new file that nobody else can open at any moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
