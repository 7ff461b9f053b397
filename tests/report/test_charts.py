from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.report.charts import bars, curve, nice_ticks, short
from kgrec.report.drawing import fit

numbers = st.floats(-1e9, 1e9, allow_nan=False)


@given(numbers, numbers)
def test_ticks_cover_the_range_and_are_even(a, b):
    low, high = sorted((a, b))
    ticks = nice_ticks(low, high)
    # what no chart can show: a millionth of the range, a hundred-millionth of a step
    slack = max(1e-6 * max(abs(low), abs(high)), 1e-8 * (ticks[1] - ticks[0]))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
    assert 2 <= len(ticks) <= 9
    steps = [right - left for left, right in itertools.pairwise(ticks)]
    assert min(steps) > 0
    assert max(steps) == pytest.approx(min(steps), rel=1e-3)


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), min_size=1, max_size=80))
def test_a_curve_stays_in_its_box(values):
    line = curve("loss", range(len(values)), values, best="min")
    finite = [value for value in values if value is not None]
    assert (line is None) == (not finite)
    if line is not None:
        points = [tuple(map(float, pair.split(","))) for pair in line.points.split()]
        assert len(points) == len(finite)
        assert all(line.left <= x <= line.right and line.top <= y <= line.bottom for x, y in points)
        assert line.mark[1] == max(y for _, y in points)


def test_bars_are_in_proportion():
    chart = bars("m", [("a", "model", 0.4, 0.3, 0.5), ("b", "baseline", 0.2, None, None)])
    a, b = chart.bars
    assert a.x - chart.left == pytest.approx(2 * (b.x - chart.left), abs=0.2)
    assert a.low < a.x < a.high <= chart.right
    assert (b.low, b.high) == (None, None)
    assert bars("m", []) is None


def test_bars_below_zero():
    chart = bars("m", [("a", "model", -0.5, -0.6, -0.4), ("b", "model", 0.5, None, None)])
    a, b = chart.bars
    assert chart.left <= a.x < b.x <= chart.right


def test_numbers():
    assert [short(value) for value in (0, 1234567, 0.12345, 12.3, 0.000012345, -2.5)] == [
        "0",
        "1,234,567",
        "0.1235",
        "12.3",
        "1.23e-05",
        "-2.5",
    ]


def test_fit_counts_wide_characters_twice():
    assert fit("abcdef", 60, 10) == "abcdef"
    assert fit("abcdefg", 60, 10) == "abcde…"
    assert fit("日本語", 60, 10) == "日本語"
    assert fit("日本語版", 60, 10) == "日本…"
    assert fit("", 60, 10) == ""
