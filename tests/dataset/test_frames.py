"""The tabular reader: what goes in comes out, and what is broken is named with its line."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.config.recipe import TableFile
from kgrec.dataset.delimited import scan
from kgrec.dataset.frames import LINE, read_batches, read_frame
from kgrec.errors import DataError
from kgrec.ingest.rejects import Rejects


def write(folder: Path, content: str | bytes, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, wanted: list[str] | None = None, limit: int = 0, **spec: object) -> tuple[pl.DataFrame, Rejects]:
    rejects = Rejects(limit)
    return read_frame(path, TableFile(file=path.name, **spec), wanted, rejects=rejects), rejects


def fault(path: Path, wanted: list[str] | None = None, **spec: object) -> DataError:
    with pytest.raises(DataError) as caught:
        read(path, wanted, **spec)
    assert caught.value.file == str(path)
    return caught.value


# --- what comes out


def test_ids_stay_strings(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path, "id,n\n007,1.50\n 8 ,\n"))
    assert frame.rows() == [("007", "1.50", 2), (" 8 ", None, 3)]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_the_files_own(tmp_path: Path, ending: str) -> None:
    lines = ["a,b", "1,x", "", '2,"two', 'lines"', "3,y", "", "4,z"]
    frame, _ = read(write(tmp_path, ending.join(lines)))
    assert frame["a"].to_list() == ["1", "2", "3", "4"]
    assert frame[LINE].to_list() == [2, 4, 6, 8]
    assert frame["b"].to_list() == ["x", f"two{ending}lines", "y", "z"]


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path, b"\xef\xbb\xbfid,n\n1,2\n"), ["id"])
    assert frame["id"].to_list() == ["1"]


def test_gzip(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path, gzip.compress(b"id\tn\n1\t2\n"), "table.tsv.gz"))
    assert frame.rows() == [("1", "2", 2)]


def test_recbole_headers_lose_their_types_and_quotes_are_text(tmp_path: Path) -> None:
    frame, _ = read(write(tmp_path, 'item_id:token\ttitle:token_seq\n1\t"Weird Al"\n', "x.item"))
    assert frame.rows() == [("1", '"Weird Al"', 2)]


def test_without_a_header(tmp_path: Path) -> None:
    path = write(tmp_path, "u1 i1 1\n", "x.dat")
    assert read(path, delimiter=" ", header=False)[0].columns == ["column_1", "column_2", "column_3", LINE]
    named, _ = read(path, ["i"], delimiter=" ", header=False, columns=["u", "i", "v"])
    assert named.rows() == [("i1", 1)]


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    data = {"id": ["007", None], "n": [7.0, 7.5], "i": [3, None], "tags": [["a"], []], "f": [None, float("nan")]}
    pl.DataFrame(data).write_parquet(path)
    frame, _ = read(path)
    assert frame.rows() == [("007", "7", "3", '["a"]', None, 1), (None, "7.5", None, "[]", "NaN", 2)]


def test_json_lines(tmp_path: Path) -> None:
    rows = [{"id": "007", "n": 7.0, "tags": ["é"]}, {"id": 8, "late": True}]
    frame, _ = read(write(tmp_path, "\n".join(map(json.dumps, rows)), "x.jsonl"))
    assert frame.columns == ["id", "n", "tags", "late", LINE]
    assert frame.rows() == [("007", "7", '["é"]', None, 1), ("8", None, None, "true", 2)]


cell = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r"), max_size=6)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(cell, cell, st.sampled_from(["x", "y"])), min_size=1, max_size=8),
    block=st.integers(1, 40),
    ending=st.sampled_from(["\n", "\r\n"]),
)
def test_what_csv_writes_is_read(tmp_path: Path, rows: list[tuple[str, ...]], block: int, ending: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=ending).writerows([("a", "b", "c"), *rows])
    content = buffer.getvalue()
    frame, _ = read(write(tmp_path, content))
    assert [tuple(value or "" for value in row) for row in frame.drop(LINE).rows()] == rows

    # The same records and lines, however the stream is cut into blocks.
    def never(line: int, problem: str, value: bytes) -> None:
        raise AssertionError(problem)

    small = list(scan(io.BytesIO(content.encode()), ",", '"', never, block=block))
    lines = np.concatenate([records.lines for records in small])
    assert lines.tolist() == [1, *frame[LINE].to_list()]
    assert b"".join(records.joined() for records in small) == b"".join(
        records.joined() for records in scan(io.BytesIO(content.encode()), ",", '"', never)
    )


# --- what is broken


def test_missing_file_names_a_like_one(tmp_path: Path) -> None:
    write(tmp_path, "a\n1\n", "ratings.csv")
    assert "ratings.csv" in str(fault(tmp_path / "rating.csv"))


def test_missing_column_names_the_nearest(tmp_path: Path) -> None:
    error = fault(write(tmp_path, "userId,movieId\n1,2\n"), ["userID"])
    assert error.column == "userID"
    assert "'userId'" in str(error)


def test_missing_key_in_json_lines(tmp_path: Path) -> None:
    assert fault(write(tmp_path, '{"id": 1}\n', "x.jsonl"), ["ids"]).column == "ids"


def test_missing_column_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    pl.DataFrame({"id": [1]}).write_parquet(path)
    assert fault(path, ["idd"]).column == "idd"


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")])
def test_wrong_delimiter_says_which_it_looks_like(tmp_path: Path, delimiter: str, name: str) -> None:
    path = write(tmp_path, delimiter.join(["user", "item"]) + "\n" + delimiter.join("12") + "\n")
    assert name in str(fault(path, ["user", "item"]))


def test_wrong_delimiter_without_a_header(tmp_path: Path) -> None:
    assert "space" in str(fault(write(tmp_path, "1 2\n"), ["u", "i"], header=False, columns=["u", "i"]))


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_empty_file(tmp_path: Path, content: str) -> None:
    assert "empty" in fault(write(tmp_path, content)).problem


def test_header_only(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n")
    assert "no rows" in fault(path).problem
    assert read_frame(path, TableFile(file=""), ["b"], rejects=Rejects(), may_be_empty=True).columns == ["b", LINE]


def test_two_columns_of_one_name(tmp_path: Path) -> None:
    assert fault(write(tmp_path, "a,b,a\n1,2,3\n")).column == "a"


def test_utf16(tmp_path: Path) -> None:
    assert "UTF-16" in fault(write(tmp_path, "a,b\n1,2\n".encode("utf-16"))).problem


def test_damaged_gzip(tmp_path: Path) -> None:
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 1000)
    assert "gzip" in fault(write(tmp_path, packed[: len(packed) // 2])).problem


def test_no_parquet(tmp_path: Path) -> None:
    assert "Parquet" in fault(write(tmp_path, "a,b\n", "x.parquet")).problem


BROKEN = {
    "too few fields": (b"a,b\n1,x\n2\n3,y\n", 3, "1 field"),
    "too many fields": (b"a,b\n1,x\n2,y,z\n3,y\n", 3, "3 field"),
    "invalid UTF-8": (b"a,b\n1,x\n2,\xff\xfe\n3,y\n", 3, "UTF-8"),
    "quote never closed": (b'a,b\n1,x\n2,"y\n3,y\n', 3, "unbalanced"),
    "closed on a later line": (b'a,b\n1,"x"\n2,"y\n3,"y"\n', 3, "unbalanced"),
    "text after a quote": (b'a,b\n1,x\n2,"y"z\n3,y\n', 3, "unbalanced"),
    "quote inside a field": (b'a,b\n1,x\n2,5" disc\n3,y\n', 3, "unbalanced"),
    "after a quoted line end": (b'a,b\n1,"x\nx"\n2\n3,y\n', 4, "1 field"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_row_is_named_with_its_line(tmp_path: Path, name: str) -> None:
    content, line, problem = BROKEN[name]
    error = fault(write(tmp_path, content))
    assert error.line == line
    assert problem in error.problem


@pytest.mark.parametrize("name", BROKEN)
def test_broken_row_alone_is_put_aside(tmp_path: Path, name: str) -> None:
    content, line, _ = BROKEN[name]
    frame, rejects = read(write(tmp_path, content), limit=1)
    assert frame["a"].to_list() == ["1", "3"]
    assert rejects.frame()["line"].to_list() == [line]


@pytest.mark.parametrize("bad", [b"{", b"[1]", b'{"a": "\\ud800"}', b'{"a": "\xff"}'])
def test_broken_json_line(tmp_path: Path, bad: bytes) -> None:
    path = write(tmp_path, b'{"a": 1}\n' + bad + b'\n{"a": 3}\n', "x.jsonl")
    assert fault(path).line == 2
    assert read(path, limit=1)[0]["a"].to_list() == ["1", "3"]


def test_many_blocks_give_many_batches(tmp_path: Path) -> None:
    path = write(tmp_path, "a,b\n" + "".join(f'{n},"{"x" * 200}"\n' for n in range(100_000)))
    batches = list(read_batches(path, TableFile(file=""), ["a"], rejects=Rejects()))
    assert len(batches) > 1
    whole = pl.concat(batches)
    assert whole["a"].cast(pl.Int64).to_list() == list(range(100_000))
    assert whole[LINE].to_list() == list(range(2, 100_002))


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(st.sampled_from(["a", ",", '"', "\n", "\r\n", "é", '","', '\n"']), max_size=25))
def test_whatever_is_in_the_file_each_row_is_read_from_its_own_line(tmp_path: Path, parts: list[str]) -> None:
    content = "".join(parts)
    path = write(tmp_path, "p,q\n" + content)
    rejects = Rejects(10**6)
    frame = read_frame(path, TableFile(file=""), ["p", "q"], rejects=rejects, may_be_empty=True)
    lines = ("p,q\n" + content).split("\n")
    for p, q, line in frame.rows():
        record = next(csv.reader(io.StringIO("\n".join(lines[line - 1 :]), newline=""), strict=True))
        assert [p or "", q or ""] == record
    # No line is lost: it is blank, in a row or in a reject (where a line end is shown as \\n).
    told = [(line, f"{p}{q}".count("\n")) for p, q, line in frame.rows()]
    told += [(line or 0, str(value).count("\\n")) for _, line, _, value, _ in rejects.rows]
    inside = {line + more for line, ends in told for more in range(ends + 1)}
    for number, line in enumerate(lines[1:], start=2):
        assert not line.strip("\r") or number in inside
