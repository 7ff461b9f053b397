"""The README's queries are the ones that are written beside a run; the tests on a live server run those."""

from __future__ import annotations

import re
from pathlib import Path

from kgrec.publish import cypher


def test_the_queries_that_the_readme_shows(repository: Path) -> None:
    readme = (repository / "README.md").read_text()
    section = readme[readme.index("## Reasons where people read them") : readme.index("## How good, how fast")]
    runs = ["movielens", "movielens-facts"]
    assert re.findall(r"```cypher\n(.*?)\n```", section, re.DOTALL) == [
        cypher.one_explanation("movielens/42/2797"),
        cypher.its_paths("movielens/42/2797"),
        cypher.reasons_of_user("movielens", "77"),
        cypher.users_of_entity("movielens", "urn:kgrec:Movie/109487"),
        cypher.runs_compared(runs, "42"),
        cypher.ranks_compared(runs, "42"),
        cypher.facts_of_user("movielens", "42"),
        cypher.entities_of_lists("movielens"),
        cypher.list_without("movielens", "42", "urn:kgrec:Movie/590"),
        cypher.moved_without("movielens", "42", "urn:kgrec:Movie/590"),
    ]
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", section):
        assert 10_000 < (repository / picture).stat().st_size < 100_000
