"""A glance at an RDF file: do ids or names of the tables occur in it?"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pyoxigraph as ox

from kgrec.config.iris import PREFIXES
from kgrec.config.recipe import Attribute, LiteralMatch, RdfSource
from kgrec.errors import DataError
from kgrec.ingest.matching import normalise
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Reject, Rejects
from kgrec.ingest.values import cell_parser

STATEMENTS = 200_000
"""So many statements are looked at."""

BASE = "urn:kgrec:document/"
"""What relative IRIs are relative to where nobody says."""

_NAMES = ("skos:prefLabel", "rdfs:label", "schema:name", "foaf:name")


@dataclass(frozen=True)
class RdfGlance:
    """The first statements of a file.

    Attributes:
        base: what its relative IRIs were read with; None where it has none.
        rejects: lines that cannot be read, as :class:`kgrec.ingest.rejects.Rejects` keeps them.
    """

    statements: tuple[ox.Quad, ...] = ()
    base: str | None = None
    rejects: tuple[Reject, ...] = ()

    def quads(self, *, predicate: str | None = None, source: str | None = None) -> Iterable[ox.Quad]:
        """Those with this predicate."""
        return (quad for quad in self.statements if predicate is None or quad.predicate.value == predicate)

    def item_template(self, ids: frozenset[str], least: float = 0.05) -> str | None:
        """The IRI prefix under which most ids occur, as a template; None where fewer than ``least`` of them do.

        A prefix that ends within a local name (``…/product-{id}``) has to hold half of them: any numbers stand there.
        """
        by_tail = {quote(key, safe=""): key for key in ids}
        nodes = {
            term.value
            for quad in self.statements
            for term in (quad.subject, quad.object)
            if isinstance(term, ox.NamedNode)
        }
        prefixes: Counter[str] = Counter()
        for iri in nodes:
            cut = max(iri.rfind(mark) for mark in "/#:") + 1
            for place in {cut, *(iri.rfind(mark, cut) + 1 or cut for mark in "-_")}:
                if iri[place:] in by_tail:
                    prefixes[iri[:place]] += 1
        enough = {
            prefix: hits
            for prefix, hits in prefixes.items()
            if hits >= max(1, (0.5 if prefix.endswith(("-", "_")) else least) * len(ids))
        }
        return max(enough, key=lambda prefix: (enough[prefix], prefix)) + "{id}" if enough else None

    def match(self, attribute: Attribute, cells: Sequence[str], least: float = 0.5) -> dict[str, object] | None:
        """The rule by which the attribute's values are names of nodes here; None where fewer than ``least`` are."""
        parse = cell_parser(attribute)
        values = {normalise(value.label, "casefold") for cell in cells for value in parse(cell)}
        for name in _NAMES:
            literals = list(self._literals(name))
            found = values & {normalise(literal.value, "casefold") for literal in literals}
            if values and len(found) >= least * len(values):
                languages = {literal.language for literal in literals}
                rule = LiteralMatch(predicate=name, language="en" if "en" in languages else None)
                return rule.model_dump(exclude_none=True, exclude_defaults=True)
        return None

    def _literals(self, name: str) -> Iterator[ox.Literal]:
        prefix, _, local = name.partition(":")
        for quad in self.quads(predicate=PREFIXES[prefix] + local):
            if isinstance(quad.object, ox.Literal):
                yield quad.object


def glance(path: Path) -> RdfGlance:
    """Reads the first statements as the build will read them.

    Raises:
        DataError: the file cannot be read; see :func:`kgrec.ingest.rdf.read_rdf`.
    """
    if path.suffix == ".kg":
        return RdfGlance()
    try:
        return _read(path, None)
    except DataError as error:
        if error.expected != "an absolute IRI":
            raise
        return _read(path, BASE)


def _read(path: Path, base: str | None) -> RdfGlance:
    rejects = Rejects(limit=sys.maxsize)
    quads = read_rdf(path, RdfSource(file=path.name, base=base), base="urn:kgrec:", rejects=rejects)
    statements = tuple(islice(quads, STATEMENTS))
    if not statements and rejects.rows:
        _, line, column, value, reason = rejects.rows[0]
        raise DataError(
            f"no line can be read, the first says: {reason}", file=path, line=line, column=column, value=value
        )
    return RdfGlance(statements, base, tuple(rejects.rows))
