"""The long-term stage of a model: from its posterior and a brand tracker to all that is said of the long term.

    found = fit_long_term(posterior, surveys)
    found.roi(), found.responses(), found.brand(), found.checks(), found.notes

One draw of the autoregression for each of some draws of the short-term posterior: base sales are measured by what that
draw leaves of the KPI, their weekly states and the metrics' are drawn together with the coefficients
(`mmm_core.long_term.tracked`), media are the paid channels' spend, all geos together. The result is one DataTree that a
file can hold; the tables are read from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Any

import pandas as pd
import xarray as xr

from mmm_core.data.weeks import first_days
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.json_text import dumps
from mmm_core.long_term import tables
from mmm_core.long_term.base import measured_base, plugged_in, with_metrics
from mmm_core.long_term.checks import checks
from mmm_core.long_term.form import evidence_of_forms, form_in_words, forms_of
from mmm_core.long_term.multipliers import long_run_multipliers
from mmm_core.long_term.responses import Shocks
from mmm_core.long_term.settings import tracked_settings
from mmm_core.long_term.stored import FORMAT, as_dataset, as_table, check_long_term
from mmm_core.long_term.terms import terms_of
from mmm_core.long_term.tracked import STEPS, fit_tracked_bvar
from mmm_core.long_term.waves import Surveys, surveys_of, waves
from mmm_core.long_term.worth import worth_of_base
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.labels import return_name
from mmm_core.spec.long_term_spec import LongTermRule
from mmm_core.spec.model_spec import ModelSpec

PLUG_IN_DRAWS, PLUG_IN_STEPS = 400, 8
"""Of the fit that only says what propagation is worth."""
DOUBLINGS = 2
"""How often chains that do not mix go on with twice the steps."""


def skip_reason(spec: ModelSpec) -> str:
    """Why a model has no long-term stage; "" where it has one."""
    if spec.long_term.metrics:
        return ""
    return (
        f"{spec.model}: long_term.metrics names no brand metric, so that nothing is said of the long term: name those "
        "of the brand survey, such as `long_term: {metrics: [awareness]}`"
    )


def fit_long_term(
    posterior: xr.DataTree | Posterior,
    surveys: pd.DataFrame,
    rule: LongTermRule | None = None,
    *,
    as_of: date | pd.Timestamp | str | None = None,
    origin: str = "",
    checked: bool = True,
) -> LongTerm:
    """Fit the long term of a model.

    Args:
        posterior: of the short-term model.
        surveys: waves of one market, as `mmm_core.long_term.waves.waves` takes them.
        rule: by default that of the posterior's own specification.
        as_of: first day of the as-of week; by default the posterior's last. Later waves are refused.
        origin: which posterior it is: kept with the result.
        checked: whether checks that need further fits are made: forecasts, and the mean of base sales plugged in.

    Raises:
        InputError: the rule names no metric, or a metric, channel or wave is refused; there are too few weeks.
    """
    read = Posterior.of(posterior)
    rule = read.spec.long_term if rule is None else rule
    if not rule.metrics:
        raise InputError(skip_reason(read.spec.model_copy(update={"long_term": rule})))
    weeks = first_days(pd.DatetimeIndex(read.data["week"].to_numpy()), read.spec)
    seen = surveys_of(waves(surveys), rule.metrics, weeks, None if as_of is None else pd.Timestamp(as_of))
    media = spend_of(read, rule)
    base = measured_base(read, rule.draws, rule.seed).assign_coords(week=weeks)
    settings = tracked_settings(rule)
    said = list(seen.notes)
    form, *others = forms_of(rule)
    if others:
        evidence = evidence_of_forms(base, seen, media, weeks, rule)
        form = max(evidence, key=lambda each: evidence[each])
        said += form_in_words(evidence, form)
    settings["lags"], terms = form.lags, terms_of(rule, weeks, form.trend)
    draws = fit_measured(base, seen, media, terms, seed=rule.seed, doublings=DOUBLINGS, **settings)
    if draws.attrs["steps"] > STEPS:
        said.append(f"its chains mixed slowly and took {draws.attrs['steps'] // STEPS} times the usual steps")
    plain = None
    if checked:
        mean = plugged_in(with_metrics(base["base"], {}))
        plain = fit_tracked_bvar(
            mean,
            seen.by_metric,
            media,
            terms,
            draws=min(PLUG_IN_DRAWS, rule.draws),
            steps=PLUG_IN_STEPS,
            seed=rule.seed,
            **settings,
        )
    attrs = {
        "format": FORMAT,
        "model": read.model,
        "rule": dumps(rule.model_dump(mode="json")),
        "as_of": f"{weeks[-1] if as_of is None else pd.Timestamp(as_of):%Y-%m-%d}",
        "origin": origin,
        "kpi": read.spec.kpi.column,
        "returns": return_name(read.spec),
        "rhat": draws.attrs["rhat"],
        "ess": draws.attrs["ess"],
        "stable_share": float((draws["largest_root"] < 1).mean()),
        "notes": dumps([*said, *_fewer_draws(rule.draws, draws.sizes["draw"])]),
    }
    short = roi_draws(read)["roi"].isel(draw=draws["draw"].to_numpy()).sel(channel=draws["channel"])
    worth = worth_of_base(read, draws["draw"].to_numpy())
    groups = {
        "/": xr.Dataset(attrs=attrs),
        "/bvar": draws,
        "/short": xr.Dataset(
            {
                "roi": short.assign_coords(draw=draws["draw"]),
                "worth_of_base": (("draw",), worth),
            }
        ),
        "/surveys": as_dataset(seen.table),
    }
    half = LongTerm(xr.DataTree.from_dict({**groups, "/checks": xr.Dataset()}))
    groups["/checks"] = as_dataset(
        checks(half, plain, base, seen, media, terms, settings) if checked else checks(half)
    )
    return LongTerm(xr.DataTree.from_dict(groups))


def _fewer_draws(asked: int, there: int) -> list[str]:
    """A note where the posterior has fewer draws than the rule asks for."""
    return [f"long_term.draws asks for {asked}: the posterior has {there}"] if there < asked else []


def fit_measured(
    base: xr.Dataset,
    surveys: Surveys,
    media: pd.DataFrame,
    terms: pd.DataFrame | None = None,
    **settings: Any,
) -> xr.Dataset:
    """Draws of the autoregression of the surveys' metrics and of a base as `measured_base` gives it."""
    measured, sd = (with_metrics(base[name], {}) for name in ("measured", "sd"))
    return fit_tracked_bvar(measured, surveys.by_metric, media, terms, noise=sd, **settings)


class LongTerm:
    """A long-term posterior and the tables that are read from it.

    Attributes:
        tree: groups and attributes as `mmm_core.long_term.stored` states them.
    """

    def __init__(self, tree: xr.DataTree) -> None:
        check_long_term(tree)
        self.tree = tree
        self.attrs: Mapping[Any, Any] = dict(tree.attrs)

    @classmethod
    def of(cls, tree: xr.DataTree) -> LongTerm:
        """Of a tree that `load_long_term` read."""
        return cls(tree)

    @cached_property
    def rule(self) -> LongTermRule:
        """What it was fitted by."""
        return LongTermRule.model_validate(json.loads(self.attrs["rule"]))

    @cached_property
    def draws(self) -> xr.Dataset:
        """Draws of the autoregression, as `fit_tracked_bvar` gives them."""
        return self.tree["bvar"].to_dataset()

    @cached_property
    def surveys(self) -> pd.DataFrame:
        """The waves: metric, start, end, share, sample."""
        return as_table(self.tree["surveys"].to_dataset())

    @property
    def short_roi(self) -> xr.DataArray:
        """Short-term ROI of the same draws, (draw, channel)."""
        return self.tree["short"].to_dataset()["roi"]

    @property
    def worth_of_base(self) -> xr.DataArray:
        """Outcome that one more unit of base sales brings in the modelled weeks, (draw,)."""
        return self.tree["short"].to_dataset()["worth_of_base"]

    @property
    def stable_share(self) -> float:
        """Share of draws whose effects die out."""
        return float(self.attrs["stable_share"])

    @cached_property
    def long_run_refused(self) -> str:
        """Why there are no figures over all weeks to come; "" where there are."""
        if self.rule.unit_root:
            return "base sales are modelled as a unit root: an effect on them stays for good and has no sum"
        try:
            long_run_multipliers(self.draws)
        except InputError as error:
            return str(error)
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know, in words."""
        found = [str(note) for note in json.loads(self.attrs["notes"])]
        if self.long_run_refused:
            found.append(f"no long-run figures: {self.long_run_refused}")
        table = self.checks()
        return (*found, *(str(words) for words in table.loc[~table["passed"].astype(bool), "words"]))

    @property
    def severe(self) -> tuple[str, ...]:
        """What forbids to read any figure, in words."""
        from mmm_core.long_term.checks import failed_severely

        return failed_severely(self.checks())

    def checks(self) -> pd.DataFrame:
        """Whether to believe it: check, subject, value, bound, passed, words."""
        return as_table(self.tree["checks"].to_dataset())

    def roi(self) -> pd.DataFrame:
        """As `mmm_core.long_term.tables.roi`."""
        return self._roi.copy()

    def responses(self, shocks: Shocks = "orthogonal") -> pd.DataFrame:
        """As `mmm_core.long_term.tables.responses`."""
        return self._responses.copy() if shocks == "orthogonal" else tables.responses(self, shocks)

    def brand(self) -> pd.DataFrame:
        """As `mmm_core.long_term.tables.brand`."""
        return self._brand.copy()

    def multipliers(self) -> pd.DataFrame:
        """As `mmm_core.long_term.tables.multipliers`."""
        return tables.multipliers(self)

    def decomposition(self) -> pd.DataFrame:
        """As `mmm_core.long_term.tables.decomposition`."""
        return tables.decomposition(self)

    @cached_property
    def _roi(self) -> pd.DataFrame:
        return tables.roi(self)

    @cached_property
    def _responses(self) -> pd.DataFrame:
        return tables.responses(self)

    @cached_property
    def _brand(self) -> pd.DataFrame:
        return tables.brand(self)


def brand_states(
    surveys: pd.DataFrame,
    weeks: pd.DatetimeIndex,
    rule: LongTermRule,
    as_of: date | pd.Timestamp | str | None = None,
) -> pd.DataFrame:
    """Metrics week by week as their surveys alone have them, before any autoregression: columns of `tables.brand`.

    A picture of the metrics, and not what effects are fitted on.

    Args:
        surveys: as of `fit_long_term`. weeks: first days of the model's weeks.
    """
    seen = surveys_of(waves(surveys), rule.metrics, weeks, None if as_of is None else pd.Timestamp(as_of))
    return tables.states_alone(seen.by_metric, weeks, rule.draws, rule.seed)


def spend_of(posterior: Posterior, rule: LongTermRule) -> pd.DataFrame:
    """Weekly spend of the rule's channels, geos summed, media history included; indexed by first days."""
    data = posterior.data
    spend = data["spend"].sum("geo").sel(paid_channel=list(rule.channels_of(posterior.spec.paid)))
    weeks = first_days(pd.DatetimeIndex(data["media_week"].to_numpy()), posterior.spec)
    return pd.DataFrame(
        spend.transpose("media_week", "paid_channel").to_numpy().astype(float),
        index=weeks,
        columns=[str(name) for name in spend["paid_channel"].to_numpy()],
    )
