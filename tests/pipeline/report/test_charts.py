import re

import pytest

from pipeline.report import charts


def test_bars_share_one_scale():
    drawn = charts.bars(
        [charts.Bar("a", 4.0, "4"), charts.Bar("b", 1.0, "1", "model")]
    )
    assert re.findall(r"width:([\d.]+)%", drawn) == ["100.00", "25.00"]


def test_bars_of_nothing_have_no_length():
    drawn = charts.bars([charts.Bar("a", 0.0, "0")])
    assert "width:0.00%" in drawn


def test_shares_add_up():
    drawn = charts.share_bar(
        [charts.Bar(n, v, "") for n, v in (("x", 3), ("y", 1), ("z", 0))]
    )
    widths = [float(w) for w in re.findall(r"width:([\d.]+)%", drawn)]
    assert widths == [75.0, 25.0]


def test_lines_rise_where_values_rise():
    line = charts.Line("loss", [(1, 0.0), (2, 5.0), (3, 10.0)], "model")
    drawn = charts.line_chart("t", [line], "epoch")
    (points,) = re.findall(r'points="([^"]+)"', drawn)
    pairs = [tuple(map(float, p.split(","))) for p in points.split()]
    xs, ys = zip(*pairs, strict=True)
    assert xs == tuple(sorted(xs))
    assert ys == tuple(sorted(ys, reverse=True))
    assert ys[1] == pytest.approx((ys[0] + ys[2]) / 2, abs=0.1)


def test_one_point_and_constant_lines_are_drawn():
    assert "<circle" in charts.line_chart(
        "t", [charts.Line("a", [(1, 2.0)], "model")], "epoch"
    )
    assert charts.line_chart("t", [charts.Line("a", [], "model")], "x") == ""


def test_a_perfectly_calibrated_point_lies_on_the_diagonal():
    drawn = charts.calibration_chart(
        "t", [{"prediction": 0.5, "label": 0.5, "weight": 1.0}]
    )
    (x, y) = re.search(r'cx="([\d.]+)" cy="([\d.]+)"', drawn).groups()
    end = re.search(
        r'x2="([\d.]+)" y2="([\d.]+)"/>$', drawn[: drawn.index("<circle")]
    )
    assert (x, y) == end.groups()


def test_text_is_escaped():
    drawn = charts.bars([charts.Bar("<b>&\"'", 1.0, "<i>")])
    assert "<b>" not in drawn
    assert "&lt;b&gt;&amp;&quot;&#x27;" in drawn
