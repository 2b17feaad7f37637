"""Several engines on one table: real fits, what cannot fit is listed, disagreement is what it says."""

import numpy as np
import pandas as pd
import pytest

from mmm_core.diagnostics.engine_comparison import EngineComparison, compare
from mmm_core.effects.roi import roi_table
from mmm_core.errors import InputError
from mmm_core.forecast.backtest import score_origin
from mmm_core.inference.engines import RegisteredEngine
from mmm_core.inference.engines.meridian import environment
from mmm_core.inference.fit import fit
from mmm_core.plots.engines import engine_comparison
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC, weekly_table

MODEL = {**SPEC, "fit": {"chains": 2, "warmup": 200, "draws": 200}}
ENGINES = ("numpyro", "pymc", "meridian", "ridge")


def by_hand(*rows, simple=None, crps=(), approximate=()):
    said = dict.fromkeys(approximate, "a sketch")
    returns = [
        {"engine": engine, "channel": channel, "mean": mean, "q05": low, "q95": high}
        | {"approximate": said.get(engine, "")}
        for engine, channel, mean, low, high in rows
    ]
    names = list(dict.fromkeys(row["engine"] for row in returns))
    table = pd.DataFrame(
        {
            "engine": names,
            "approximate": [said.get(name, "") for name in names],
            "crps": list(crps) or [np.nan] * len(names),
            "not_converged": "",
            "reason": "",
        }
    )
    return EngineComparison(
        "small", "revenue per unit of spend", 13, table, pd.DataFrame(returns), simple or {}
    )


def test_engines_disagree_where_each_mean_is_outside_of_the_others_interval():
    found = by_hand(
        ("a", "tv", 1.0, 0.8, 1.2), ("b", "tv", 1.5, 1.1, 1.9), ("c", "tv", 1.15, 0.2, 2.0),
        ("a", "search", 1.0, 0.5, 2.0), ("b", "search", 2.5, 0.9, 4.0), ("c", "search", 2.6, 2.4, 2.8),
    )  # fmt: skip
    assert found.disagreements == [
        "tv: a says 1.00 (0.80 to 1.20), b says 1.50 (1.10 to 1.90): each outside of the other's interval",
        "search: a says 1.00 (0.50 to 2.00), c says 2.60 (2.40 to 2.80): each outside of the other's interval",
    ]


def test_agreement_and_the_best_forecast_are_said():
    rows = ("a", "tv", 1.0, 0.5, 1.5), ("b", "tv", 1.2, 0.9, 1.6)
    words = by_hand(*rows, crps=(9.0, 7.0), simple={"no media": 6.0, "last value": 8.0}).words
    assert words[0] == "2 engines agree on every channel within their 90 % intervals"
    assert words[1].startswith("b forecasts the last 13 weeks best, and no better than no media; ")


def test_engines_that_are_not_approximate_agree_where_a_sketch_does_not():
    rows = ("a", "tv", 1.0, 0.8, 1.2), ("b", "tv", 1.1, 0.9, 1.3), ("c", "tv", 3.0, 2.5, 3.5)
    words = by_hand(*rows, approximate=["c"]).words
    assert (
        words[0] == "a and b, which are not approximate, agree on every channel within their 90 % intervals"
    )
    assert words[1].startswith("tv: a says 1.00")
    assert by_hand(*rows).words[0].startswith("tv: a says 1.00")  # c is as good as the others here
    assert by_hand(*rows, approximate=["b", "c"]).words[0].startswith("tv: a says 1.00")


def test_forecasts_that_are_as_good_are_told_apart_in_the_picture():
    rows = ("a", "tv", 1.0, 0.8, 1.2), ("c", "tv", 1.1, 0.9, 1.3)
    simple = {"last value": 143.2, "no media": 143.9, "seasonal-naive": np.nan}
    found = by_hand(*rows, simple=simple, crps=(34.0, 46.0), approximate=["c"])
    found.table.loc[2] = {"engine": "pymc", "approximate": "", "crps": np.nan, "reason": "it cannot"}
    figure = engine_comparison(found)
    _, forecasts = figure.axes[:2]
    assert [label.get_text() for label in forecasts.get_yticklabels()] == ["a", "c", "last value", "no media"]
    assert sorted(bar.get_width() for bar in forecasts.patches) == [34.0, 46.0, 143.2, 143.9]
    shown = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert shown == ["a", "c (approximate)"]
    assert any("pymc not fitted" in text.get_text() for text in [*figure.texts, figure._suptitle] if text)


@pytest.fixture(scope="module")
def table():
    return weekly_table(90)


@pytest.fixture(scope="module")
def found(table, tmp_path_factory):
    """The level walks, which pymc refuses; Meridian's environment is nowhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(environment.VARIABLE, str(tmp_path_factory.mktemp("nothing")))
        yield compare(table, parse_spec(MODEL), ENGINES, holdout_weeks=8)


@pytest.mark.slow
def test_what_cannot_fit_is_listed_with_its_reason_and_the_others_go_on(found):
    rows = found.table.set_index("engine")
    assert list(rows.index) == list(ENGINES)
    assert "baseline.level: random_walk is not supported" in rows.loc["pymc", "reason"]
    assert "mmm engine meridian" in rows.loc["meridian", "reason"]
    assert "\n" not in rows.loc["meridian", "reason"]
    assert (rows.loc[["numpyro", "ridge"], "reason"] == "").all()
    assert set(found.returns["engine"]) == {"numpyro", "ridge"}
    assert any(line.startswith("pymc: engine pymc cannot fit") for line in found.words)
    assert any(line.startswith("ridge is approximate: ") for line in found.words)


@pytest.mark.slow
def test_figures_are_those_of_the_fits(found, table):
    rows = found.table.set_index("engine")
    tree = fit(table, parse_spec(MODEL))
    said = found.returns.query("engine == 'numpyro'").set_index("channel")
    roi = roi_table(tree).query("metric == 'roi'").set_index("channel")
    pd.testing.assert_frame_equal(said[["mean", "q05", "q95"]], roi.loc[said.index, ["mean", "q05", "q95"]])
    held = fit(table, parse_spec(MODEL), holdout_weeks=8, draws=200)
    crps = score_origin(held, 8)["crps"].mean(("origin", "ahead", "geo"))
    assert rows.loc["numpyro", "crps"] == pytest.approx(float(crps.sel(forecast="model")))
    assert found.simple["no media"] == pytest.approx(float(crps.sel(forecast="no media")))
    assert 0.3 < rows.loc["numpyro", "r2"] < 1
    assert rows.loc["numpyro", "rhat"] > 0.9
    assert rows.loc["numpyro", "seconds"] > 0
    assert rows.loc["ridge", ["rhat", "ess_bulk"]].isna().all()
    assert (rows.loc[["numpyro", "ridge"], "coverage_90"] > 0.3).all()


@pytest.mark.slow
def test_the_same_call_gives_the_same_figures_whatever_the_order(found, table):
    again = compare(table, parse_spec(MODEL), ["ridge", "numpyro", "ridge"], holdout_weeks=0)
    assert list(again.table["engine"]) == ["ridge", "numpyro"]
    assert again.table["crps"].isna().all()
    assert again.simple == {}
    for name in ("ridge", "numpyro"):
        pair = [
            some.returns[some.returns["engine"] == name].reset_index(drop=True) for some in (found, again)
        ]
        pd.testing.assert_frame_equal(*pair)


@pytest.mark.slow
def test_the_picture_shows_every_engine_that_fitted(found):
    figure = engine_comparison(found)
    returns, forecasts = figure.axes
    assert returns.get_legend_handles_labels()[1] == ["numpyro", "ridge (approximate)"]
    assert [label.get_text() for label in returns.get_yticklabels()] == ["tv", "search"]
    shown = [label.get_text() for label in forecasts.get_yticklabels()]
    assert shown == ["numpyro", "ridge", *[name for name, crps in found.simple.items() if np.isfinite(crps)]]


def test_a_crash_of_one_engine_is_listed_and_a_table_at_fault_is_not(monkeypatch, table):
    monkeypatch.setitem(
        __import__("mmm_core.inference.engines", fromlist=["ENGINES"]).ENGINES,
        "laplace",
        RegisteredEngine("tests.mmm_core.diagnostics.no_such_module"),
    )
    spec = parse_spec(MODEL)
    with pytest.raises(InputError, match="none of the engines can fit it\n  laplace: "):
        compare(table, spec, ["laplace"], holdout_weeks=0)
    with pytest.raises(InputError, match="unknown 'numpyr'"):
        compare(table, spec, ["numpyr"])
    with pytest.raises(InputError, match="tv_spend"):
        compare(table.drop(columns="tv_spend"), spec, ["numpyro"])
