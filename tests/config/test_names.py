from __future__ import annotations

from typing import Any

import pytest

from kgrec.config import parse_recipe
from kgrec.config.iris import expand, expand_template
from kgrec.errors import RecipeError


def recipe(**more: Any) -> dict[str, Any]:
    interactions = {"file": "r.csv", **more.pop("interactions", {})}
    return {"name": "x", "interactions": interactions, "rdf": [{"name": "kg", "file": "kg.nt"}], **more}


def table(**attribute: Any) -> dict[str, Any]:
    return recipe(table=[{"file": "t.csv", "id": "id", "attributes": [{"column": "c", **attribute}]}])


@pytest.mark.parametrize(
    ("content", "column", "words"),
    [
        (recipe(graph={"labels": ["nope:label"]}), "graph.labels", "'nope:label' is neither.*known prefix.*rdfs"),
        (recipe(graph={"relations": ["*", "label"]}), "graph.relations", "'label' is neither"),
        (recipe(graph={"text": ["skoss:note"]}), "graph.text", "did you mean 'skos'"),
        (recipe(graph={"exclude": ["dbo2:x"]}), "graph.exclude", "did you mean 'dbo'"),
        (recipe(graph={"names": {"nope:x": "y"}}), "graph.names", "'nope:x' is neither"),
        (recipe(graph={"types": {"nope:X": "Y"}}), "graph.types", "'nope:X' is neither"),
        (recipe(interactions={"item_iri": "nope:{id}"}), "interactions.item_iri", "'nope:x' is neither"),
        (recipe(interactions={"user_iri": "http://x.org/u"}), "interactions.user_iri", r"lacks its field \{id\}"),
        (recipe(table=[{"file": "t", "id": "i", "iri": "a b {id}"}]), "table.0.iri", "neither an IRI"),
        (table(iri="http://x.org/{id}"), "table.0.attributes.0.iri", r"lacks its field \{value\}"),
        (table(match={"predicate": "sko:prefLabel"}), "attributes.0.match.predicate", "did you mean 'skos'"),
        (
            table(match={"predicate": "skos:prefLabel", "source": "kgg"}),
            "attributes.0.match.source",
            r"no RDF source is called 'kgg' \(kg\)\n  did you mean 'kg'",
        ),
        (recipe(base="nothing"), "base", "'nothing' is no beginning of IRIs"),
        (recipe(base="http://x.org/y"), "base", "ends in /"),
        (recipe(prefixes={"ex": "example"}), "prefixes.ex", "'example' is no absolute IRI"),
    ],
)
def test_names_that_mean_nothing_are_refused(content: dict[str, Any], column: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        parse_recipe(content, "my.toml")
    assert str(caught.value).startswith("my.toml [")
    assert column in str(caught.value.column)


def test_names_that_mean_something_are_taken() -> None:
    parse_recipe(
        recipe(
            prefixes={"ex": "http://example.org/"},
            interactions={"item_iri": "{id}", "user_iri": "ex:user/{id}#it"},
            graph={
                "labels": ["ex:name", "urn:isbn:x", "http://x.org/y", "tag:x.org,2020:y"],
                "exclude": ["rdfs:label"],
            },
        )
    )


def test_templates() -> None:
    assert expand_template("dbr:{id}", "id", {}) == "http://dbpedia.org/resource/{id}"
    assert expand_template("ex:{id}/x", "id", {"ex": "http://e/"}) == "http://e/{id}/x"
    assert expand_template("{value}", "value", {}) == "{value}"
    assert expand_template("http://e/{id}/{id}#", "id", {}) == "http://e/{id}/{id}#"
    for unknown in ("sko:x", "isbn:1"):
        with pytest.raises(ValueError, match="known prefix"):
            expand(unknown, {})
