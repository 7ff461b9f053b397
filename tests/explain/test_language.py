"""The files of words: the same keys and the same places for values in every language."""

from __future__ import annotations

import re
import string

import pytest

from kgrec.errors import UserError
from kgrec.explain.language import Language, languages
from kgrec.explain.relations import Reading, of_name
from tests.explain.readback import LEARNED

ENGLISH = Language.of("en")
PATTERNS = {"relation.phrase", "relation.name", "relation.second_person"}


def names(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


@pytest.mark.parametrize("tag", languages())
def test_every_file_has_the_same_keys_and_places(tag: str) -> None:
    words = Language.of(tag).words
    assert set(words) == set(ENGLISH.words)
    for key, template in ENGLISH.words.items():
        if key in PATTERNS:
            assert all(re.compile(row[0 if key.endswith("person") else 1]) for row in words[key])
            continue
        mine, theirs = (of if isinstance(of, dict) else {"other": of} for of in (words[key], template))
        assert names(mine["other"]) == names(theirs["other"]), key
        for number, form in mine.items():
            assert form.strip() or key == "number.group"
            assert number == "other" or number.isdecimal()
            assert names(form) <= names(mine["other"]), key
            assert "{" not in form.format(**dict.fromkeys(names(form), "x"))


@pytest.mark.parametrize("tag", languages())
def test_every_kind_of_hop_has_words(tag: str) -> None:
    words = Language.of(tag).words
    for kind in LEARNED:
        assert words[f"learned.{kind}.for"] != words[f"learned.{kind}.against"]
        assert {"{here}", "{there}"} <= set(re.findall(r"\{\w+\}", words[f"learned.{kind}.for"]))
    assert {kind for kind, _ in [*words["relation.phrase"], *words["relation.name"]]} <= {"has", "is", "does"}


def test_numbers_and_forms() -> None:
    chinese = Language.of("zh")
    assert [ENGLISH.people(n) for n in (1, 2, 12345)] == ["1 person", "2 people", "12,345 people"]
    assert [chinese.people(n) for n in (1, 12345)] == ["1 人", "12,345 人"]
    assert [ENGLISH.listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
    assert [chinese.listed(list("abc"[:n])) for n in (1, 2, 3)] == ["a", "a和b", "a、b和c"]


def test_a_label_ends_where_it_seems_to() -> None:
    assert ENGLISH.quoted("“A” said “B”\u202e") == "“‘A’ said ‘B’”"
    assert ENGLISH.say("note.content", item=ENGLISH.quoted("{item} {0}")).startswith(
        "Nobody in the training part has “{item} {0}”"
    )


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(UserError, match=r"'?de'?(.|\n)*en or zh"):
        Language.of("de")
    with pytest.raises(UserError, match="not worded"):
        Language.of("../words/en")


@pytest.mark.parametrize(
    ("relation", "reading"),
    [
        ("导演", Reading("has", "导演")),
        ("属于", Reading("does", "属于")),
        ("hasGenre", Reading("has", "genre")),
        ("film.film.genre", Reading("has", "genre")),
        ("directed_by", Reading("is", "directed by")),
        ("belongsTo", Reading("is", "belongs to")),
        ("", Reading("is", "关联")),
    ],
)
def test_relations_in_chinese(relation: str, reading: Reading) -> None:
    assert of_name(relation, Language.of("zh")) == reading
