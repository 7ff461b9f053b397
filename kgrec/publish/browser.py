"""Neo4j Browser as the reading room: links, a style and favourites."""

from __future__ import annotations

import os
import re
import sys
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit
from zipfile import ZipFile, ZipInfo

from kgrec.errors import StorageError
from kgrec.store.neo4j import names

if TYPE_CHECKING:
    from kgrec.store.neo4j.connection import Connection

USER_COLOUR, ITEM_COLOUR = ("#4C8EDA", "#2870C2", "#FFFFFF"), ("#57C7A4", "#2F9E7B", "#1E2A26")
EXPLANATION_COLOUR = ("#FFC454", "#D7A013", "#2A2C34")
INTERVENTION_COLOUR = ("#E8D9CF", "#B5483A", "#2A2C34")
ENTITY_COLOURS = (
    ("#DA7194", "#B2496C", "#FFFFFF"),
    ("#8DCC93", "#5DB665", "#1E2A26"),
    ("#C990C0", "#B261A5", "#FFFFFF"),
    ("#ECB5C9", "#DA7298", "#2A2C34"),
    ("#D9C8AE", "#C0A378", "#2A2C34"),
    ("#F79767", "#F36924", "#2A2C34"),
)
"""Fill, border and text; types beyond these begin again."""

STYLE = """\
node {
  diameter: 50px;
  color: #D9D9D6;
  border-color: #A5ABB6;
  border-width: 2px;
  text-color-internal: #2A2C34;
  font-size: 10px;
}

relationship {
  color: #A5ABB6;
  shaft-width: 1px;
  font-size: 8px;
  padding: 3px;
  text-color-external: #7A7F8A;
  text-color-internal: #FFFFFF;
  caption: "<type>";
}
"""
"""What nothing else is said about: thin and grey."""

RELATIONSHIPS = {
    "STEP": ("#E8820C", 3, 9, "#8A4B00", "#FFFFFF", "{name}"),
    "FOR": ("#F2B04A", 2, 8, "#8A4B00", "#2A2C34", "for"),
    "RECOMMENDS": ("#F2B04A", 2, 8, "#8A4B00", "#2A2C34", "recommends"),
    "WITHOUT": ("#B5483A", 3, 9, "#8A2C20", "#FFFFFF", "without"),
    "BRINGS": ("#3E8F5C", 2, 8, "#2C6B44", "#FFFFFF", "brings {rank}"),
    "COSTS": ("#9A8F86", 2, 8, "#6B625A", "#FFFFFF", "costs {rank}"),
    "LEARNED_HOP": ("#8D6CC9", 1, 8, "#6A4BA6", "#FFFFFF", "{kind}"),
    "INTERACTED": ("#6AAB8E", 1, 8, "#4B7F69", "#FFFFFF", "interacted"),
}
"""Colour, width, size of the text, its colour beside and inside the line, and caption: what explanations own stands
out, and a learned hop is told from facts."""


def grass(entity_types: Sequence[str]) -> str:
    """The style: users, items, entity types and what explanations own told apart.

    Args:
        entity_types: node types besides users and items; one whose label a style cannot name stays grey.
    """
    labels = sorted(label for label in map(names.label, set(entity_types)) if re.fullmatch(r"\w+", label, re.ASCII))
    nodes = [_node(label, 60, ENTITY_COLOURS[n % len(ENTITY_COLOURS)]) for n, label in enumerate(labels)]
    nodes += [_node(names.USER, 65, USER_COLOUR), _node(names.ITEM, 80, ITEM_COLOUR)]
    nodes += [_node("Explanation", 75, EXPLANATION_COLOUR), _node("Intervention", 70, INTERVENTION_COLOUR)]
    return "\n".join((STYLE, *nodes, *(_relationship(kind, *look) for kind, look in RELATIONSHIPS.items())))


def _relationship(kind: str, colour: str, width: int, size: int, beside: str, inside: str, caption: str) -> str:
    return (
        f"relationship.{kind} {{\n  color: {colour};\n  shaft-width: {width}px;\n  font-size: {size}px;\n"
        f"  padding: 3px;\n  text-color-external: {beside};\n  text-color-internal: {inside};\n"
        f'  caption: "{caption}";\n}}\n'
    )


def _node(label: str, diameter: int, colours: tuple[str, str, str]) -> str:
    fill, border, text = colours
    return (
        f"node.{label} {{\n  diameter: {diameter}px;\n  color: {fill};\n  border-color: {border};\n"
        f"  border-width: 2px;\n  text-color-internal: {text};\n  font-size: 10px;\n" + '  caption: "{name}";\n}\n'
    )


def write_files(folder: Path, style: str, titled: Sequence[tuple[str, str]]) -> tuple[Path, ...]:
    """Writes ``kgrec.grass``, ``kgrec.cypher``, and ``kgrec.zip``, which Browser takes as a folder of favourites.

    Args:
        folder: made where it is not there.
        style: see :func:`grass`.
        titled: titles and queries.

    Raises:
        StorageError: they cannot be written.
    """
    favourites = {title: f"// {title}\n{query}" for title, query in titled}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kgrec.grass").write_text(style, encoding="utf-8")
        (folder / "kgrec.cypher").write_text("".join(f"{text};\n\n" for text in favourites.values()), encoding="utf-8")
        with ZipFile(folder / "kgrec.zip", "w") as archive:
            for title, text in favourites.items():
                archive.writestr(ZipInfo(f"kgrec/{title}.cypher"), text)
    except OSError as error:
        raise StorageError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return tuple(folder / f"kgrec.{suffix}" for suffix in ("grass", "cypher", "zip"))


def browser_url(to: Connection) -> str:
    """Where the server's own Browser is: of the managed server as it says, else at the usual port of the host."""
    from kgrec.store.neo4j.connection import managed_home
    from kgrec.store.neo4j.server import running

    home = managed_home(to)
    managed = None if home is None else running(home)
    if managed is not None:
        return managed.browser_url
    parts = urlsplit(to.uri)
    secure = "+" in parts.scheme
    return f"{'https' if secure else 'http'}://{parts.hostname}:{7473 if secure else 7474}/browser/"


def link(browser: str, to: Connection, cypher: str) -> str:
    """An address that opens Browser, connected to the database, with the query in its editor.

    Where a password is asked for, Browser asks for it and no address holds it.
    """
    if to.password is None:
        method, server = "NO_AUTH", to.uri
    else:
        scheme, _, rest = to.uri.partition("://")
        method, server = "NATIVE", f"{scheme}://{quote(to.user or 'neo4j', safe='')}@{rest}"
    database = "" if to.database is None else f"&db={quote(to.database, safe='')}"
    return f"{browser}?preselectAuthMethod={method}&dbms={server}{database}&cmd=edit&arg={quote(cypher, safe='')}"


def show(address: str) -> bool:
    """Opens an address where there is a display; whether it did."""
    seen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(seen) and webbrowser.open(address)
