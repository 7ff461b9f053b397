"""N-Triples and N-Quads by blocks of whole lines, so that a bad line can be put aside alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyoxigraph as ox
from pyoxigraph import Quad

from kgrec.ingest.rdf_faults import explain
from kgrec.ingest.rdf_files import RdfFile, Stream
from kgrec.ingest.rdf_terms import BadStatement, Converter
from kgrec.ingest.rejects import Rejects

BLOCK = 1 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r")
_ESCAPED = 6
"""Bytes of N-Triples (``\\u00e9``) that one byte of text takes at most."""
_TERMS = 65_536
"""Bytes of a line besides its literal."""


@dataclass(frozen=True)
class Block:
    """Whole lines, the first of which has this number; ``overlong`` is the beginning of one line beyond the limit."""

    number: int
    data: bytes
    overlong: bool = False


def read_blocks(stream: Stream, limit: int) -> Iterator[Block]:
    """Cuts a stream at line ends (LF, CR LF, or CR alone).

    Args:
        stream: the content.
        limit: longest line in bytes; a longer one is told once and skipped.
    """
    rest, number, skipping = b"", 1, False
    while chunk := stream.read(BLOCK):
        rest += chunk
        # a CR at the end may be half of a CR LF
        cut = rest.rfind(b"\n") + 1 or rest.rfind(b"\r", 0, len(rest) - 1) + 1
        if skipping:
            end = _LINE_END.search(rest, 0, cut)
            if end is None:
                rest = rest[-1:]
                continue
            rest, cut, skipping, number = rest[end.end() :], cut - end.end(), False, number + 1
        if cut:
            yield Block(number, rest[:cut])
            number += len(_LINE_END.findall(rest, 0, cut)) if b"\r" in rest else rest.count(b"\n", 0, cut)
            rest = rest[cut:]
        if len(rest) > limit:
            yield Block(number, rest, overlong=True)
            rest, skipping = rest[-1:], True
    if rest and not skipping:
        yield Block(number, rest)


def read_lines(
    file: RdfFile, stream: Stream, converter: Converter, literal_cap: int, rejects: Rejects
) -> Iterator[Quad]:
    """Statements of an N-Triples or N-Quads file; bad lines go to ``rejects``.

    Raises:
        DataError: more bad lines than the recipe allows.
    """
    syntax = ox.RdfFormat.N_TRIPLES if file.syntax == "nt" else ox.RdfFormat.N_QUADS
    limit = literal_cap * _ESCAPED + _TERMS

    def statements(data: bytes) -> list[Quad]:
        return list(converter.convert(ox.parse(data, syntax)))

    for block in read_blocks(stream, limit):
        if block.overlong:
            rejects.add(
                "the line is too long",
                file=file.path,
                line=block.number,
                value=block.data[:200].decode("utf-8", errors="replace"),
                expected=f"at most {limit:,} bytes, or a smaller literal (graph.literal_cap)",
            )
            continue
        try:
            quads = statements(block.data)
        except (SyntaxError, BadStatement):
            yield from _one_by_one(file, block, statements, rejects)
        else:
            yield from quads


def _one_by_one(
    file: RdfFile, block: Block, statements: Callable[[bytes], list[Quad]], rejects: Rejects
) -> Iterator[Quad]:
    for number, line in enumerate(_LINE_END.split(block.data), block.number):
        try:
            quads = statements(line)
        except SyntaxError as error:
            fault = explain(error)
            column = None if fault.column is None else str(fault.column)
            text = line.decode("utf-8", errors="backslashreplace")
            rejects.add(fault.problem, file=file.path, line=number, column=column, value=text, expected=fault.expected)
        except BadStatement as error:
            rejects.add(error.problem, file=file.path, line=number, value=error.value, expected=error.expected)
        else:
            yield from quads
