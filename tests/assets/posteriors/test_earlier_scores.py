"""Versions that earlier weeks published are scored on the weeks that have come since, each once."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from assets.models import Vintage
from assets.posteriors.backtest import _check
from assets.posteriors.earlier_scores import SCORES, EarlierScores, score_earlier
from assets.resources.stores import PosteriorStore, ResultStore, VintageStore
from assets.resources.vintage_origin import VintageOrigin
from mmm_core.forecast.track_record import score_since
from mmm_core.posterior.schema import save_posterior
from mmm_core.promotion.decision import Gate
from mmm_core.promotion.gates import NAIVE
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, posterior, weekly_table

NOW = Vintage("small", "2025-03-17")
"""The last week of the table."""


def weeks_before(weeks):
    return Vintage(NOW.model, str(NOW.week - dt.timedelta(weeks=weeks)))


@dataclass(frozen=True)
class Past:
    """Stores in a folder, in which earlier weeks were published."""

    folder: Path

    @property
    def stores(self):
        kinds = (VintageStore, "vintages"), (PosteriorStore, "posteriors"), (ResultStore, "results")
        return tuple(kind(folder=str(self.folder / name)) for kind, name in kinds)

    def publish(self, weeks, spec=SPEC, **options):
        """A posterior of a table that ends some weeks before the last, published for its own week."""
        earlier, table = weeks_before(weeks), weekly_table()
        _, posteriors, results = self.stores
        tree = posterior(spec, table=table.iloc[: len(table) - weeks], **options)
        save_posterior(tree, posteriors.path(earlier, "v"))
        publish(results, earlier)
        return tree

    def score(self, table=None, **changes) -> EarlierScores:
        table = weekly_table() if table is None else table
        return score_earlier(NOW, table, parse_spec({**SPEC, **changes}), *self.stores)


def publish(results, vintage, version="v"):
    roi = pd.DataFrame({"channel": ["tv"], "posterior_version": [version]})
    results.record_publication(vintage, {"channel_roi": roi})


@pytest.fixture
def past(tmp_path):
    return Past(tmp_path)


def test_what_was_published_is_scored_on_the_weeks_that_came(past):
    tree = past.publish(14)
    past.publish(6, spec={**SPEC, "controls": []})
    past.publish(2)
    _, _, results = past.stores
    publish(
        results, weeks_before(0)
    )  # this week's own, and those of another model, are none of an earlier week
    publish(results, Vintage("another", weeks_before(9).as_of_week))
    found = past.score()
    rows = found.rows
    weeks = [weeks_before(n).as_of_week for n in (14, 14, 14, 6)]
    assert rows["forecast_as_of"].dt.strftime("%Y-%m-%d").tolist() == weeks
    assert rows["horizon"].tolist() == [4, 8, 13, 4]
    assert found.waiting == [weeks_before(2).as_of_week]
    assert not found.left_out
    by_hand = score_since(tree, weekly_table())
    for name in ("first_week", "crps", "mape", "coverage_90"):
        assert rows[name].tolist()[:3] == by_hand[name].tolist()
    same = rows["spec_hash"] == parse_spec(SPEC).spec_hash
    assert same.tolist() == [True, True, True, False]


def test_what_was_known_in_its_own_time_is_told(past):
    for weeks in (9, 8):
        past.publish(weeks)
    vintages, posteriors, _ = past.stores
    earlier = weeks_before(9)
    table = str(posteriors.load(earlier, "v").attrs["table"])
    vintages.save(earlier, table, pd.DataFrame({"a": [1]}))
    vintages.keep_origin(earlier, table, VintageOrigin(True, "2025-01-27", True, ""))
    assert past.score().rows["known_then"].tolist() == [True, True, False, False]


def test_a_score_is_worked_out_once_and_again_where_its_weeks_were_restated(past):
    past.publish(9)
    first = past.score()
    _, posteriors, results = past.stores
    posteriors.path(weeks_before(9), "v").unlink()
    pd.testing.assert_frame_equal(past.score().rows, first.rows)
    earlier = weekly_table()
    earlier.loc[3, "revenue"] += 1  # restated, but of a week that the fit had seen
    pd.testing.assert_frame_equal(past.score(earlier).rows, first.rows)
    restated = weekly_table()
    restated.loc[57, "revenue"] += 1
    found = past.score(restated)
    assert found.rows.empty
    assert "materialize mmm_posterior" in found.left_out[weeks_before(9).as_of_week]
    for kept in results.versions(SCORES).place(weeks_before(9)).glob("*.parquet"):
        kept.write_bytes(b"damaged")
    assert past.score().rows.empty


def test_a_table_without_a_column_of_then_scores_what_it_can(past):
    past.publish(9)
    past.publish(8, spec={**SPEC, "controls": []})
    found = past.score(weekly_table().drop(columns="price"), controls=[])
    assert found.rows["forecast_as_of"].dt.date.unique().tolist() == [weeks_before(8).week]
    assert "price" in found.left_out[weeks_before(9).as_of_week]


def test_how_far_back_is_the_yaml_s(past):
    for weeks in (20, 9):
        past.publish(weeks)
    assert set(past.score().rows["horizon"]) == {4, 8, 13}
    found = past.score(promotion={"backtest": {"weeks": 13}})
    assert found.rows["forecast_as_of"].dt.date.unique().tolist() == [weeks_before(9).week]


def test_no_earlier_week_gives_no_row_and_no_fault(past):
    found = past.score()
    assert found.rows.empty
    assert not found.waiting
    assert not found.left_out


def test_a_forecast_worse_than_last_season_by_more_than_chance_is_warned_of_within_the_threshold_too():
    passed = Gate(NAIVE, True, 1.1, "CRPS is 1.10 of that of last season's values")
    assert _check(NAIVE, passed).passed
    found = _check(NAIVE, passed, ["10 % worse (p .01)"])
    assert not found.passed
    assert found.severity.value == "WARN"
    assert found.description == "CRPS is 1.10 of that of last season's values\n10 % worse (p .01)"
