from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from kgrec.explain.types import Causes, Edge, Explanation, Node, Relation, Through
from kgrec.explain.types import Path as WalkedPath
from kgrec.explain.whatif import Listed, WhatIf
from kgrec.explain.without import Cut, Without, cut_of_hop, cut_of_path, cuts_of
from kgrec.report import Sample, write_report

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """Collects elements and text and checks that every element is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data

    def count(self, tag: str, **attributes: str) -> int:
        return sum(
            1
            for name, found in self.elements
            if name == tag
            and all(value in (found.get(key.rstrip("_")) or "").split() for key, value in attributes.items())
        )


def explanation(label: str = "Babe (1995)", *, relation: str = "genre", paths: int = 2) -> Explanation:
    def path(n: int) -> WalkedPath:
        nodes = (
            Node("urn:x:User/1", "User", "user 1"),
            Node(f"urn:x:Movie/{n}", "Movie", f"Movie {n} {label}"),
            Node("urn:x:Genre/c", "Genre", label),
            Node("urn:x:Movie/b", "Movie", label),
        )
        hops = (
            Relation("interacts", "forward", "interacts", "interaction"),
            Relation(relation, "forward", relation),
            Relation(relation, "reverse", relation),
        )
        return WalkedPath(nodes, hops, 0.5 / (n + 1), f"You interacted with Movie {n} {label}.", 2)

    shown = tuple(path(n) for n in range(paths))
    return Explanation("1", "b", label, 1, 1.0, shown, 1.25, -0.25, ("A note.",))


def content(label: str = "Babe (1995)") -> dict:
    metrics = {"ndcg@10": [0.2, 0.19, 0.21], "recall@10": [0.3, 0.28, 0.32], "coverage@10": [0.5, None, None]}
    popular = {"ndcg@10": [0.1, 0.09, 0.11], "recall@10": [0.2, 0.18, 0.22], "coverage@10": [0.01, None, None]}
    return {
        "title": f"Run {label}",
        "profile": {
            "counts": {"users": 3, "items": 4, "interactions": 9, "nodes": 1234, "edges": 56, "rejected_rows": 2},
            "node_types": {label: {"nodes": 4, "with_text": 2, "unlinked": 1, "degree_min": 0, "degree_max": 3}},
            "relations": {label: {"edges": 40}, **{f"r{n}": {"edges": 1} for n in range(20)}},
            "interactions": {"train": {"interactions": 7, "users": 3, "items": 4}},
            "per_user": {"min": 1, "median": 3.0, "mean": 3.0, "max": 5},
            "sources": {label: {"statements": 56}},
        },
        "embedding": {
            "model": label,
            "dim": 64,
            "mrr": 0.163,
            "hits@10": 0.31,
            "losses": [3.0, 2.0, 1.5],
            "valid": [[1, 0.1], [3, 0.15]],
        },
        "history": [{"epoch": n, "loss": 5.0 / (n + 1), "val_ndcg": 0.1 + n / 100} for n in range(5)],
        "evaluation": {
            "split": "test",
            "users": 3,
            "rows": [
                {"name": f"Linear {label}", "kind": "model", "metrics": metrics},
                {"name": "Popularity", "kind": "baseline", "metrics": popular},
            ],
        },
        "samples": [
            Sample(
                label,
                [f"{label} {n}" for n in range(40)],
                [
                    {"rank": 1, "item": "b", "label": label, "score": 1.0, "held_out": True},
                    {"rank": 2, "item": "c", "label": None, "score": 0.5, "held_out": False},
                ],
                [explanation(label), explanation(label, relation=label, paths=0)],
            )
        ],
    }


def written(tmp_path: Path, **parts: object) -> str:
    file = tmp_path / "report.html"
    write_report(file, **parts)
    return file.read_bytes().decode()


def test_a_whole_page(tmp_path):
    html = written(tmp_path, **content())
    page = Page(html)
    for words in (
        "Run Babe (1995)",
        "1,234",
        "NDCG@10 of Linear Babe (1995) is 0.2000: above the best baseline",
        "0.163",
    ):
        assert words in page.text
    assert "95 % intervals do not overlap" in page.text
    assert "0.1900–0.2100" in page.text
    assert "2 bad rows" in page.text
    assert "and 16 more" in page.text
    assert "5 other relations" in page.text
    assert "-0.25 remainder" in page.text
    assert page.count("polyline", class_="curve") == 4
    assert page.count("path", class_="edge") == 6
    assert page.count("path", class_="interaction") == 2
    assert page.count("g", class_="pill") == 2 + 2 * 2
    # Intervals where there are some, and only there.
    assert page.count("path", class_="whisker") == 4
    # One edge a path is walked against its direction: its arrow is at its other end.
    assert html.count('marker-start="url(#fact-back)"') == 2
    assert html.count('marker-end="url(#fact-head)"') == 2


def caused(label: str = "Babe (1995)") -> tuple[Explanation, dict[Cut, Without]]:
    """A flow's explanation with what each of its cuts does, effects and places made up."""
    user, start, genre, end = (
        Node("urn:x:User/1", "User", "user 1"),
        Node("urn:x:Movie/a", "Movie", f"A {label}"),
        Node("urn:x:Genre/c", "Genre", label),
        Node("urn:x:Movie/b", "Movie", label),
    )
    had = Relation("interacts", "forward", "interacts", "interaction")
    hops = (had, Relation("genre", "forward", label), Relation("genre", "reverse", label))
    learned = (had, Relation("co-preference", "forward", "co-preference", "co-preference", 7))
    other = Node("urn:x:User/2", "User", "user 2")
    walk = (had, Relation("interacts", "reverse", "interacts", "interaction"), had)
    paths = (
        WalkedPath((user, start, genre, end), hops, 0.5, f"Because of {label}.", effect=0.75, rank_without=4),
        WalkedPath((user, start, end), learned, 0.25, f"Often after {label}.", effect=-0.5, rank_without=1),
        WalkedPath((user, start, other, end), walk, 0.1, "Shared.", effect=0.0, rank_without=1),
    )
    edge = Edge(user, had, start, f"“{label}” in your history")
    causes = Causes(10, (edge,), (edge,), texts=("necessary: this", "sufficient: this"))
    of = Explanation("1", "b", label, 1, 1.0, paths, 0.85, 0.0, prior=0.15, knowledge=0.5, causes=causes)
    before = (Listed(1, "b", label, 1.0, 2), Listed(2, f"c {label}", label, 0.5, None))
    after = (Listed(1, "d", f"D {label}", 0.75, 14), Listed(2, "b", label, 0.25, 1))
    one = Without((edge,), WhatIf(before, after), {"b": -0.5})
    return of, dict.fromkeys(cuts_of(of), one)


def with_causes(label: str = "Babe (1995)") -> dict:
    parts = content(label)
    of, without = caused(label)
    parts["samples"] = [*parts["samples"], Sample(label, [label], [], [of], without)]
    return parts


def test_what_can_be_taken_away() -> None:
    of, without = caused()
    interaction = ("urn:x:User/1", "interacts", "urn:x:Movie/a")
    ends = ("urn:x:Movie/a", "genre", "urn:x:Genre/c"), ("urn:x:Movie/b", "genre", "urn:x:Genre/c")
    whole, learned, walk = of.paths
    assert [cut_of_hop(whole, n) for n in range(3)] == [{interaction}, {ends[0]}, {ends[1]}]
    assert cut_of_path(whole) == {interaction, *ends}
    # what was learned goes with the interaction that it starts from; what somebody else did is held fixed
    assert cut_of_hop(learned, 1) == {interaction}
    assert [cut_of_hop(walk, n) for n in range(3)] == [{interaction}, None, None]
    assert len(without) == 4


def test_lists_without_edges_are_in_the_page(tmp_path):
    html = written(tmp_path, **with_causes())
    page = Page(html)
    assert html.count("<script") == 2
    lists, script = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    first, second = json.loads(lists)
    assert first is None
    assert second["items"] == [["b", "Babe (1995)"], ["c Babe (1995)", "Babe (1995)"], ["d", "D Babe (1995)"]]
    assert second["before"] == [[0, "1.000"], [1, "0.5000"]]
    cuts = second["cuts"]
    assert [cut["parts"] for cut in cuts] == [[0], [1], [2], [0, 1, 2]]
    assert all(cut["after"] == [[2, "0.7500", 14], [0, "0.2500", 1]] for cut in cuts)
    assert all(cut["places"] == [2, None] for cut in cuts)
    # an arrow an edge, thrice the interaction; the learned one goes with it; other people's cannot be clicked
    numbers = [a["data-cut"] for tag, a in page.elements if tag == "g" and "data-cut" in a]
    assert numbers == ["0", "1", "2", "0", "0", "0"]
    assert page.count("g", class_="arrow") == 6 + 8
    assert page.count("g", class_="minus") == 6
    buttons = [a["data-cut"] for tag, a in page.elements if tag == "button" and "data-cut" in a]
    assert buttons == ["3", "0", "0", "0"]
    for words in ("effect +0.75", "effect −0.5", "· share 0.25", "place 1 → 4", "stays at place 1", "−0.5"):
        assert words in page.text, words
    assert "by somebody else: held fixed" in page.text
    assert "says nothing about what goes on in anybody's mind" in page.text


def test_a_page_without_effects_has_no_script(tmp_path):
    html = written(tmp_path, **content())
    assert "<script" not in html
    assert "script-src" not in html
    assert "data-cut" not in html


def test_same_input_same_bytes(tmp_path):
    assert written(tmp_path, **with_causes()) == written(tmp_path, **with_causes())


def test_nothing_outside_is_needed(tmp_path):
    html = written(tmp_path, **with_causes())
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form"}
    for _, attributes in page.elements:
        assert not {"src", "xlink:href", "onload", "onerror"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
    assert not re.search(r"https?:|@import|url\((?!#)", html)
    anchors = {attributes["href"][1:] for tag, attributes in page.elements if tag == "a"}
    assert anchors <= {attributes.get("id") for _, attributes in page.elements}


@pytest.mark.parametrize(
    "label",
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>'",
        "</style></svg><svg onload=alert(1)>",
        "{{ 7 * 7 }}{% raw %}",
        "&lt;b&gt; &amp;amp;",
        "شكرا جزيلا",
        "evil\u202egnp.exe\u0000\x1b[31m",
        "日本語のとても長いラベル" * 30,
        "W" * 5000,
        "",
    ],
)
def test_hostile_labels_are_harmless(tmp_path, label):
    benign, hostile = Page(written(tmp_path, **with_causes())), written(tmp_path, **with_causes(label))
    page = Page(hostile)
    # The very same elements in the same order, whatever the labels say.
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in benign.elements]
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    shown = " ".join(label.translate({0x202E: None, 0: " ", 0x1B: " "}).split())
    assert shown in page.text
    assert not set("\u202e\x00\x1b") & set(hostile)
    # what the script reads holds no markup, and comes back as it was; the script itself holds no label
    lists, script = page.scripts
    assert not set("<>&'") & set(lists)
    assert json.loads(lists)[1]["items"][0] == ["b", shown]
    assert script == benign.scripts[1]
    assert "49" not in page.text + lists or "7 * 7" in page.text


def test_drawn_labels_fit_their_pills(tmp_path):
    page = Page(written(tmp_path, **content("W" * 500)))
    assert page.count("g", class_="pill") == 6
    drawn = re.findall(r"<rect [^>]*/><text [^>]*>([^<]*)</text><title>", written(tmp_path, **content("W" * 500)))
    assert len(drawn) == 6
    assert all(len(text) <= 24 for text in drawn)


FULL = content()


@pytest.mark.parametrize("missing", [*sorted(set(FULL) - {"title"}), "all"])
def test_parts_may_be_missing(tmp_path, missing):
    parts = {"title": "Run"} if missing == "all" else {key: value for key, value in FULL.items() if key != missing}
    page = Page(written(tmp_path, **parts))
    assert ("has not been evaluated" in page.text) == (missing in ("evaluation", "all"))
    assert (page.count("g", class_="pill") > 0) == (missing not in ("samples", "all"))
    assert "None" not in page.text


def test_odd_figures(tmp_path):
    parts = content()
    parts["history"] = [{"epoch": 0, "loss": float("nan"), "val_ndcg": None}, {"epoch": 1, "loss": 2.0}]
    parts["embedding"] = {"reason": "there are fewer than ten triples"}
    parts["evaluation"] = {
        "split": "valid",
        "users": 2,
        "rows": [
            {"name": "only", "kind": "model", "metrics": {"ndcg@10": [0.0, 0.0, 0.0], "gini@10": [None, None, None]}}
        ],
    }
    page = Page(written(tmp_path, **parts))
    assert "fewer than ten triples" in page.text
    assert "nan" not in page.text.lower()
    assert page.count("polyline", class_="curve") == 1


def test_paired_differences_decide(tmp_path):
    parts = content()
    parts["evaluation"]["rows"][1]["metrics"]["ndcg@10"] = [0.195, 0.18, 0.20]
    difference = {"model": "Linear Babe (1995)", "against": "Popularity", "metrics": {"ndcg@10": [0.005, 0.001, 0.009]}}
    parts["evaluation"] |= {"differences": [difference], "skipped": [{"name": "iALS", "reason": "implicit is missing"}]}
    text = Page(written(tmp_path, **parts)).text
    assert "the difference is +0.0050 (95 % interval +0.0010 to +0.0090): the interval leaves out 0" in text
    assert "iALS was left out: implicit is missing." in text
    difference["metrics"]["ndcg@10"] = [0.005, -0.001, 0.009]
    assert "the interval holds 0, so it may be chance" in Page(written(tmp_path, **parts)).text


def test_overlapping_intervals_are_not_called_a_win(tmp_path):
    parts = content()
    parts["evaluation"]["rows"][1]["metrics"]["ndcg@10"] = [0.195, 0.18, 0.20]
    text = Page(written(tmp_path, **parts)).text
    assert "proves nothing" in text
    assert "do not overlap" not in text
    parts["evaluation"]["rows"][1]["metrics"]["ndcg@10"] = [0.3, 0.28, 0.32]
    text = Page(written(tmp_path, **parts)).text
    assert "below the best baseline" in text
    assert "do not overlap" in text


def test_a_flows_channels_and_learned_hops(tmp_path):
    nodes = (
        Node("urn:x:User/1", "User", "user 1"),
        Node("urn:x:Movie/a", "Movie", "Movie a"),
        Node("urn:x:Movie/b", "Movie", "Babe (1995)"),
    )
    hops = (
        Relation("interacts", "forward", "interacts", "interaction"),
        Relation("co-preference", "forward", "co-preference", "co-preference", 7),
    )
    path = WalkedPath(nodes, hops, -0.5, "You interacted with Movie a.", channels=("ease",))
    through = Through(Node("urn:x:Genre/c", "Genre", "Comedy"), 0.25, 3, "Shared.")
    reason = Explanation(
        *("1", "b", "Babe (1995)", 1, 1.0, (path,), 0.75, 0.0),
        prior=0.25,
        channels=(("ease", 0.5), ("kg", 0.25)),
        knowledge=0.125,
        entities=(through,),
    )
    parts = content()
    parts["history"] = ()
    parts["samples"] = [Sample("1", ["Movie a"], [], [reason])]
    figures = {"alone": 0.1, "without": 0.21, "share": 0.5}
    parts["channels"] = {
        **{"users": 1234, "ndcg": 0.25, "prior": 0.0125, "knowledge": 0.125},
        "channels": [
            {"name": "ease", "kind": "learned", "knowledge": False, "gate": 1.5, **figures},
            {"name": "kg", "kind": "literal", "knowledge": True, "gate": 0.0123456, **figures},
        ],
    }
    page = Page(written(tmp_path, **parts))
    for text in (
        "1,234 users",
        "0.2500",
        "0.0125",
        "12.5 %",
        "0.0123",
        "facts",
        "50.0 %",
        "popularity",
        "Comedy (0.25",
    ):
        assert text in page.text, text
    assert page.count("path", class_="learned") == 1
    assert page.count("path", class_="interaction") == 1
    assert page.count("path", class_="fact") == 0
    parts["channels"] |= {"users": 0, "ndcg": None, "prior": None, "knowledge": None}
    parts["channels"]["channels"][0] |= {"alone": None, "without": None, "share": None}
    assert "None" not in Page(written(tmp_path, **parts)).text


def test_the_dial_is_drawn_and_told(tmp_path):
    rows = [(0.0, 0.25, 0.01), (0.5, 0.2, 0.4), (1.0, 0.05, 0.75)]
    curve = [
        {"knowledge": k, "ndcg": ndcg, "low": ndcg - 0.02, "high": ndcg + 0.02, "share": share}
        for k, ndcg, share in rows
    ]
    write_report(tmp_path / "report.html", title="dial", dial={"users": 1234, "curve": curve})
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1,234 users" in text
    assert "0.2300 … 0.2700" in text
    assert "40.0 %" in text
    assert text.count("<polyline") == 1
    write_report(tmp_path / "none.html", title="dial")
    assert "Accuracy against knowledge" not in (tmp_path / "none.html").read_text(encoding="utf-8")
