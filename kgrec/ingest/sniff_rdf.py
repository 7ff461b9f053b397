"""A glance at an RDF file: do ids or names of the tables occur in it?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pyoxigraph as ox

from kgrec.config.iris import PREFIXES
from kgrec.config.recipe import Attribute, LiteralMatch
from kgrec.dataset.table_files import open_bytes
from kgrec.errors import DataError
from kgrec.ingest.matching import normalise
from kgrec.ingest.values import cell_parser

STATEMENTS = 200_000
"""So many statements are looked at."""

_NAMES = ("skos:prefLabel", "rdfs:label", "schema:name", "foaf:name")
_FORMATS = {
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".nq": ox.RdfFormat.N_QUADS,
    ".ttl": ox.RdfFormat.TURTLE,
    ".trig": ox.RdfFormat.TRIG,
}


@dataclass(frozen=True)
class RdfGlance:
    """The first statements of a file; none where its syntax is not line by line readable (RDF/XML, JSON-LD)."""

    statements: tuple[ox.Quad, ...] = ()

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
    """Reads the first statements.

    Raises:
        DataError: the file cannot be parsed.
    """
    syntax = _FORMATS.get(Path(path.name.removesuffix(".gz")).suffix)
    if syntax is None:
        return RdfGlance()
    with open_bytes(path) as stream:
        try:
            statements = tuple(islice(ox.parse(input=stream, format=syntax, base_iri="urn:relative:"), STATEMENTS))
        except (SyntaxError, ValueError) as error:
            raise DataError(f"the RDF cannot be parsed: {error}", file=path) from error
    return RdfGlance(statements)
