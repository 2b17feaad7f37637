"""Pictures of the long term show what the tables say."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.plots import long_term

FIGURES = {"median": 0.5, "q05": -0.2, "q95": 1.4}


def roi():
    rows = [
        {"channel": channel, "effect": effect, "path": "all", "horizon_weeks": 26, "discount": 0.1, **FIGURES}
        for channel in ("tv", "search")
        for effect in ("short", "long", "total", "long_run")
    ]
    return pd.DataFrame([*rows, {**rows[1], "path": "direct", "median": 99.0}])


def responses():
    weeks = pd.DataFrame({"weeks_after": np.arange(5), **FIGURES})
    parts = [
        weeks.assign(kind=kind, cause=cause, response=response, unit="points", size=1.0)
        for kind, cause in (("media", "tv"), ("shock", "awareness"))
        for response in ("awareness", "base")
    ]
    return pd.concat(parts, ignore_index=True)


def test_returns_have_a_row_a_channel_and_state_their_horizon():
    figure = long_term.returns(roi(), "us")
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["tv", "search"]
    assert len([line for line in axes.lines if len(line.get_xdata()) == 1]) == 6
    assert max(np.max(line.get_xdata()) for line in axes.lines) == pytest.approx(1.4)
    words = " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))
    assert "26 weeks after the spend, discounted by 10% a year" in words


def test_a_channel_whose_long_term_is_not_identified_is_marked():
    table = roi().assign(positive=lambda rows: np.where(rows["channel"] == "tv", 0.99, 0.8))
    (axes,) = long_term.returns(table).axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["tv", "search\n(long term not identified)"]


def test_what_forbids_to_read_a_picture_stands_above_it():
    for figure in (
        long_term.returns(roi(), "us", severe=["chains disagree"]),
        long_term.responses(responses(), severe=["chains disagree"]),
    ):
        words = " ".join(text.get_text() for text in figure.axes[0].texts).replace("\n", " ")
        assert "NO FIGURE OF THESE MAY BE READ: chains disagree. " in words


def test_words_under_a_title_take_as_many_lines_as_they_need():
    figure = long_term.responses(responses(), response="base")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert any("\n" in each and "each panel has its own scale" in each.replace("\n", " ") for each in words)


def test_responses_have_a_panel_a_cause_and_response():
    titles = [axes.get_title("left") for axes in long_term.responses(responses()).axes if axes.get_visible()]
    assert titles == [
        "tv \u2192 awareness",
        "tv \u2192 base",
        "awareness \u2192 awareness",
        "awareness \u2192 base",
    ]
    only = long_term.responses(responses(), "us", response="base")
    assert len([axes for axes in only.axes if axes.get_visible()]) == 2


def test_metrics_have_a_panel_each_and_no_dot_where_nobody_was_asked():
    weeks = pd.date_range("2024-01-01", periods=4, freq="7D")
    table = pd.DataFrame(
        {
            "metric": "awareness",
            "week_start": weeks,
            **FIGURES,
            "surveyed": [0.4, 0.4, np.nan, 0.5],
            "sample": 100,
        }
    )
    both = pd.concat([table, table.assign(metric="consideration")])
    figure = long_term.brand(both, "us")
    assert [axes.get_title("left") for axes in figure.axes] == ["awareness", "consideration"]
    dots = figure.axes[0].lines[1]
    drawn = pd.Series(dots.get_ydata(), index=dots.get_xdata())
    assert drawn[drawn.notna()].to_dict() == {weeks[0]: 0.4, weeks[1]: 0.4, weeks[3]: 0.5}
    assert drawn.isna().tolist() == [
        True,
        False,
        False,
        True,
        True,
        True,
        False,
    ]  # a wave is a line, waves are apart
