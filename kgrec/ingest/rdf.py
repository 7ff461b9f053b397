"""RDF files as statements: streamed, checked, in the form that every store sees.

N-Triples and N-Quads go by lines, and a bad line can be put aside.  Turtle, TriG, RDF/XML and JSON-LD are read whole
or not at all: after an error nobody knows what the rest means.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyoxigraph as ox
from pyoxigraph import NamedNode, Quad

from kgrec.config.iris import is_iri, source_graph
from kgrec.config.recipe import RdfSource, source_name
from kgrec.errors import DataError, RecipeError
from kgrec.ingest.rdf_faults import explain
from kgrec.ingest.rdf_files import RdfFile, Stream
from kgrec.ingest.rdf_guards import check_xml, remote_context
from kgrec.ingest.rdf_lines import read_lines
from kgrec.ingest.rdf_terms import BadStatement, Converter, check_terms
from kgrec.ingest.rejects import Rejects
from kgrec.progress import SILENT, Progress

_SYNTAX = {
    "ttl": ox.RdfFormat.TURTLE,
    "trig": ox.RdfFormat.TRIG,
    "xml": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
}
_BY_LINES = ("nt", "nq")


def read_rdf(
    path: str | Path,
    source: RdfSource,
    *,
    base: str,
    rejects: Rejects,
    literal_cap: int = 1_048_576,
    progress: Progress = SILENT,
) -> Iterator[Quad]:
    """Statements of one RDF file, in the source's graph.

    Graph names in the file itself are dropped: the graph says where a statement comes from.  Blank nodes are IRIs
    made of the content's hash and their label; literals are in canonical form (:func:`kgrec.store.canonical`).

    Args:
        path: the file; ``.gz`` is decompressed.
        source: its entry in the recipe.
        base: the recipe's base IRI, of which the source's graph is made.
        rejects: takes bad lines of N-Triples and N-Quads.
        literal_cap: longest literal in bytes of UTF-8.
        progress: shows the file's megabytes.

    Raises:
        RecipeError: ``source.base`` is no IRI.
        DataError: missing, empty, damaged or malformed file, relative IRI without ``source.base``, DOCTYPE, remote
            JSON-LD context, JSON-LD whose statements would be lost, literal over the cap, more rejects than allowed.
            Raised while the statements are taken.
    """
    file = RdfFile(path, source.format)
    graph = NamedNode(source_graph(base, source_name(source)))
    converter = Converter(graph, lambda: file.digest, literal_cap, own_labels=file.syntax in _BY_LINES)
    if source.base is not None and not is_iri(source.base):
        raise RecipeError("the base is no absolute IRI", column="rdf.base", value=source.base)
    if file.size == 0:
        raise DataError("the file is empty", file=file.path, expected="RDF statements")
    if file.syntax == "xml":
        check_xml(file)
    found, before = False, len(rejects)
    with (
        progress.task(f"reading {file.path.name}", total=file.size / 1e6, unit="MB") as task,
        file.open(lambda size: task.advance(size / 1e6)) as stream,
    ):
        if file.syntax in _BY_LINES:
            quads = read_lines(file, stream, converter, literal_cap, rejects)
        else:
            quads = _read_whole(file, stream, converter, source.base)
        for quad in quads:
            found = True
            yield quad
    if not found and len(rejects) == before:
        raise DataError("no statement in the file", file=file.path, expected="RDF statements")


def _read_whole(file: RdfFile, stream: Stream, converter: Converter, base: str | None) -> Iterator[Quad]:
    # A strict JSON-LD parser drops what it cannot make an absolute IRI of without a word; a lenient one hands it over.
    lenient = file.syntax == "jsonld"
    try:
        quads = ox.parse(stream, _SYNTAX[file.syntax], base_iri=base, lenient=lenient)  # type: ignore[arg-type]
        yield from converter.convert(check_terms(quads) if lenient else quads)
    except SyntaxError as error:
        raise _syntax_error(file, error) from error
    except BadStatement as error:
        raise DataError(
            error.problem,
            file=file.path,
            line=file.find(error.value),
            value=error.value,
            expected=error.expected,
            remedy=error.remedy,
        ) from error


def _syntax_error(file: RdfFile, error: SyntaxError) -> DataError:
    if "LoadDocumentCallback" in str(error):
        return remote_context(file)
    fault = explain(error)
    line, value = fault.line, fault.value
    if line is None and value is not None:
        line = file.find(f'"{value}"')
    elif line is not None and value is None:
        value = file.line(line)
    return DataError(
        fault.problem,
        file=file.path,
        line=line,
        column=fault.column,
        value=value,
        expected=fault.expected,
        remedy="give the source a `base`"
        if fault.relative
        else "mend the file: this syntax is read whole or not at all",
    )
