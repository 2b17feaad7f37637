"""A table's media without a test: what cannot be taken out is named, and what was off is put in."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from mmm_core.data.arrays import model_data
from mmm_core.errors import InputError
from mmm_core.evidence.counterfactual import without_test
from mmm_core.evidence.lift_test import LiftTest, TestedSpend
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

GEOS = ("a", "b", "c")
START = date(2024, 9, 2)  # a Monday, week 35 of the table


def arrays(change=None):
    spec = parse_spec({**SPEC, "geo": {"column": "geo", "population": "population"}})
    table = weekly_table(geos=GEOS)
    if change is not None:
        change(table)
    return model_data(table, spec)


def record(**changes):
    fields = {
        "test_id": "holdout", "spend": {"tv": TestedSpend(100.0, 0.0)}, "start": START,
        "end": START + timedelta(days=20), "incremental": 1.0, "standard_error": 1.0,
    }  # fmt: skip
    return LiftTest(**{**fields, **changes})


def test_channels_that_were_off_are_put_back_as_the_geos_spend_elsewhere():
    weeks = slice(35, 38)

    def dark(table):
        off = table["week_start"].between("2024-09-02", "2024-09-22") & table["geo"].isin(["a", "b"])
        table.loc[off, ["search_spend", "search_clicks"]] = 0.0

    data = arrays(dark)
    path = without_test(record(spend={"search": TestedSpend(0.0, 90.0)}, geos=("a", "b")), data)
    search = path.exposure[..., 1]
    assert path.counted == (31, 32, 33)  # of the modelled weeks: four are history
    others = np.delete(data["spend"].to_numpy()[:2, :, 1], np.r_[weeks], axis=1).sum(1)
    for geo in range(2):  # 2.5 clicks a unit of spend
        np.testing.assert_allclose(search[geo, weeks], 2.5 * 30.0 * others[geo] / others.sum(), rtol=1e-12)
    untouched = np.ones(search.shape, dtype=bool)
    untouched[:2, weeks] = False
    np.testing.assert_array_equal(search[untouched], data["exposure"].to_numpy()[..., 1][untouched])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spend": {"tvv": TestedSpend(1, 0)}}, "holdout: the model has no channel tvv: did you mean 'tv'"),
        ({"geos": ("a", "bb")}, "holdout: the model has no geo bb"),
        (
            {"start": date(2024, 1, 15)},
            "2024-01-15 lies outside the modelled weeks of model small, 2024-01-29 to",
        ),
        ({"end": date(2025, 6, 1)}, "2025-03-24 lies outside"),
        ({"post_weeks": 40}, "counted for 40 weeks after its last, which end after the last week"),
        ({"spend": {"tv": TestedSpend(9, 3, (1.0, 2.0))}}, "given for 2 weeks, and its days touch 3"),
    ],
)
def test_a_test_that_is_not_of_the_model_is_named(changes, message):
    with pytest.raises(InputError, match=message):
        without_test(record(**changes), arrays())


def test_a_channel_that_never_spent_in_the_tested_geos_has_no_path_without_the_test():
    def never(table):
        table.loc[table["geo"] == "a", ["search_spend", "search_clicks"]] = 0.0

    with pytest.raises(InputError, match="search has no spend in the tested geos"):
        without_test(record(spend={"search": TestedSpend(0.0, 90.0)}, geos=("a",)), arrays(never))


def test_a_part_of_a_nation_may_be_named_and_is_no_geo_of_the_model():
    national = model_data(weekly_table(), parse_spec(SPEC))
    part = record(share=0.25)
    named, unnamed = (without_test(each, national) for each in (replace(part, geos=("north", "south")), part))
    assert named.geos == unnamed.geos == (0,)
    np.testing.assert_array_equal(named.tested, unnamed.tested)
    np.testing.assert_array_equal(named.exposure, unnamed.exposure)
    assert not np.array_equal(named.tested, named.exposure)
    with pytest.raises(InputError, match="the model has no geo north, south"):
        without_test(record(geos=("north", "south")), national)
