"""The arrays of a model: what a table and a specification turn into, and what is refused on the way."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.data.arrays import INTERCEPT_PRIOR_SD, TERM_PRIOR_SD, model_data
from mmm_core.data.calendar import dated_values, holiday_terms
from mmm_core.data.plan import read_plan
from mmm_core.errors import InputError
from mmm_core.model.media import MediaModel, MediaParameters
from mmm_core.spec.baseline_spec import Holidays
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import FAMILY, SPEC, family_spec, panel_spec, weekly_table


def data_of(table=None, holdout_weeks=0, **changes):
    table = weekly_table() if table is None else table
    return model_data(table, parse_spec({**SPEC, **changes}), holdout_weeks=holdout_weeks)


def mondays(first, weeks):
    return pd.date_range(first, periods=weeks, freq="7D")


def test_the_first_weeks_are_media_history_only():
    data = data_of()
    assert (data.sizes["media_week"], data.sizes["week"]) == (64, 60)
    assert data["week"].to_numpy()[0] == data["media_week"].to_numpy()[4]
    np.testing.assert_array_equal(data["kpi"][0], weekly_table()["revenue"][4:])
    np.testing.assert_array_equal(data["exposure"].sel(channel="search")[0], weekly_table()["search_clicks"])


def test_a_holdout_leaves_the_numbers_in_and_out_of_the_likelihood():
    whole, part = data_of(), data_of(holdout_weeks=6)
    np.testing.assert_array_equal(part["kpi"], whole["kpi"])
    assert part["observed"].to_numpy()[0].tolist() == [True] * 54 + [False] * 6
    spoilt = weekly_table()
    spoilt.loc[spoilt.index[-6:], "revenue"] = 1e9
    assert float(data_of(spoilt, 6)["kpi_scale"]) == float(part["kpi_scale"])
    with pytest.raises(InputError, match="a holdout of 40 weeks leaves fewer than 26 of 60"):
        data_of(holdout_weeks=40)


def test_scale_is_robust_and_per_head():
    table = weekly_table(geos=("n", "s"))
    data = model_data(table, parse_spec(panel_spec()))
    np.testing.assert_allclose(data["population"], [2 / 3, 4 / 3])
    per_head = data["kpi"].to_numpy() / data["population"].to_numpy()[:, None]
    centred = per_head - np.median(per_head, axis=1, keepdims=True)
    low, high = np.quantile(centred, [0.25, 0.75])
    assert float(data["kpi_scale"]) == pytest.approx((high - low) / 1.349)
    table.loc[10, "revenue"] *= 20
    assert float(model_data(table, parse_spec(panel_spec()))["kpi_scale"]) < 1.1 * float(data["kpi_scale"])


def test_a_log_kpi_is_centred_and_scaled_as_a_logarithm():
    level, log = data_of(), data_of(kpi={"column": "revenue", "scale": "log"})
    np.testing.assert_array_equal(log["kpi"], level["kpi"])  # the KPI itself stays in its units
    logarithm = np.log(log["kpi"].to_numpy())
    low, high = np.quantile(logarithm - np.median(logarithm), [0.25, 0.75])
    assert float(log["kpi_scale"]) == pytest.approx((high - low) / 1.349)
    assert float(log["kpi_centre"][0] * log["kpi_scale"]) == pytest.approx(np.median(logarithm))


def test_reach_is_the_exposure_and_frequency_stands_beside_it():
    table = weekly_table()
    data = data_of(table, media=FAMILY["media"])
    reach, frequency = table["video_reach"].to_numpy(), table["video_frequency"].to_numpy()
    np.testing.assert_array_equal(data["exposure"].sel(channel="video")[0], reach)
    mean = frequency[reach > 0].mean()
    np.testing.assert_allclose(data["frequency_scale"], [1, 1, mean, 1])
    np.testing.assert_allclose(
        data["frequency"].sel(channel="video")[0], np.where(reach > 0, frequency, mean)
    )
    assert np.isnan(data["frequency"].drop_sel(channel="video")).all()
    assert "frequency" not in data_of()


@pytest.mark.parametrize(
    ("baseline", "value"),
    [("min", np.min), ("max", np.max), ("mean", np.mean), ("zero", lambda x: 0.0), (0.25, lambda x: 0.25)],
)
def test_a_treatment_is_measured_from_its_baseline_in_standard_deviations(baseline, value):
    data = data_of(treatments={"promotion": {"column": "promotion_share", "baseline": baseline}})
    column = weekly_table()["promotion_share"].to_numpy()[4:]
    assert float(data["design_centre"].sel(term="promotion")) == pytest.approx(value(column))
    np.testing.assert_allclose(
        data["design"].sel(term="promotion")[0], (column - value(column)) / column.std()
    )


def test_terms_come_in_a_fixed_order_with_their_prior_sds():
    spec = parse_spec(FAMILY)
    data = model_data(weekly_table(), spec)
    assert data["term"].to_numpy().tolist() == [
        "intercept", "price", "promotion", "discount", "sin_1", "cos_1", "sin_2", "cos_2", "Thanksgiving Day",
        "Christmas Day", "Thanksgiving Day -1w", "Christmas Day -1w", "strike", "new_shop",
    ]  # fmt: skip
    sd = data["design_prior_sd"].to_series()
    assert sd["intercept"] == INTERCEPT_PRIOR_SD
    assert (sd[[name for name in sd.index if "Day" in name]] == spec.baseline.shrinkage.holidays).all()
    assert (sd[["discount", "strike", "new_shop"]] == TERM_PRIOR_SD).all()
    assert (sd[["price", "sin_1", "cos_1", "sin_2", "cos_2"]] < TERM_PRIOR_SD).all()
    assert sd["sin_1"] == sd["cos_1"] > sd["sin_2"] == sd["cos_2"]
    assert (data["design"].sel(term="intercept") == 1).all()


@pytest.mark.parametrize("baseline", [{"level": "linear"}, {"slope": "constant"}])
def test_a_constant_slope_is_a_standardised_trend(baseline):
    trend = data_of(baseline=baseline)["design"].sel(term="trend").to_numpy()[0]
    assert trend.mean() == pytest.approx(0)
    assert trend.std() == pytest.approx(1)
    np.testing.assert_allclose(np.diff(trend), trend[1] - trend[0])
    assert "trend" not in data_of()["term"]


@pytest.mark.parametrize("day", ["2024-09-02", "2024-09-04", "2024-09-08"])
def test_a_step_begins_in_the_week_that_holds_its_date(day):
    step = data_of(baseline={"steps": {"new_shop": day}})["design"].sel(term="new_shop", geo="all")
    np.testing.assert_array_equal(step, step["week"] >= np.datetime64("2024-09-02"))


def test_an_event_is_one_in_the_weeks_that_hold_its_dates():
    event = data_of(baseline={"events": {"strike": ["2024-05-01", "2024-05-12"]}})["design"].sel(
        term="strike"
    )
    assert event["week"][event[0] == 1].dt.strftime("%Y-%m-%d").to_numpy().tolist() == [
        "2024-04-29",
        "2024-05-06",
    ]


@pytest.mark.parametrize(
    ("baseline", "says"),
    [
        (
            {"events": {"sale": ["2030-01-01"]}},
            "event 'sale' falls in none of the modelled weeks .2024-01-29 to",
        ),
        ({"steps": {"shop": "2024-01-05"}}, "step 'shop' on 2024-01-05 changes nothing"),
        ({"steps": {"shop": "2024-01-31"}}, "step 'shop' on 2024-01-31 changes nothing"),
        ({"steps": {"shop": "2030-01-01"}}, "step 'shop' on 2030-01-01 changes nothing"),
        ({"holidays": {"country": "USS"}}, "baseline.holidays.country: unknown 'USS': write its ISO code"),
        ({"holidays": {"country": "us"}}, "did you mean 'US'?"),
        ({"holidays": {"country": "US", "subdivision": "CAL"}}, "unknown 'CAL' in US: did you mean 'CA'?"),
        (
            {"holidays": {"country": "US", "names": ["Thanksgiving"]}},
            "no holiday 'Thanksgiving' in US: did you mean 'Thanksgiving Day'?",
        ),
        (
            {"holidays": {"country": "US"}, "events": {"Labor Day": ["2024-09-02"]}},
            "'Labor Day' names two components",
        ),
        ({"events": {"sin_1": ["2024-09-02"]}}, "'sin_1' names two components"),
        ({"slope": "constant", "events": {"trend": ["2024-09-02"]}}, "'trend' names two components"),
        ({"events": {"intercept": ["2024-09-02"]}}, "'intercept' names two components"),
    ],
)
def test_what_the_baseline_is_refused_for(baseline, says):
    with pytest.raises(InputError, match=says.replace("?", r"\?")) as error:
        data_of(baseline=baseline)
    assert str(error.value).startswith("model small: ")


def test_a_lever_that_never_moves_in_the_modelled_weeks_is_refused():
    table = weekly_table()
    table.loc[4:, "discount"] = 0.1
    with pytest.raises(InputError, match="discount never changes in the modelled weeks"):
        data_of(table, treatments={"discount": {"column": "discount"}})


def weeks_of_holiday(name, first="2023-12-25", weeks=60, **stated):
    weeks = mondays(first, weeks)
    indicator = holiday_terms(weeks, Holidays(country="US", **stated))[name]
    return weeks[indicator == 1].strftime("%Y-%m-%d").tolist()


def test_holidays_fall_in_the_weeks_that_hold_them():
    assert weeks_of_holiday("Thanksgiving Day") == ["2024-11-25"]  # 28 November 2024
    assert weeks_of_holiday("Thanksgiving Day -1w", window=(-1, 0)) == ["2024-11-18"]
    assert weeks_of_holiday("Labor Day +2w", window=(0, 2)) == ["2024-09-16"]  # 2 September 2024


def test_a_day_off_in_lieu_is_a_day_of_the_holiday():
    """4 July 2021 was a Sunday; the Monday after was off, in the week that follows."""
    assert weeks_of_holiday("Independence Day", "2021-01-04") == ["2021-06-28", "2021-07-05"]
    terms = holiday_terms(mondays("2021-01-04", 60), Holidays(country="US"))
    assert not [name for name in terms if "observed" in name]


def test_holidays_that_share_all_their_weeks_are_one_term_and_absent_ones_none():
    weeks = mondays("2021-01-04", 208)
    terms = holiday_terms(weeks, Holidays(country="US", window=(-1, 1)))
    assert "Thanksgiving Day -1w + Veterans Day +1w" in terms
    columns = np.stack(list(terms.values()))
    assert len(np.unique(columns, axis=0)) == len(columns)
    assert columns.any(axis=1).all()
    short = holiday_terms(mondays("2024-02-26", 8), Holidays(country="US"))
    assert short == {}


def test_subdivisions_have_holidays_of_their_own():
    weeks = mondays("2024-01-01", 52)
    assert "Cesar Chavez Day" in holiday_terms(weeks, Holidays(country="US", subdivision="CA"))
    assert "Cesar Chavez Day" not in holiday_terms(weeks, Holidays(country="US"))


def test_names_of_holidays_do_not_depend_on_the_language_of_the_machine(monkeypatch):
    weeks = mondays("2024-01-01", 52)
    names = list(holiday_terms(weeks, Holidays(country="DE")))
    monkeypatch.setenv("LANGUAGE", "de")
    assert list(holiday_terms(weeks, Holidays(country="DE"))) == names
    assert "German Unity Day" in names


def test_dated_terms_go_on_where_the_fitted_ones_end():
    """Values for weeks to come are those that a longer table would have had."""
    baseline = {
        "slope": "constant",
        "holidays": {"country": "GB", "subdivision": "ENG", "window": [-1, 1]},
        "events": {"sale": ["2024-05-01", "2025-02-20"]},
        "steps": {"new_shop": "2024-09-04"},
    }
    spec = parse_spec({**SPEC, "baseline": baseline})
    short, whole = model_data(weekly_table(56), spec), model_data(weekly_table(64), spec)
    terms = [str(term) for term in short["term"].to_numpy()]
    later = pd.DatetimeIndex(whole["week"].to_numpy()[-8:])
    values = dated_values(terms, later, short.sizes["week"], spec)
    assert {"trend", "sin_1", "sale", "new_shop"} <= set(values)
    for term in (set(values) & set(whole["term"].to_numpy())) - {"trend"}:
        np.testing.assert_allclose(values[term], whole["design"].sel(term=term)[0, -8:], err_msg=term)
    np.testing.assert_array_equal(values["trend"], np.arange(52, 60))
    assert "price" not in values


def test_a_term_of_several_holidays_is_there_in_a_week_that_holds_any():
    spec = parse_spec({**SPEC, "baseline": {"holidays": {"country": "GB", "subdivision": "ENG"}}})
    weeks = mondays("2022-12-19", 2)  # 25 December 2022 was a Sunday
    (both,) = dated_values(["Christmas Day + Boxing Day"], weeks, 52, spec).values()
    assert both.tolist() == [1, 1]
    assert dated_values(["May Day"], weeks, 52, spec)["May Day"].tolist() == [0, 0]


def shape_of(spec):
    """Parameters for every channel: the same for the same channel, wherever it stands."""
    order = [["newsletter", "search", "tv", "video"].index(name) for name in spec.channels]
    values = {name: np.array([0.3, 0.9, 0.5, 0.7])[order] for name in spec.shape_parameters}
    return MediaParameters(values, np.array([[1.0, 2.0, 3.0, 4.0]])[:, order])


def responses(table, **changes):
    spec = parse_spec(family_spec(baseline={}, **changes))
    data = model_data(table, spec)
    effect = MediaModel.of(data, spec).effect(shape_of(spec), data["exposure"].to_numpy())
    return dict(zip(spec.channels, np.moveaxis(np.asarray(effect)[0], -1, 0), strict=True)), data


def test_units_of_media_do_not_matter_and_those_of_the_kpi_are_its_effects():
    table = weekly_table()
    plain, data = responses(table)
    media = [
        "tv_spend",
        "search_spend",
        "search_clicks",
        "video_spend",
        "video_reach",
        "video_frequency",
        "sends",
    ]
    other, _ = responses(table.assign(**{name: table[name] * 1000 for name in media}))
    cents, in_cents = responses(table.assign(revenue=table["revenue"] * 100))
    for name, values in plain.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-5, err_msg=name)
        np.testing.assert_allclose(cents[name], values * 100, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(in_cents["kpi_centre"], data["kpi_centre"])


def test_the_order_of_channels_and_rows_does_not_matter():
    table = weekly_table()
    plain, _ = responses(table)
    channels = dict(reversed(FAMILY["media"]["channels"].items()))
    other, _ = responses(
        table.sample(frac=1, random_state=2), media={**FAMILY["media"], "channels": channels}
    )
    assert list(other) != list(plain)
    for name, values in plain.items():
        np.testing.assert_allclose(other[name], values, rtol=1e-6, err_msg=name)


def demand_spec():
    channels = {**SPEC["media"]["channels"], "search": {"spend": "search_spend", "follows_demand": True}}
    return parse_spec({**SPEC, "media": {**SPEC["media"], "channels": channels}})


def test_demand_behind_a_channel_is_the_logarithm_of_its_media():
    table = weekly_table()
    table.loc[30, "search_spend"] = 0.0
    data = model_data(table, demand_spec())
    spend = table["search_spend"].to_numpy()[4:]
    log = np.log(np.maximum(spend, 0.05 * spend.mean()))
    found = data["design"].sel(term="demand behind search").to_numpy()[0]
    np.testing.assert_allclose(found, (log - log.mean()) / log.std(), rtol=1e-12)


def test_planned_media_are_no_more_demand():
    spec, table = demand_spec(), weekly_table()
    data = model_data(table, spec)
    plan = table.tail(6).assign(week_start=lambda t: t["week_start"] + pd.Timedelta(weeks=6))
    usual = read_plan(plan, spec, data, "plan")
    more = read_plan(plan.assign(search_spend=plan["search_spend"] * 3), spec, data, "plan")
    np.testing.assert_array_equal(usual.design, more.design)
    recent = data["design"].sel(term="demand behind search").to_numpy()[0, -13:].mean()
    position = list(data["term"].to_numpy()).index("demand behind search")
    np.testing.assert_allclose(more.design[..., position], recent)
    assert any(line.startswith("demand behind search: held") for line in more.assumed)
