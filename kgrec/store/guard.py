"""Refuses queries that would reach out or write, before anything runs.

Oxigraph opens connections for ``SERVICE``.  Its parser takes keywords without a boundary after them
(``SERVICE:x {`` is a call of ``:x``, by the grammar's longest match it is the name ``SERVICE:x``), so a name that
begins such a call by either reading is refused too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kgrec.errors import QueryError

_NAME = r"[^\W\d_](?:[\w.\-·]*[\w\-·])?"
_LOCAL = r"(?:[\w:\-.·]|%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%])*"
_TOKEN = re.compile(
    rf"""
    (?P<space>\s+|\#[^\n\r]*)
  | (?P<string>'''(?:[^'\\]|\\.|'(?!''))*'''|\"\"\"(?:[^"\\]|\\.|"(?!""))*\"\"\"
              |'(?:[^'\\\n\r]|\\.)*'|"(?:[^"\\\n\r]|\\.)*")
  | (?P<iri><[^<>"{{}}|^`\\\x00-\x20]*>)
  | (?P<variable>[?$]\w+)
  | (?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
  | (?P<blank>_:[\w.\-·]+)
  | (?P<name>(?:{_NAME})?:{_LOCAL})
  | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<word>\w+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_UPDATES = frozenset(["INSERT", "DELETE", "LOAD", "CLEAR", "DROP", "CREATE", "ADD", "MOVE", "COPY", "WITH"])
_ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


def check_query(sparql: str) -> bool:
    """Refuses updates and federated queries.

    Returns:
        Whether the query names its own dataset (``FROM``).

    Raises:
        QueryError: an update, or SERVICE anywhere but in a string, an IRI, a comment or a plain name.
    """
    names_dataset = _check(sparql)
    if _ESCAPE.search(sparql):
        # code point escapes may be read before or after the tokens are cut: neither reading may reach out
        _check(_ESCAPE.sub(_unescape, sparql))
    return names_dataset


def _unescape(match: re.Match[str]) -> str:
    code = int(match.group(1) or match.group(2), 16)
    return chr(code) if code <= 0x10FFFF else "\ufffd"


def _tokens(sparql: str) -> Iterator[tuple[str, str, int]]:
    for match in _TOKEN.finditer(sparql):
        if match.lastgroup not in (None, "space"):
            yield str(match.lastgroup), match.group(), match.start()


def _check(sparql: str) -> bool:
    tokens = list(_tokens(sparql))
    names_dataset = False
    form_seen = False
    for position, (kind, text, start) in enumerate(tokens):
        if kind == "word":
            word = text.upper()
            names_dataset |= word == "FROM"
            if not form_seen and word not in ("PREFIX", "BASE"):
                form_seen = True
                if word in _UPDATES:
                    raise QueryError(
                        f"{word} is an update",
                        line=_line(sparql, start),
                        expected="SELECT, ASK, CONSTRUCT or DESCRIBE",
                        remedy="the store is read-only here; change the sources and build again",
                    )
            if "SERVICE" in word:
                raise _federated(sparql, text, start)
        elif kind in ("name", "blank") and "SERVICE" in text.upper() and _opens_group(tokens, position + 1):
            raise _federated(sparql, text, start)
    return names_dataset


def _opens_group(tokens: list[tuple[str, str, int]], position: int) -> bool:
    """Whether ``{`` follows, with nothing but SILENT and one IRI or variable between."""
    rest = tokens[position : position + 3]
    if rest and rest[0][0] == "word" and rest[0][1].upper() == "SILENT":
        rest = rest[1:]
    if rest and rest[0][0] in ("iri", "variable", "name"):
        rest = rest[1:]
    return bool(rest) and rest[0][1] == "{"


def _federated(sparql: str, text: str, start: int) -> QueryError:
    return QueryError(
        "SERVICE is refused: a query never leaves this machine",
        line=_line(sparql, start),
        value=text,
        remedy="load the other graph as a source of its own, or write a name that looks like SERVICE as <IRI>",
    )


def _line(sparql: str, start: int) -> int:
    return sparql.count("\n", 0, start) + 1
