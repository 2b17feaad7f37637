"""What names say: words of a name, the channel it is of, and the role it is taken for."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.first_model.columns import read_column
from mmm_core.first_model.roles import guesses
from mmm_core.first_model.words import ending, stem, tokens


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("wk_strt_dt", ("wk", "strt", "dt")),
        ("AwarenessVideo_impression", ("awareness", "video", "impression")),
        ("TV.advert", ("tv", "advert")),
        ("hldy_Father's Day", ("hldy", "father", "s", "day")),
    ],
)
def test_words_of_a_name(name, words):
    assert tokens(name) == words


@pytest.mark.parametrize(
    ("name", "channel"),
    [
        ("tv_S", "tv"),
        ("facebook_I", "facebook"),
        ("search_clicks_P", "search"),
        ("mdsp_vidtr", "vidtr"),
        ("mdip_vidtr", "vidtr"),
        ("Channel0_spend", "channel0"),
        ("google_paid_search_spend", "google_paid_search"),
    ],
)
def test_the_channel_a_name_is_of(name, channel):
    assert stem(name) == channel


def test_only_a_capital_after_an_underscore_is_an_ending():
    assert [ending(name) for name in ("tv_S", "tv_s", "tvS", "x_B")] == ["spend", "", "", ""]


COLUMNS = {
    "revenue": "kpi money", "orders": "kpi count", "y": "kpi", "competitor_sales": "control", "tv_spend": "spend",
    "cost_of_goods": "unknown", "shipping_cost": "unknown", "tv_grps": "exposure", "search_clicks": "clicks",
    "video_reach": "reach", "video_frequency": "frequency", "newsletter": "organic", "avg_price": "treatment",
    "revenue_per_conversion": "revenue per unit", "average_order_price": "treatment", "temperature": "control",
    "direct_clicks": "left out", "branded_search_clicks": "left out", "site_visits": "left out", "foo": "unknown",
    "orders_value": "kpi money", "GQV_control": "control", "media_1": "spend",
}  # fmt: skip


def test_roles_by_name():
    rng = np.random.default_rng(0)
    table = {name: read_column(pd.Series(rng.gamma(2, 100, 60), name=name), False) for name in COLUMNS}
    assert {name: guess.role for name, guess in guesses(table).items()} == COLUMNS


@pytest.mark.parametrize(
    ("name", "values", "role", "why"),
    [
        ("tv_spend", [5, -1, 3] * 20, "left out", "below 0 in some week"),
        ("wk_nbr", [*range(1, 31), *range(1, 31)], "left out", "follows from the date"),
        ("Unnamed: 0", range(60), "left out", "counts its rows"),
        ("tv_spend", [7] * 60, "left out", "never changes (7 in every row)"),
        ("event_1", [0] * 59 + [1], "event", "1 in its weeks"),
        ("hldy_Christmas Day", [0] * 59 + [1], "control", "a holiday"),
        ("seas_week_40", [0] * 59 + [1], "left out", "a season"),
        ("note", ["a", "b"] * 30, "left out", "text"),
    ],
)
def test_values_decide_where_they_contradict_the_name(name, values, role, why):
    (guess,) = guesses({name: read_column(pd.Series(list(values), name=name), False)}).values()
    assert guess.role == role
    assert why in guess.why


def test_a_column_is_what_nearly_all_of_its_cells_are():
    cells = pd.Series(["1.5", "2", "", *(["3"] * 100), "oops"], name="x", dtype=object)
    column = read_column(cells, False)
    assert (column.kind, column.missing) == ("number", 2)
    assert read_column(pd.Series(["2024-01-01", "2024-01-08"], name="d", dtype=object), False).kind == "day"
    assert read_column(pd.Series(["a", "1"], name="t", dtype=object), False).kind == "text"
