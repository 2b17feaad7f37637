"""Claims held against a model's channels: what each report claims for a unit of spend, and what no channel has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mmm_core.data.weeks import first_days
from mmm_core.errors import InputError, listed, nearest
from mmm_core.evidence.check import MARKET
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.reconciliation.bias import Claimed
from mmm_core.reconciliation.sources import Compared, outcome_column
from mmm_core.spec.reconciliation_spec import AttributionRule

REPORT = ["platform", "attribution_model", "attribution_window"]
SPEND_MAY_DIFFER = 0.1  # share by which the spend beside a claim may miss the model table's, unremarked
CLAIM = ["channel", "week_start", *REPORT]  # what there is once, whatever market its row names
LEFT_OUT = ("market", "channel", *REPORT, "claimed", "weeks", "why")


@dataclass(frozen=True)
class Report:
    """What one report claims of one channel over the compared weeks.

    Attributes:
        name: platform, attribution model and window.
        roi: claimed for a unit of the model's spend, in the weeks with claims.
        conversions: purchases claimed; nan where the report does not count them.
        coverage: share of the compared spend that lies in these weeks.
        doubt: why it is shown and not used; "" where it is used.
        remark: what to know of one that is used.
    """

    channel: str
    name: str
    roi: float
    conversions: float
    coverage: float
    doubt: str
    remark: str = ""


def of_the_model(
    claims: pd.DataFrame, posterior: Posterior, rule: AttributionRule, currency: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Claims of the model's market and channels, and those of its market that no channel has or no rule wants.

    Claims of other markets are in neither; those of no market ("(unmapped)") are in the second.

    Raises:
        InputError: an unknown platform in `reports`, a currency that is not the table's, no claims of the market.
    """
    spec, column = posterior.spec, outcome_column(posterior.spec)
    platforms = sorted(set(claims["platform"]))
    for platform in rule.reports:
        if platform not in platforms:
            raise InputError(
                f"model {spec.model}: `reconciliation: {{attribution: {{reports: ...}}}}` names '{platform}': "
                f"{nearest(platform, platforms)}"
            )
    own = spec.filter.get(MARKET)
    markets = {own, ""} if own else {""}
    mine = claims["market"].isin(markets)
    if len(claims) and not mine.any():
        there = listed(sorted(set(claims["market"])), 5)
        wanted = (
            f"market '{own}'" if own else "a model without `filter: {market: ...}`: leave the cells blank"
        )
        raise InputError(f"model {spec.model}: no claim is of {wanted}; the table has {there}")
    other = claims.loc[mine & ~claims["currency"].isin(["", currency]), "currency"]
    if len(other):
        raise InputError(
            f"model {spec.model}: claims are in {other.iloc[0]}, the model's table in {currency}: convert them, or "
            "mend `calibration: {rule: {currency: ...}}`"
        )
    twice = claims.loc[mine & claims[mine].duplicated(CLAIM, keep=False), CLAIM].sort_values(CLAIM)
    if len(twice):
        channel, week, *report = twice.iloc[0]
        raise InputError(
            f"model {spec.model}: claims of {channel} in the week of {week.date()} "
            f"({', '.join(filter(None, report)) or 'no report named'}) are there for market '{own}' and for none, "
            f"{plural(len(twice) // 2, 'week')} in all, and would be added up: keep one of the two"
        )
    why = pd.Series("", index=claims.index)
    why[claims[column].isna()] = f"{column} is blank: without an exchange rate, perhaps"
    if rule.reports:
        why[~claims["platform"].isin(rule.reports)] = "its platform is not among `reports`"
    why[~claims["channel"].isin(spec.paid)] = "no paid channel of the model has its name"
    days = first_days(pd.DatetimeIndex(posterior.data["week"].to_numpy()), spec)
    outside = (claims["week_start"] < days[0]) | (claims["week_start"] > days[-1])
    unmapped = ~mine & claims["market"].str.startswith("(")
    why[unmapped] = "its market is not known"
    shown = (why != "") & ~outside & (mine | unmapped)
    left = claims[shown].assign(why=why[shown], claimed=claims[column])
    grouped = left.groupby(["market", "channel", *REPORT, "why"], sort=True)
    summed = grouped.agg(claimed=("claimed", "sum"), weeks=("week_start", "nunique")).reset_index()
    return claims[mine & (why == "")], summed[list(LEFT_OUT)]


def reports_of(
    claims: pd.DataFrame, posterior: Posterior, compared: Compared, rule: AttributionRule
) -> dict[str, tuple[Report, ...]]:
    """What every report claims of each channel over the compared weeks.

    Args:
        claims: the first table of `of_the_model`.
    """
    spec, column = posterior.spec, outcome_column(posterior.spec)
    days = first_days(pd.DatetimeIndex(posterior.data["week"].to_numpy()), spec)[compared.positions]
    spend = posterior.data["spend"].to_numpy().sum(0)[posterior.history :][compared.positions]
    out: dict[str, list[Report]] = {}
    for keys, rows in claims[claims["week_start"].isin(days)].groupby(["channel", *REPORT], sort=True):
        channel = str(keys[0])
        weekly = pd.Series(spend[:, spec.paid.index(channel)], days)
        if weekly.sum() <= 0:
            continue
        weeks = rows["week_start"].unique()
        spent, claimed = float(weekly.loc[weeks].sum()), float(rows[column].sum())
        name = ", ".join(filter(None, map(str, keys[1:]))) or "claims"
        roi, coverage = claimed / spent if spent > 0 else np.nan, spent / float(weekly.sum())
        conversions = float(rows["conversions"].sum(min_count=1))
        doubt = ""
        if coverage < rule.least_coverage:
            doubt = f"its weeks hold {coverage:.0%} of the spend, {rule.least_coverage:.0%} at least are asked for"
        elif claimed <= 0:
            doubt = "it claims nothing"
        elif conversions < 1:  # nan where they are not counted
            doubt = (
                f"it claims {conversions:.2g} conversions, and what a report says of less than one is chance"
            )
        out.setdefault(channel, []).append(
            Report(channel, name, roi, conversions, coverage, doubt, _of_spend(rows, weekly))
        )
    return {channel: tuple(found) for channel, found in out.items()}


def claimed_of(reports: tuple[Report, ...]) -> Claimed | None:
    """One claim of a channel out of those of its reports that are used; None without one."""
    used = [report for report in reports if not report.doubt]
    if not used:
        return None
    counted = [report.conversions for report in used if report.conversions > 0]
    error = max((count**-0.5 for count in counted), default=0.0)
    return Claimed(float(np.exp(np.mean([np.log(report.roi) for report in used]))), error)


def _of_spend(rows: pd.DataFrame, weekly: pd.Series) -> str:
    """That the spend beside the claims is not the model's, where it is not."""
    stated = rows.dropna(subset=["spend"])
    if stated.empty:
        return ""
    there, here = float(stated["spend"].sum()), float(weekly.loc[stated["week_start"].unique()].sum())
    if abs(there - here) <= SPEND_MAY_DIFFER * max(there, here):
        return ""
    return f"spend beside its claims is {there:,.0f}, the model's table has {here:,.0f}"
