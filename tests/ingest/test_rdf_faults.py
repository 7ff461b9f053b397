"""Bad RDF: named with file, line and remedy; only line-based syntaxes go on after a bad line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from pyoxigraph import Quad

from kgrec.config.recipe import RdfSource
from kgrec.errors import DataError, RecipeError, UserError
from kgrec.ingest import rdf_lines
from kgrec.ingest.rdf import read_rdf
from kgrec.ingest.rejects import Rejects

RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:x="http://example.org/">\n'
GOOD = "<http://example.org/a> <http://example.org/p> <http://example.org/b> .\n"


def read(path: Path, rejects: Rejects | None = None, cap: int = 1_048_576, **source: str) -> list[Quad]:
    entry = RdfSource(file=path.name, name="graph", **source)
    rejects = Rejects() if rejects is None else rejects
    return list(read_rdf(path, entry, base="urn:test:", rejects=rejects, literal_cap=cap))


def error_of(path: Path, content: str | bytes, **options) -> UserError:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError) as caught:
        read(path, **options)
    assert caught.value.file == str(path)
    return caught.value


MALFORMED = {
    "a.nt": (GOOD + "<http://example.org/a> oops .\n", 2),
    "b.nt": (GOOD * 3 + '<http://example.org/a> <http://example.org/p> "open .\n', 4),
    "a.nq": (GOOD + "<http://a/> <http://b/> <http://c/> <http://d/> <http://e/> .\n", 2),
    "a.ttl": ("@prefix : <http://example.org/> .\n:a :p ,, .\n", 2),
    "b.ttl": (GOOD + "ex:a ex:b ex:c .\n", 2),
    "a.trig": ("<http://g/> {\n <http://a/> <http://b/> }\n", 2),
    "a.rdf": (RDF + "<rdf:Description>\n</rdf:RDF>", 3),
    "b.rdf": (RDF + '<rdf:Description rdf:about="http://a/"><x:p>1</x:p></rdf:Description>\n', 3),
    "a.jsonld": ('{\n"@id": oops}', 2),
    "b.jsonld": ('{"@id": "http://a/",\n"http://p/": [1, 2}', 2),
}


@pytest.mark.parametrize("name", sorted(MALFORMED))
def test_malformed_files_are_named_with_line_and_column(tmp_path: Path, name: str) -> None:
    content, line = MALFORMED[name]
    error = error_of(tmp_path / name, content)
    assert isinstance(error, DataError)
    assert error.line == line
    assert error.column is not None


def test_an_object_that_rdf_xml_does_not_allow(tmp_path: Path) -> None:
    content = RDF + '<rdf:Description rdf:about="http://a/" rdf:nodeID="n"><x:p>1</x:p></rdf:Description></rdf:RDF>'
    assert "nodeID" in str(error_of(tmp_path / "a.rdf", content))


RELATIVE = {
    "a.nt": "<rel> <http://example.org/p> <http://example.org/b> .\n",
    "a.ttl": "\n<rel> <http://example.org/p> 1 .\n",
    "b.ttl": "@base <rel/> . <a> <http://example.org/p> 1 .\n",
    "a.rdf": RDF + '<rdf:Description rdf:about="rel"><x:p>1</x:p></rdf:Description></rdf:RDF>',
    "a.jsonld": '{"@id": "rel", "http://example.org/p": 1}',
    "b.jsonld": '{"@id": "http://a/", "http://example.org/p": [{"@id": "http://example.org/b"}, {"@id": "rel"}]}',
    "c.jsonld": '{"@context": {"@base": null}, "@id": "rel", "http://example.org/p": 1}',
    "d.jsonld": '{"@context": {"id": "@id"}, "id": "rel", "http://example.org/p": 1}',
    "e.jsonld": '{"@id": "http://example.org/a", "@type": "rel"}',
    "f.jsonld": '{"@id": "http://example.org/a", "http://example.org/p": {"@value": "1", "@type": "rel"}}',
    "g.jsonld": '{"@id": "rel", "@graph": [{"@id": "http://example.org/a", "http://example.org/p": 1}]}',
}


@pytest.mark.parametrize("name", sorted(RELATIVE))
def test_relative_iris_are_refused_without_a_base(tmp_path: Path, name: str) -> None:
    error = error_of(tmp_path / name, RELATIVE[name])
    assert error.expected == "an absolute IRI"
    assert "rel" in str(error.value)
    assert error.line is not None


LOST = {
    "key.jsonld": ('{"@id": "http://example.org/a", "name": "x"}', "name"),
    "blank.jsonld": ('{"@id": "http://example.org/a", "_:p": "x"}', "_:p"),
    "space.jsonld": ('{"@id": "http://example.org/a b", "http://example.org/p": "x"}', "http://example.org/a b"),
    "tag.jsonld": ('{"@id": "http://a/", "http://p/": {"@value": "x", "@language": "e n"}}', "e n"),
    "nothing.jsonld": ("{}", None),
    "null.jsonld": ('{"@context": {"name": null}, "@id": "http://example.org/a", "name": "x"}', None),
}


@pytest.mark.parametrize("name", sorted(LOST))
def test_json_ld_that_would_lose_statements_is_refused(tmp_path: Path, name: str) -> None:
    content, value = LOST[name]
    assert error_of(tmp_path / name, content).value == value


def test_a_key_that_the_context_leaves_out_on_purpose(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonld"
    path.write_text('{"@context": {"name": null}, "@id": "http://a/", "name": "x", "http://p/": 1}')
    assert len(read(path)) == 1


REMOTE = {
    "a": '{"@context": "http://127.0.0.1:9/c", "@id": "http://a/", "http://p/": 1}',
    "b": '{"@context": [{}, "http://127.0.0.1:9/c"], "@id": "http://a/", "http://p/": 1}',
    "c": '{"@context": {"@import": "http://127.0.0.1:9/c"}, "@id": "http://a/", "http://p/": 1}',
    "d": '{"@context": {"t": {"@id": "http://t/", "@context": "http://127.0.0.1:9/c"}}, "t": {"http://p/": 1}}',
    "e": '[{"@id": "http://a/", "http://p/": {"@context": "http://127.0.0.1:9/c", "http://p/": 1}}]',
}


@pytest.mark.parametrize("name", sorted(REMOTE))
def test_remote_contexts_are_refused(tmp_path: Path, name: str) -> None:
    error = error_of(tmp_path / f"{name}.jsonld", REMOTE[name])
    assert "remote @context is refused" in error.problem
    assert (error.value, error.line) == ("http://127.0.0.1:9/c", 1)


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(12)
)


@pytest.mark.parametrize("before", ["", "<!-- <r> -->\n", '<?xml version="1.0"?>\n', "\ufeff"])
def test_a_doctype_is_refused_before_its_entities_grow(tmp_path: Path, before: str) -> None:
    content = (
        before
        + BOMB
        + "]>\n"
        + RDF
        + '<rdf:Description rdf:about="http://a/"><x:p>&m;</x:p></rdf:Description></rdf:RDF>'
    )
    error = error_of(tmp_path / "bomb.rdf", content)
    assert "DOCTYPE is refused" in error.problem
    assert error.line == (2 if before.endswith("\n") else 1)


def test_a_doctype_inside_the_root_is_refused(tmp_path: Path) -> None:
    error = error_of(tmp_path / "a.rdf", RDF + '<!DOCTYPE r [<!ENTITY a "x">]></rdf:RDF>')
    assert error.line == 2


def test_the_word_doctype_in_a_text_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.rdf"
    text = "<x:p><![CDATA[<!DOCTYPE html>]]></x:p><!-- <!DOCTYPE -->"
    path.write_text(RDF + f'<rdf:Description rdf:about="http://a/">{text}</rdf:Description></rdf:RDF>')
    assert [quad.object.value for quad in read(path)] == ["<!DOCTYPE html>"]


@pytest.mark.parametrize("name", ["a.nt", "a.nq", "a.ttl", "a.trig", "a.rdf", "a.jsonld"])
def test_literals_over_the_cap(tmp_path: Path, name: str) -> None:
    subject, predicate = "http://example.org/a", "http://example.org/p"
    quoted = f'<{subject}> <{predicate}> "%s" .\n'
    content = {
        "a.rdf": RDF + f'<rdf:Description rdf:about="{subject}"><x:p>%s</x:p></rdf:Description></rdf:RDF>',
        "a.jsonld": f'{{"@id": "{subject}", "{predicate}": "%s"}}',
    }.get(name, quoted)
    fits = "é" * 50
    (tmp_path / name).write_text(content % fits, "utf-8")
    assert [quad.object.value for quad in read(tmp_path / name, cap=100)] == [fits]
    error = error_of(tmp_path / name, content % (fits + "x"), cap=100)
    assert error.problem == "a literal of 101 bytes"
    assert error.line is not None


@pytest.mark.parametrize("name", ["a.nt", "a.ttl", "a.trig", "a.nq", "a.rdf", "a.jsonld"])
def test_invalid_utf8(tmp_path: Path, name: str) -> None:
    content = {
        "a.rdf": RDF.encode() + b'<rdf:Description rdf:about="http://a/"><x:p>\xff</x:p></rdf:Description></rdf:RDF>',
        "a.jsonld": b'{"@id": "http://a/", "http://p/": "\xff"}',
    }.get(name, b'<http://a/> <http://p/> "\xff" .\n')
    error = error_of(tmp_path / name, content)
    assert error.line is not None
    assert "UTF-8" in str(error) or "well-formed" in str(error)


@pytest.mark.parametrize("name", ["a.nt", "a.nq", "a.ttl", "a.trig", "a.rdf", "a.jsonld"])
def test_empty_files(tmp_path: Path, name: str) -> None:
    assert error_of(tmp_path / name, b"").problem == "the file is empty"
    (tmp_path / (name + ".gz")).write_bytes(gzip.compress(b""))
    with pytest.raises(DataError):
        read(tmp_path / (name + ".gz"))


def test_files_that_are_not_there_or_tell_no_syntax(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read(tmp_path / "none.nt")
    assert "format" in str(error_of(tmp_path / "a.dat", GOOD).remedy)
    (tmp_path / "a.ttl").write_text(GOOD)
    with pytest.raises(RecipeError, match="base"):
        read(tmp_path / "a.ttl", base="not an iri")


@pytest.mark.parametrize("syntax", ["nt", "ttl", "rdf"])
def test_damaged_compression(tmp_path: Path, syntax: str) -> None:
    lines = "".join(f"<http://example.org/{i * 7919}> <http://p/> <http://o/{i * i}> .\n" for i in range(5_000))
    if syntax == "rdf":
        lines = RDF + "<rdf:Description/>" * 50_000 + "</rdf:RDF>"
    packed = gzip.compress(lines.encode())
    for content in (packed[:-20], packed[: len(packed) // 2], lines.encode()):
        assert "compressed file is damaged" in error_of(tmp_path / f"a.{syntax}.gz", content).problem


def test_rdf_12_terms_are_refused(tmp_path: Path) -> None:
    triple = "<http://a/> <http://b/> <<( <http://a/> <http://b/> <http://c/> )>> .\n"
    direction = '<http://a/> <http://b/> "x"@en--ltr .\n'
    for content in (triple, direction):
        for name in ("a.nt", "a.ttl"):
            assert "RDF 1.2" in error_of(tmp_path / name, content).problem


# --- bad lines put aside

BAD_LINES = {
    "<http://a/> <http://p/> <rel> .": "a relative IRI",
    "<http://a/> <http://p/>": None,
    '<http://a/> <http://p/> "open .': None,
    "<http://a/> <http://p .": None,
    "<http://a/> <http://p/> <http://o/>": "dot",
    "<http://a/> <http://p/> <http://o/> . <http://a/> <http://p/> <http://o2/> .": None,
    "oops": None,
    '"literal" <http://p/> <http://o/> .': None,
    '<http://a/> "literal" <http://o/> .': None,
    '<http://a/> <http://p/> "\\q" .': None,
    f'<http://a/> <http://p/> "{"x" * 101}" .': "a literal of 101 bytes",
    f'<http://a/> <http://p/> "{"x" * 2_500_000}" .': "too long",
}


@pytest.mark.parametrize("block", [64, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_only_the_bad_lines_are_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, block: int
) -> None:
    monkeypatch.setattr(rdf_lines, "BLOCK", block)
    lines, bad = [], []
    for number, text in enumerate(BAD_LINES):
        lines += [f"<http://a/> <http://p/> <http://good/{number}> .", "# comment", ""]
        bad.append(len(lines) + 1)
        lines += [text, f'<http://a/> <http://p/> "good {number}" .']
    path = tmp_path / "a.nt"
    path.write_bytes(end.join(lines).encode() + b'\r\n<http://a/> <http://p/> "\xff" .')
    rejects = Rejects(len(bad) + 1)
    quads = read(path, rejects, cap=100)
    expected = {f"http://good/{n}" for n in range(len(bad))} | {f"good {n}" for n in range(len(bad))}
    assert {quad.object.value for quad in quads} == expected
    assert len(quads) == len(expected)
    assert [row[1] for row in rejects.rows] == [*bad, len(lines) + 1]
    for (*_, reason), wanted in zip(rejects.rows, BAD_LINES.values(), strict=False):
        assert wanted is None or wanted in reason
    assert "invalid UTF-8" in rejects.rows[-1][-1]


def test_one_bad_line_more_than_allowed_stops(tmp_path: Path) -> None:
    path = tmp_path / "a.nt"
    path.write_text(GOOD + "bad\n" + GOOD + "worse\n" + GOOD)
    rejects = Rejects(1)
    with pytest.raises(DataError, match=r"a\.nt:4"):
        read(path, rejects)
    assert len(read(path, Rejects(2))) == 3


@pytest.mark.parametrize("name", ["a.ttl", "a.trig", "a.rdf", "a.jsonld"])
def test_the_other_syntaxes_fail_whole(tmp_path: Path, name: str) -> None:
    content, _ = MALFORMED[name]
    rejects = Rejects(1000)
    error_of(tmp_path / name, content, rejects=rejects)
    assert len(rejects) == 0


def test_a_line_at_the_edge_of_a_block_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nt"
    for end in ("\n", "\r\n", "\r"):
        path.write_bytes(end.join(f"<http://a/> <http://p/> <http://o/{i}> ." for i in range(40)).encode())
        for block in range(30, 80):
            monkeypatch.setattr(rdf_lines, "BLOCK", block)
            assert [quad.object.value for quad in read(path)] == [f"http://o/{i}" for i in range(40)]
