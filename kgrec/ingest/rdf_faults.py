"""Parser errors in the user's words."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHERE = re.compile(r"^Parser error .*?\d: ", re.DOTALL)
_QUOTED = re.compile(r"IRI '(.*?)':")
_EXPECTED = {
    "No scheme found in an absolute IRI": ("a relative IRI", "an absolute IRI"),
    "Invalid UTF-8": ("invalid UTF-8", "text in UTF-8"),
    "Unexpected byte": ("invalid UTF-8", "text in UTF-8"),
    "decode input using UTF-8": ("invalid UTF-8", "text in UTF-8"),
    "Only UTF-8 is supported": ("an encoding other than UTF-8", "UTF-8"),
}


@dataclass(frozen=True)
class Fault:
    """What a parser found wrong, and where (1-based, None where it does not tell); ``value`` where it quotes one."""

    problem: str
    line: int | None
    column: int | None
    expected: str | None
    value: str | None = None

    @property
    def relative(self) -> bool:
        """Whether a base would help."""
        return self.expected == "an absolute IRI"


def explain(error: SyntaxError) -> Fault:
    """pyoxigraph's error as clause, line and column."""
    message = str(error.msg)
    quoted = _QUOTED.search(message)
    value = quoted.group(1) if quoted else None
    for sign, (problem, expected) in _EXPECTED.items():
        if sign in message:
            return Fault(problem, error.lineno, error.offset, expected, value)
    return Fault(_WHERE.sub("", message), error.lineno, error.offset, None, value)
