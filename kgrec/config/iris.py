"""IRIs: prefixes, templates and the names that people read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote, unquote

KGREC = "urn:kgrec:vocab#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
RDFS_LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
RDFS_RANGE = "http://www.w3.org/2000/01/rdf-schema#range"
TEXT = KGREC + "text"
"""Predicate of the text that a table gives to a node."""
BNODE = "urn:kgrec:bnode:"
"""What the IRI of a skolemised blank node begins with."""

PREFIXES: Mapping[str, str] = {
    "kgrec": KGREC,
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "schema": "https://schema.org/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "dcterms": "http://purl.org/dc/terms/",
    "dbo": "http://dbpedia.org/ontology/",
    "dbr": "http://dbpedia.org/resource/",
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
    "prov": "http://www.w3.org/ns/prov#",
}

_SCHEMES = frozenset({"about", "data", "did", "doi", "geo", "info", "mailto", "ni", "tag", "tel", "urn", "uuid"})
"""Schemes of IRIs without ``//``."""

_ABSOLUTE = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\]*$")


def clean_key(value: str) -> str:
    """A table's id as it is known everywhere: stripped and NFC-normalised."""
    return unicodedata.normalize("NFC", value.strip())


def is_iri(text: str) -> bool:
    """Whether the text is an absolute IRI (RFC 3987 characters, a scheme)."""
    return _ABSOLUTE.match(text) is not None


def expand(name: str, prefixes: Mapping[str, str]) -> str:
    """``skos:prefLabel`` → its IRI; an absolute IRI stays as it is.

    Without ``//`` after the colon only well-known schemes make an IRI (``urn:isbn:123``): ``sko:prefLabel`` is a typo.

    Raises:
        ValueError: neither a known prefix nor an absolute IRI.
    """
    prefix, colon, local = name.partition(":")
    known = {**PREFIXES, **prefixes}
    if colon and not local.startswith("//") and prefix in known:
        return known[prefix] + local
    if is_iri(name) and (local.startswith("//") or prefix.lower() in _SCHEMES):
        return name
    raise ValueError(f"{name!r} is neither an IRI nor a name with a known prefix ({', '.join(sorted(known))})")


def expand_template(template: str, field: str, prefixes: Mapping[str, str]) -> str:
    """An IRI template such as ``dbr:{id}`` with its prefix spelled out; one that begins with its field stays.

    Raises:
        ValueError: it lacks the field, or is no IRI with it.
    """
    mark = "{" + field + "}"
    if mark not in template:
        raise ValueError(f"the IRI template {template!r} lacks its field {mark}")
    if template.startswith(mark):
        return template
    head, rest = template.split(mark, 1)
    # A letter in the field's place makes an IRI where the template is one.
    whole = expand(head + "x" + rest.replace(mark, "x"), prefixes)
    return whole[: len(whole) - len("x" + rest.replace(mark, "x"))] + mark + rest


def fill(template: str, **values: str) -> str:
    """An IRI template with its fields percent-encoded as UTF-8; a template that is one field only takes it as it is.

    Raises:
        ValueError: the result is no absolute IRI.
    """
    if len(values) == 1 and template == "{" + next(iter(values)) + "}":
        iri = next(iter(values.values()))
    else:
        iri = template
        for field, value in values.items():
            iri = iri.replace("{" + field + "}", quote(clean_key(value), safe=""))
    if not is_iri(iri):
        raise ValueError(f"{iri!r} is not an absolute IRI")
    return iri


def node_iri(base: str, node_type: str, key: str) -> str:
    """IRI of a table row: ``<base><type>/<percent-encoded key>``."""
    return fill(base + node_type + "/{id}", id=key)


def type_iri(base: str, node_type: str) -> str:
    """IRI of the class that a table's node type becomes."""
    return f"{base}type/{node_type}"


def relation_iri(base: str, relation: str) -> str:
    """IRI of the predicate that a table's relation becomes."""
    return f"{base}relation/{relation}"


def source_graph(base: str, source: str) -> str:
    """IRI of the named graph that holds one source's statements."""
    return f"{base}source/{source}"


def explanation_graph(base: str, run: str) -> str:
    """IRI of the named graph that holds the explanations published of one run."""
    return f"{base}explanation/{quote(run, safe='')}"


def local_name(iri: str) -> str:
    """The part of an IRI after the last ``#`` or ``/`` (without one, after the last ``:``), percent-decoded.

    ``…/resource/Star_Trek:_Picard`` → ``Star_Trek:_Picard``, ``urn:isbn:123`` → ``123``.
    """
    parts = re.split(r"[#/]", iri.rstrip("/#"))
    tail = parts[-1] if len(parts) > 1 else parts[0].rsplit(":", 1)[-1]
    return unquote(tail, errors="replace")
