"""Cuts delimited text into records and finds the broken ones, with the physical line of each.

polars parses fast but cannot say in which line a record starts, and reads an unbalanced quote over the next rows
without a word.  This scan is vectorised over blocks of bytes; only whole, sound records go on to polars.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

BLOCK = 16 * 2**20
LONGEST_RECORD = 64 * 2**20
_NEWLINE, _RETURN = 10, 13

Reject = Callable[[int, str, bytes], None]
"""Takes the 1-based line, what is wrong and the line's bytes."""


@dataclass(frozen=True)
class Records:
    """Consecutive records of one block; blank lines are left out.

    Attributes:
        data: the block.
        starts, ends: int64 ``[n]``, bytes ``data[start:end]`` of each record without its line end.
        fields: int64 ``[n]``, number of fields.
        lines: int64 ``[n]``, 1-based physical line on which it starts (a quoted field may hold line ends).
    """

    data: bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    fields: NDArray[np.int64]
    lines: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.starts)

    def select(self, keep: NDArray[np.bool_] | slice) -> Records:
        return Records(self.data, self.starts[keep], self.ends[keep], self.fields[keep], self.lines[keep])

    def record(self, index: int) -> bytes:
        return self.data[self.starts[index] : self.ends[index]].removesuffix(b"\r")

    def joined(self) -> bytes:
        """The records as one text, each ended by a line feed."""
        if not len(self):
            return b""
        gaps = np.flatnonzero(self.starts[1:] != self.ends[:-1] + 1)
        firsts = self.starts[np.concatenate([[0], gaps + 1])]
        lasts = self.ends[np.concatenate([gaps, [len(self) - 1]])]
        return b"\n".join(self.data[first:last] for first, last in zip(firsts, lasts, strict=True)) + b"\n"


def scan(
    stream: BinaryIO, delimiter: str, quote: str | None, reject: Reject, *, block: int = BLOCK
) -> Iterator[Records]:
    """The records of a stream, block by block.

    A record with an unbalanced or stray quote is rejected, and reading goes on with the line after the one where the
    faulty field opens.

    Args:
        stream: bytes; no byte order mark.
        delimiter: one ASCII character.
        quote: one ASCII character, doubled to stand for itself (RFC 4180), or None.
        reject: told of each broken record.
        block: bytes read at a time.
    """
    separator, mark = ord(delimiter), None if not quote else ord(quote)
    data, line, final = b"", 1, False
    while not final:
        chunk = stream.read(block)
        final = not chunk
        data += chunk
        while data:
            records, used, stray = _cut(data, separator, mark, line, final)
            if len(records):
                yield records
            if stray is None and not final and len(data) - used > LONGEST_RECORD and mark is not None:
                stray = max(data.find(mark, used), used)
            if stray is not None:
                newline = data.find(b"\n", stray)
                if newline < 0 and not final and len(data) - used <= LONGEST_RECORD:
                    line, data = line + data.count(b"\n", 0, used), data[used:]
                    break
                after = len(data) if newline < 0 else newline + 1
                begins = line + data.count(b"\n", 0, used)
                opens = line + data.count(b"\n", 0, stray)
                where = "" if opens == begins else f" in line {opens}"
                reject(begins, f"a quote is unbalanced{where}", data[used:after].rstrip(b"\r\n"))
                used = after
            line += data.count(b"\n", 0, used)
            data = data[used:]
            if stray is None:
                break


def _cut(data: bytes, separator: int, mark: int | None, line: int, final: bool) -> tuple[Records, int, int | None]:
    """Complete records at the start of ``data``, the bytes they use, and where the first stray quote's field opens."""
    view = np.frombuffer(data, dtype=np.uint8)
    newlines = np.flatnonzero(view == _NEWLINE)
    separators = np.flatnonzero(view == separator)
    ends, stray = newlines, None
    if mark is not None:
        quotes = np.flatnonzero(view == mark)
        if len(quotes):
            stray = _first_stray(view, quotes, separator, final)
            ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
            separators = separators[np.searchsorted(quotes, separators) % 2 == 0]
    if stray is not None:
        ends = ends[ends < stray]
    elif final and (not len(ends) or ends[-1] != len(data) - 1):
        ends = np.append(ends, len(data))
    starts = np.concatenate([[0], ends[:-1] + 1]) if len(ends) else ends
    used = min(int(ends[-1]) + 1, len(data)) if len(ends) else 0
    length = ends - starts
    blank = (length == 0) | ((length == 1) & (view[np.minimum(starts, len(data) - 1)] == _RETURN))
    fields = np.searchsorted(separators, ends) - np.searchsorted(separators, starts) + 1
    lines = line + np.searchsorted(newlines, starts)
    return Records(data, starts, ends, fields, lines).select(~blank), used, stray


def _first_stray(view: NDArray[np.uint8], quotes: NDArray[np.int64], separator: int, final: bool) -> int | None:
    """Where the first field with a quote out of place opens; quotes pair up as opening and closing ones."""
    opening, closing = quotes[0::2], quotes[1::2]
    doubled = opening[1:] == closing[: len(opening) - 1] + 1
    before = view[np.maximum(opening - 1, 0)]
    opens_well = (opening == 0) | (before == separator) | (before == _NEWLINE)
    opens_well[1:] |= doubled
    after = view[np.minimum(closing + 1, len(view) - 1)]
    closes_well = (closing == len(view) - 1) | (after == separator) | (after == _NEWLINE) | (after == _RETURN)
    closes_well[: len(doubled)] |= doubled
    wrong = ~opens_well
    wrong[: len(closing)] |= ~closes_well
    if final and len(opening) > len(closing):
        wrong[-1] = True
    if not wrong.any():
        return None
    first = int(np.argmax(wrong))
    while first > 0 and doubled[first - 1]:
        first -= 1
    return int(opening[first])
