"""Labels that are made from IRIs."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from kgrec.config import iris
from kgrec.dataset.build_literals import labels_of_iris


def series(*values: str | None) -> pl.Series:
    return pl.Series(values, dtype=pl.String)


TAIL = st.text(alphabet="ab1/#:%é4C_ ", max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["http://x.org/", "urn:a:", "http://x.org/y#"]), TAIL), max_size=6))
def test_they_are_local_names_as_the_iris_module_tells_them(parts: list[tuple[str, str]]) -> None:
    given_iris = [head + tail for head, tail in parts]
    kinds = ["T"] * len(given_iris)
    made = labels_of_iris(series(*given_iris), series(*kinds), series(*[None] * len(kinds))).to_list()
    for iri, label in zip(given_iris, made, strict=True):
        name = iris.local_name(iri).strip().replace("_", " ").strip()
        if name:
            assert label == name
        else:
            assert label.startswith("T ")
            assert len(label) == 10


def test_underscores_are_spaces_but_in_keys() -> None:
    made = labels_of_iris(
        series("http://dbpedia.org/resource/Third_Eye_Blind", "urn:kgrec:User/user_7", "http://x.org/_"),
        series("Band", "User", "T"),
        series("http://dbpedia.org/resource/Third_Eye_Blind", "user_7", None),
    )
    assert made.to_list()[:2] == ["Third Eye Blind", "user_7"]
    assert made[2].startswith("T ")
