from __future__ import annotations

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from regard.report import charts

values = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6))


@given(st.lists(values, min_size=1, max_size=20), st.booleans())
def test_axis_holds_every_value_and_has_few_round_marks(found: list[float], from_zero: bool) -> None:
    scale = charts.axis(found, from_zero=from_zero)
    room = 1e-6 * (abs(scale.low) + abs(scale.high) + 1)
    assert scale.low <= min(found) + room and scale.high >= max(found) - room and scale.low < scale.high
    assert 2 <= len(scale.ticks) <= 9
    assert list(scale.ticks) == sorted(set(scale.ticks))
    assert len({f"{tick:.{scale.digits}f}" for tick in scale.ticks}) == len(scale.ticks)
    assert all(0 <= scale.place(value) <= 100 for value in found)
    if from_zero and min(found) >= 0:
        assert scale.low == 0


@given(values, values)
def test_larger_values_lie_further_right(first: float, second: float) -> None:
    scale = charts.axis([first, second])
    low, high = sorted((first, second))
    assert scale.place(low) <= scale.place(high)


def test_whisker_shows_mean_and_interval_where_they_are() -> None:
    scale = charts.axis([0.0, 1.0])
    drawn = str(charts.whisker(scale, 0.5, (0.25, 0.75), ours=True))
    assert 'cx="50.00%"' in drawn and 'x1="26.50%"' in drawn and 'x2="73.50%"' in drawn
    assert "circle" not in str(charts.whisker(scale, None, None))
    assert "reach" not in str(charts.whisker(scale, 0.5, None))


def test_bar_is_as_long_as_its_share_and_never_invisible() -> None:
    def width(share: float) -> float:
        found = re.search(r'width="([\d.]+)%" height="8"', str(charts.bar(share)))
        assert found
        return float(found[1])

    assert (width(0.5), width(1.0), width(7.0), width(0.0)) == (50, 100, 100, 0)
    assert 0 < width(1e-9) < 1


def test_labels_and_titles_are_escaped() -> None:
    drawn = charts.strip([(0.5, "<b>\"'&")]) + charts.heat([[1.0]], label='"><i>')
    assert "<b>" not in drawn and "<i>" not in drawn


def test_charts_that_stand_alone_are_labelled_and_well_formed() -> None:
    drawn = [
        charts.curve([(0, 5.0), (10, 4.0), (20, 3.5)], label="loss", write=lambda value, digits: f"{value:.{digits}f}"),
        charts.diagonal([(0.1, 0.2)], label="chances", write=lambda share: f"{share:.0%}"),
        charts.heat([[0.1, 0.9], [0.5, 0.5]], label="attention"),
    ]
    for chart in drawn:
        assert 'role="img" aria-label="' in chart
        parser = HTMLParser()
        parser.feed(str(chart))
        assert "nan" not in chart


def test_the_darkest_cell_is_the_greatest_weight_and_nothing_is_left_out() -> None:
    drawn = str(charts.heat([[0.0, 0.25], [0.04, 0.01]], label="attention"))
    assert re.findall(r'fill-opacity="([\d.]+)"', drawn) == ["0.000", "1.000", "0.400", "0.200"]


def test_an_axis_of_nothing_or_of_one_value_is_still_an_axis() -> None:
    assert charts.axis([]).low < charts.axis([]).high
    assert charts.axis([0.0]).low < charts.axis([0.0]).high
    assert charts.axis([3.0, 3.0]).place(3.0) == 50
