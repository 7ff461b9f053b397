"""What is refused before or while a whole-document syntax is parsed."""

from __future__ import annotations

import json
from pyexpat import ErrorString, ExpatError, ParserCreate
from typing import Any

from kgrec.errors import DataError
from kgrec.ingest.rdf_files import RdfFile


def check_xml(file: RdfFile) -> None:
    """Reads an XML file once for its form alone.

    pyoxigraph expands entities without a limit, and takes a document that breaks off between two elements for whole.

    Raises:
        DataError: a DOCTYPE (with it, entities), or not well-formed XML; names line and column.
    """
    parser = ParserCreate()

    def refuse(*_: Any) -> None:
        raise DataError(
            "DOCTYPE is refused: its entities can grow without bound or read other files",
            file=file.path,
            line=parser.CurrentLineNumber,
            column=parser.CurrentColumnNumber + 1,
            value=file.line(parser.CurrentLineNumber),
            expected="RDF/XML without DOCTYPE",
            remedy="write the entities out and take the DOCTYPE away",
        )

    parser.StartDoctypeDeclHandler = refuse
    with file.open() as stream:
        try:
            parser.ParseFile(stream)
        except ExpatError as error:
            raise DataError(
                f"not well-formed XML: {ErrorString(error.code)}",
                file=file.path,
                line=error.lineno,
                column=error.offset + 1,
                value=file.line(error.lineno) or None,
                expected="RDF/XML",
            ) from error


def remote_context(file: RdfFile) -> DataError:
    """The error for a JSON-LD document with a context elsewhere; names it where the document can be read."""
    with file.open() as stream:
        try:
            found = _find_remote(json.loads(stream.read()))
        except (ValueError, RecursionError):
            found = None
    return DataError(
        "a remote @context is refused: reading a file never opens a connection",
        file=file.path,
        line=None if found is None else file.find(json.dumps(found)),
        value=found,
        expected="a @context written into the file",
        remedy="copy the context's content into the file",
    )


def _find_remote(node: Any) -> str | None:
    """First context, in document order, that is a reference."""
    if isinstance(node, list):
        return next((found for found in map(_find_remote, node) if found), None)
    if not isinstance(node, dict):
        return None
    contexts = node.get("@context")
    for context in contexts if isinstance(contexts, list) else [contexts]:
        if isinstance(context, str):
            return context
        if isinstance(context, dict) and isinstance(context.get("@import"), str):
            return str(context["@import"])
    return next((found for found in map(_find_remote, node.values()) if found), None)
