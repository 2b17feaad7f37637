"""Every check passes on a posterior made to be sound, and fails on one made to be at fault."""

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

from mmm_core.data.arrays import model_data
from mmm_core.data.shrinkage import effective_number
from mmm_core.data_health.ratio import shorter
from mmm_core.errors import InputError
from mmm_core.posterior.handle import Posterior
from mmm_core.review import CHECKS, checks, review
from mmm_core.review.convergence import USUAL_DRAWS
from mmm_core.review.gate import REGISTRY
from mmm_core.review.predictive import remedy
from mmm_core.review.subject import Subject
from mmm_core.spec.model_spec import parse_spec
from mmm_core.spec.review_spec import Review
from tests.mmm_core.posteriors import SPEC, panel_spec, posterior, weekly_table


def sound(draws=400, spec=None, table=None, holdout_weeks=0, **fixed):
    """A posterior that explains its table: baseline and noise by least squares, media as fixed."""
    spec = parse_spec(SPEC if spec is None else spec)
    table = weekly_table() if table is None else table
    fixed = {"alpha": 0.5, "half_saturation": 1.0, "slope": 1.0, "coefficient": [[0.6, 0.9, 0.1]], **fixed}
    tree = posterior(spec, table, draws=draws, level=0.0, sigma=0.3, holdout_weeks=holdout_weeks, **fixed)
    subject = Subject(Posterior.of(tree))
    data = model_data(table, spec, holdout_weeks=holdout_weeks)
    media = (subject.baseline_and_mean[1] - subject.baseline_and_mean[0])[0, 0]
    seen = data["observed"].to_numpy()[0]
    unexplained = (data["kpi"].to_numpy()[0] - media) / float(data["kpi_scale"])
    design = data["design"].to_numpy()[0]
    # the table's own noise is not that of the model, its season has no term: what is left is drawn
    truth, *_ = np.linalg.lstsq(design, unexplained, rcond=None)
    spread = (unexplained - design @ truth).std()
    unexplained = design @ truth + spread * np.random.default_rng(11).standard_normal(len(unexplained))
    kpi = (unexplained * float(data["kpi_scale"]) + media)[None]
    tree["constant_data"] = tree["constant_data"].to_dataset().assign(kpi=data["kpi"].copy(data=kpi))
    best, *_ = np.linalg.lstsq(design[seen], unexplained[seen], rcond=None)
    sigma = (unexplained - design @ best)[seen].std()
    group = tree["posterior"].to_dataset()
    rng = np.random.default_rng(3)
    spread = 0.02 * rng.standard_normal(group["fixed_effect"].shape)
    group["fixed_effect"] = group["fixed_effect"].copy(data=best + spread)
    group["sigma"] = group["sigma"].copy(
        data=sigma * np.exp(0.05 * rng.standard_normal(group["sigma"].shape))
    )
    # A few per cent of posterior spread in the media too, so that their diagnostics are defined.
    noise = np.exp(0.05 * rng.standard_normal(group["coefficient"].shape))
    group["coefficient"] = group["coefficient"] * noise
    return _with(tree, posterior=group)


def _with(tree, **groups):
    """The tree with some groups replaced."""
    parts = {name: groups.get(name, tree[name].to_dataset()) for name in tree.children}
    out = xr.DataTree.from_dict({f"/{name}": part for name, part in parts.items()})
    out.attrs = dict(tree.attrs)
    return out


def verdict(name, tree, thresholds=None, **more):
    """The verdict of one check."""
    posterior = Posterior.of(tree)
    found = checks(posterior.spec.review.model_copy(update=thresholds or {}))
    (check,) = [check for check in found if check.name == name]
    previous = more.get("previous")
    holdouts = tuple(Posterior.of(refit) for refit in more.get("holdouts", ()))
    return check.run(Subject(posterior, holdouts, None if previous is None else Posterior.of(previous)))


@pytest.fixture(scope="module")
def good():
    return sound()


@pytest.fixture(scope="module")
def held_out():
    return [sound(holdout_weeks=weeks) for weeks in (8, 16, 24)]


# The table is noisy, so R2 is low however good the model.
QUICK = {"r2": 0.4, "ess_bulk": 300, "ess_tail": 200, "holdout_weeks": 8}


def test_a_sound_posterior_passes_every_check(good, held_out):
    found = review(good, QUICK, holdouts=held_out, previous=good)
    assert [result.name for result in found] == [check.name for check in CHECKS]
    assert [result.message for result in found if not result.passed] == []
    # the model has neither lift tests nor events whose weeks could be asked about
    assert [result.name for result in found if not np.isfinite(result.figure)] == [
        "lift_tests",
        "event_weeks",
    ]


def test_the_checks_are_known_without_heavy_imports():
    heavy = "{'jax', 'arviz', 'numpyro', 'xarray'}"
    code = f"import sys, mmm_core.review as r; print(len(r.CHECKS), {heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split(maxsplit=1) == [str(len(REGISTRY)), "set()\n"]


def test_thresholds_come_from_the_specification_and_a_mapping_replaces_some():
    spec = {**SPEC, "review": {"ess_bulk": 123, "significance": 0.02, "holdout_weeks": 0}}
    tree = sound(draws=50, spec=spec)
    assert {result.name: result.threshold for result in review(tree)}["ess_bulk"] == 123
    assert {result.name: result.threshold for result in review(tree, {"ess_bulk": 7})}["ess_bulk"] == 7
    assert [check.name for check in checks(Review())] == [info.name for info in CHECKS]
    with pytest.raises(ValueError, match="ess_bluk"):
        review(tree, {"ess_bluk": 7})


def test_rhat_finds_one_week_of_the_level_on_which_chains_disagree(good):
    group = good["posterior"].to_dataset()
    level = group["level"].to_numpy() + 0.01 * np.random.default_rng(0).standard_normal(group["level"].shape)
    level[1, :, 7] += 1.0
    found = verdict("rhat", _with(good, posterior=group.assign(level=group["level"].copy(data=level))), QUICK)
    assert not found.passed
    assert found.severity == "ERROR"
    assert found.figure > 1.5
    week = str(good["posterior"]["week"].to_numpy()[7].astype("datetime64[D]"))
    assert f"level[{week}]" in found.message
    draws = good["posterior"].sizes["draw"]
    assert f"raise `fit: draws` ({draws} a chain, 1,000 are usual) and `target_accept`" in found.message


def test_rhat_of_as_many_draws_as_usual_does_not_ask_for_the_usual():
    tree = sound(draws=USUAL_DRAWS)
    group = tree["posterior"].to_dataset()
    apart = _with(tree, posterior=group.assign(sigma=group["sigma"] + 10.0 * (group["chain"] == 1)))
    found = verdict("rhat", apart, QUICK)
    assert not found.passed
    assert "raise `fit: draws` and `target_accept`" in found.message


def test_rhat_of_a_single_chain_is_not_defined_and_fails(good):
    single = _with(
        good,
        posterior=good["posterior"].to_dataset().isel(chain=[0]),
        sample_stats=good["sample_stats"].to_dataset().isel(chain=[0]),
    )
    assert not verdict("rhat", single, QUICK).passed


def test_rank_normalised_rhat_sees_chains_of_different_spread(good):
    group = good["posterior"].to_dataset()
    sigma = np.random.default_rng(1).standard_normal(group["sigma"].shape) * np.array([[1.0], [5.0]]) + 100
    tree = _with(good, posterior=group.assign(sigma=group["sigma"].copy(data=sigma)))
    figure, quantity = Posterior.of(tree).mixing.worst("rhat")
    assert figure > 1.05
    assert quantity == "sigma"


@pytest.mark.parametrize("name", ["ess_bulk", "ess_tail"])
def test_ess_fails_on_draws_that_hardly_move(good, name):
    group = good["posterior"].to_dataset()
    walk = np.cumsum(np.random.default_rng(2).standard_normal(group["sigma"].shape), axis=1)
    found = verdict(name, _with(good, posterior=group.assign(sigma=group["sigma"].copy(data=walk))), QUICK)
    assert not found.passed
    assert "(sigma)" in found.message


@pytest.mark.parametrize(("count", "severity"), [(1, "WARN"), (40, "ERROR")])
def test_divergences_warn_and_then_fail(good, count, severity):
    stats = good["sample_stats"].to_dataset()
    diverging = stats["diverging"].to_numpy().copy()
    diverging.flat[:count] = True
    found = verdict(
        "divergences",
        _with(good, sample_stats=stats.assign(diverging=stats["diverging"].copy(data=diverging))),
        QUICK,
    )
    assert not found.passed
    assert found.severity == severity
    assert f"{count} of 800" in found.message


def test_e_bfmi_fails_on_energy_that_creeps(good):
    stats = good["sample_stats"].to_dataset()
    energy = np.cumsum(np.random.default_rng(5).standard_normal(stats["energy"].shape), axis=1)
    found = verdict(
        "e_bfmi", _with(good, sample_stats=stats.assign(energy=stats["energy"].copy(data=energy))), QUICK
    )
    assert not found.passed


def test_a_fit_that_misses_the_kpi_fails_mape_and_r2(good):
    group = good["posterior"].to_dataset()
    shifted = group["fixed_effect"].to_numpy().copy()
    shifted[..., 0] += 4.0
    tree = _with(good, posterior=group.assign(fixed_effect=group["fixed_effect"].copy(data=shifted)))
    for name in ("mape", "r2"):
        assert not verdict(name, tree, QUICK).passed, name


def test_a_model_that_is_too_sure_of_itself_fails_coverage(good):
    group = good["posterior"].to_dataset()
    sure = group.assign(sigma=group["sigma"] / 3, tau=group["tau"] * 0)
    found = verdict("coverage", _with(good, posterior=sure), QUICK)
    assert not found.passed
    assert found.severity == "ERROR"
    assert found.figure < 0.01


def test_too_much_noise_fails_coverage_though_every_week_is_inside(good):
    group = good["posterior"].to_dataset()
    found = verdict("coverage", _with(good, posterior=group.assign(sigma=group["sigma"] * 3)), QUICK)
    assert not found.passed
    assert found.figure < found.threshold == 0.01
    assert "hold 100.0% of the weeks" in found.message


def test_a_shift_of_level_is_an_error_and_a_week_alone_a_warning(good):
    data = good["constant_data"].to_dataset()
    kpi, observed = data["kpi"].to_numpy(), data["observed"].to_numpy()
    scale = float(data["kpi_scale"]) * data["population"].to_numpy()[0]
    shifted, alone = kpi.copy(), kpi.copy()
    shifted[0, 30:] += 4 * scale
    alone[0, 30] += 8 * scale
    week = str(data["week"].to_numpy()[30])[:10]
    found = verdict(
        "breaks", _with(good, constant_data=data.assign(kpi=data["kpi"].copy(data=shifted))), QUICK
    )
    assert (found.passed, found.severity) == (False, "ERROR")
    weeks = {str(each)[:10] for each in data["week"].to_numpy()[29:32]}
    assert found.message.split()[1] in weeks
    assert "the KPI shifts up by" in found.message
    found = verdict("breaks", _with(good, constant_data=data.assign(kpi=data["kpi"].copy(data=alone))), QUICK)
    assert (found.passed, found.severity) == (False, "WARN")
    assert week in found.message
    assert verdict("breaks", good, QUICK).passed
    assert observed.all()


def test_too_few_weeks_for_so_many_parameters_are_counted(good):
    found = verdict("history", good, QUICK)
    assert found.passed
    data, spec = good["constant_data"].to_dataset(), Posterior.of(good).spec
    shapes = 3 * len(spec.channel_specs)  # alpha, half-saturation, slope of each
    terms = effective_number(
        data["design"].to_numpy(), data["observed"].to_numpy(), data["design_prior_sd"].to_numpy()
    )
    assert data.sizes["term"] - 2 < terms < data.sizes["term"]
    parameters = terms + data.sizes["channel"] + shapes + 2
    assert found.figure == pytest.approx(60 / parameters)
    refused = verdict("history", good, {**QUICK, "observations_per_parameter": 5.0})
    assert not refused.passed
    assert refused.message.endswith(
        "use a longer table, fewer channels and controls, a lower order of season, or fixed shapes"
    )


def test_waves_that_shrink_to_nothing_are_no_parameters(good):
    """Thirteen pairs of waves over 60 weeks: refused where each may be anything, not where the table shrinks them."""
    free = sound(spec={**SPEC, "baseline": {"seasonality": {"order": 13}, "shrinkage": {"seasonality": 10}}})
    assert not verdict("history", free, QUICK).passed
    data = free["constant_data"].to_dataset()
    waves = np.array([str(term).startswith(("sin_", "cos_")) for term in data["term"].to_numpy()])
    assert waves.sum() == 26
    shrunk = data["design_prior_sd"].copy(data=np.where(waves, 0.02, data["design_prior_sd"]))
    found = verdict("history", _with(free, constant_data=data.assign(design_prior_sd=shrunk)), QUICK)
    assert found.passed
    without = verdict("history", sound(spec={**SPEC, "baseline": {"seasonality": {"order": 0}}}), QUICK)
    assert found.figure == pytest.approx(without.figure, rel=0.1)


@pytest.mark.parametrize(
    ("worst", "changes", "says", "never"),
    [
        ("shape", {}, "heavy tails (`likelihood: student_t`), missing controls", "events"),
        ("shape", {"likelihood": "student_t"}, "missing controls or events", "student"),
        ("shape", {"likelihood": {"kind": "student_t", "nu": 5}}, "missing controls or events", "student"),
        ("spread", {}, "try `kpi: {scale: log}`", "level"),
        ("spread", {"kpi": {"column": "revenue", "scale": "log"}}, "try `kpi: {scale: level}`", "log"),
    ],
)
def test_coverage_does_not_propose_what_the_model_has(worst, changes, says, never):
    words = remedy(worst, parse_spec({**SPEC, **changes}))
    assert says in words
    assert never not in words


def test_breaks_and_history_do_not_propose_what_the_model_has():
    tree = sound(spec={**SPEC, "likelihood": {"kind": "student_t", "nu": 30}}, nu=30.0)
    data = tree["constant_data"].to_dataset()
    kpi = data["kpi"].to_numpy().copy()
    kpi[0, 30] += 30 * float(data["kpi_scale"]) * data["population"].to_numpy()[0]
    found = verdict("breaks", _with(tree, constant_data=data.assign(kpi=data["kpi"].copy(data=kpi))), QUICK)
    assert (found.passed, found.severity) == (False, "WARN")
    assert "name it as an event (`baseline: events`) or mend it" in found.message
    assert "student_t" not in found.message
    one = {
        "defaults": SPEC["media"].get("defaults", {}),
        "channels": {"tv": {"spend": "tv_spend", "adstock": {"alpha": 0.5, "l_max": 4},
                            "saturation": {"half_saturation": 1.0, "slope": 1.0}}},
    }  # fmt: skip
    spec = parse_spec({**SPEC, "media": one, "controls": [], "baseline": {"seasonality": {"order": 0}}})
    assert shorter(spec, 0) == "use a longer table"


def test_a_model_that_forecasts_worse_than_none_fails_the_holdout(good, held_out):
    poor = []
    for tree in held_out:
        group = tree["posterior"].to_dataset()
        level = group["level"].to_numpy().copy()
        level[..., -int(tree["constant_data"].attrs["holdout_weeks"]) :] += 30.0
        poor.append(_with(tree, posterior=group.assign(level=group["level"].copy(data=level))))
    found = verdict("holdout", good, QUICK, holdouts=poor)
    assert not found.passed
    assert found.severity == "ERROR"
    assert found.figure < found.threshold == 0.025
    assert "last value" in found.message  # fewer than two seasons of history
    assert "8 weeks ahead, unseen, from 3 origins" in found.message
    media = verdict("media_forecast", good, QUICK, holdouts=poor)
    assert (media.passed, media.severity) == (False, "WARN")
    assert "media do not improve the forecast" in media.message


def test_one_bad_quarter_of_three_is_chance(good, held_out):
    """What refused right models: the last weeks alone."""
    group = held_out[0]["posterior"].to_dataset()
    level = group["level"].to_numpy().copy()
    level[..., -8:] += 1.0
    unlucky = _with(held_out[0], posterior=group.assign(level=group["level"].copy(data=level)))
    found = verdict("holdout", good, QUICK, holdouts=[unlucky, *held_out[1:]])
    assert found.passed
    alone = verdict("holdout", good, QUICK, holdouts=[unlucky])
    assert alone.passed
    assert "of one origin, which says nothing of chance" in alone.message


def test_a_sound_model_passes_its_holdout_and_media_are_spoken_of_in_words(good, held_out):
    assert verdict("holdout", good, QUICK, holdouts=held_out).passed
    said = verdict("media_forecast", good, QUICK, holdouts=held_out)
    assert said.message.startswith(("media improve the forecast", "it cannot be said that media"))


def test_a_table_or_a_holdout_of_another_one_is_refused(good):
    other = weekly_table(seed=5)
    with pytest.raises(InputError, match=r"new\.csv is not the table that out\.nc was fitted on"):
        review(good, QUICK, table=other, name="out.nc", source="new.csv")
    with pytest.raises(
        InputError, match="the table of the holdout refit is not the table that the posterior"
    ):
        review(good, QUICK, holdouts=[posterior(table=other, holdout_weeks=8)])


def test_a_holdout_that_was_not_run_is_no_pass_and_one_turned_off_says_so(good):
    found = verdict("holdout", good, QUICK)
    assert not found.passed
    assert found.severity == "ERROR"
    assert "weekly table" in found.message
    assert verdict("media_forecast", good, QUICK).passed
    short = verdict("holdout", good, {**QUICK, "holdout_weeks": 40})
    assert short.passed
    assert "too few to leave 40 out" in short.message
    off = verdict("holdout", good, {**QUICK, "holdout_weeks": 0})
    assert off.passed
    assert "turned off" in off.message


def test_media_credited_with_more_than_was_sold_fail_the_baseline_check(good):
    found = verdict("negative_baseline", sound(draws=50, coefficient=[[0.0, 60.0, 0.0]]), QUICK)
    assert not found.passed
    assert found.figure == 1.0
    assert "Q" in found.message
    assert verdict("negative_baseline", good, QUICK).figure == 0.0


def test_a_return_that_nobody_would_believe_is_named():
    found = verdict("roi_plausible", sound(draws=50, coefficient=[[60.0, 0.5, 0.1]]), QUICK)
    assert not found.passed
    assert found.figure > 10
    assert "tv" in found.message
    assert "search" not in found.message.split(";")[0]
    none = verdict("roi_plausible", sound(draws=50, coefficient=[[0.0, 0.5, 0.1]]), QUICK)
    assert not none.passed
    assert none.figure == none.threshold == 0


def test_effect_far_from_spend_is_named():
    found = verdict("share_of_spend", sound(draws=50, coefficient=[[0.01, 3.0, 0.0]]), QUICK)
    assert not found.passed
    assert 0.4 < found.figure < 1


def test_a_channel_whose_posterior_is_its_prior_is_called_not_identified(good):
    group = good["posterior"].to_dataset()
    prior = np.exp(0.2 + 0.9 * np.random.default_rng(6).standard_normal(group["sigma"].shape))
    coefficient = group["coefficient"].to_numpy().copy()
    coefficient[..., 0, 0] = prior
    tree = _with(good, posterior=group.assign(coefficient=group["coefficient"].copy(data=coefficient)))
    found = verdict("identifiability", tree, QUICK)
    assert not found.passed
    assert found.figure == pytest.approx(0, abs=0.1)
    assert "not identified, its figure is its prior's: tv." in found.message
    assert verdict("identifiability", good, QUICK).figure > 0.9


def test_channels_that_cannot_be_told_apart_are_named_however_narrow(good):
    group = good["posterior"].to_dataset()
    coefficient = group["coefficient"].to_numpy().copy()
    shift = 0.05 * np.random.default_rng(7).standard_normal(coefficient.shape[:2])
    brought = Subject(Posterior.of(good)).roi["contribution"].mean("draw").to_numpy()
    per_unit = brought / coefficient.mean((0, 1, 2))
    coefficient[..., 0, 0] = 0.6 + shift
    coefficient[..., 0, 1] = 0.9 - shift * per_unit[0] / per_unit[1]
    tree = _with(good, posterior=group.assign(coefficient=group["coefficient"].copy(data=coefficient)))
    found = verdict("identifiability", tree, QUICK)
    assert found.figure > 0.5
    assert not found.passed
    assert "tv cannot be told apart from search (correlation -" in found.message


def test_an_approximate_engine_is_no_answer_and_its_chains_are_not_judged(good):
    quick = _with(good)
    quick.attrs.update(engine="laplace", approximate="normal approximation at the mode")
    found = {result.name: result for result in review(quick, QUICK)}
    assert not found["exact"].passed
    assert found["exact"].severity == "ERROR"
    assert "engine: numpyro" in found["exact"].message
    for name in ("rhat", "ess_bulk", "ess_tail", "divergences", "e_bfmi", "prior_sensitivity"):
        assert found[name].passed
        assert np.isnan(found[name].figure)
        assert found[name].message == "not applicable: approximate engine laplace"
    assert verdict("exact", good).passed


def test_an_answer_that_hangs_on_its_prior_is_named(good):
    # tv's ROI drawn from a prior wider than the specification's: any power of that prior moves it
    group = good["posterior"].to_dataset()
    wide = np.exp(0.5 + 1.2 * np.random.default_rng(8).standard_normal(group["sigma"].shape))
    coefficient, roi = group["coefficient"].to_numpy().copy(), group["roi"].to_numpy().copy()
    per_roi = 0.6 / float(Subject(Posterior.of(good)).roi["roi"].sel(channel="tv").mean())
    coefficient[..., 0, 0], roi[..., 0] = wide * per_roi, wide
    tree = _with(
        good,
        posterior=group.assign(
            coefficient=group["coefficient"].copy(data=coefficient), roi=group["roi"].copy(data=roi)
        ),
    )
    found = verdict("prior_sensitivity", tree, {"prior_sensitivity": 0.1})
    assert not found.passed
    assert found.severity == "WARN"
    assert found.figure > 0.1
    assert "at most (tv, with" in found.message
    assert "the prior of its effect" in found.message
    assert verdict("prior_sensitivity", good).passed


def test_an_answer_that_moved_since_last_time_is_named(good):
    moved = verdict("stability", sound(draws=50, coefficient=[[1.2, 0.9, 0.1]]), QUICK, previous=good)
    assert not moved.passed
    assert moved.figure == 0
    assert "tv from [" in moved.message
    assert "search from" not in moved.message
    assert verdict("stability", good, QUICK).passed  # nothing to compare with


def test_a_panel_is_reviewed_geo_by_geo():
    table = weekly_table(geos=("a", "b"))
    tree = posterior(panel_spec(), table, draws=50)
    found = {result.name: result for result in review(tree, {"holdout_weeks": 0})}
    assert set(found) == {check.name for check in CHECKS}
