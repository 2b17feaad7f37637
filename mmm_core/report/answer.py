"""The answer in one paragraph: what to spend, what moves, what it brings and how surely, and whether to act on it."""

from __future__ import annotations

import pandas as pd

from mmm_core.budget.glance import day, money
from mmm_core.errors import shortened
from mmm_core.plural import plural
from mmm_core.report.findings import Findings, records
from mmm_core.report.moves import STILL
from mmm_core.report.page import Items, Paragraph, Section, Tile
from mmm_core.report.words import MONEY, between, change_of, counted, enumeration, plain, probability, share

LONGEST = 32
"""Letters of a channel's name in a sentence."""

NAMED = 3
"""Moves of each direction that the answer names."""


def headline(found: Findings) -> str:
    """What to do, in one line; of a model that its review refuses, that there is nothing to do by it."""
    if found.refused:
        return f"No recommendation: the model fails {plural(len(found.refused), 'check')} of its review."
    plan, currency = found.recommendation, found.subject.currency
    total = money(plan.total, currency)
    if plan.same_total:
        if plan.moved <= STILL * plan.total:
            return f"Keep the total at {total} and its split as it is for the next {plan.span}."
        moved = f"{money(plan.moved, currency)} of it ({share(plan.moved / max(plan.current_total, 1e-9))})"
        return f"Keep the total at {total} for the next {plan.span} and move {moved}."
    change = plan.total - plan.current_total
    words = "more" if change > 0 else "less"
    part = f", {share(abs(change) / plan.current_total)}" if plan.current_total > 0 else ""
    return (
        f"Spend {total} over the next {plan.span}: {money(abs(change), currency)}{part} {words} than in "
        f"the last {'one' if plan.weeks == 1 else plan.weeks}."
    )


def answer(found: Findings) -> Section:
    """The first section; of a refused model which checks it fails, with what each found."""
    if found.refused:
        return Section(
            "answer",
            headline(found),
            (
                Paragraph(
                    "Do not act on a figure of this page, nor pass it on as a recommendation: what stands below is "
                    "here to find the cause. A model that fails its review is not published: what readers have stays "
                    "as it was.",
                    _verdict(found),
                ),
                Items(
                    tuple(
                        (row["check_name"].replace("_", " "), plain(row["message"])) for row in found.failures
                    )
                ),
            ),
        )
    return Section(
        "answer",
        headline(found),
        (Paragraph(f"{_moves(found)} {_gain(found)}".strip()), Paragraph(_standing(found), _verdict(found))),
    )


def verdict(found: Findings) -> str:
    """Two words for the top of the page."""
    if found.refused:
        return "Not fit for use"
    if found.gates is None:
        return "Not reviewed"
    return "Ready to act on" if found.ready else "Not ready"


def tiles(found: Findings) -> tuple[Tile, ...]:
    """Figures that stand out; none of a refused model."""
    if found.refused:
        return ()
    plan, subject = found.recommendation, found.subject
    change = change_of(plan.current_total, plan.total)
    total = "as in the last period" if plan.same_total else f"{change} on the last period"
    gain = counted(plan.gain, plan.gain_in, subject.currency, signed=True)
    ends = between(
        *(counted(end, plan.gain_in, subject.currency, signed=True) for end in (plan.gain_q05, plan.gain_q95))
    )
    return (
        Tile("Recommended total", money(plan.total, subject.currency), f"{plan.span}, {total}"),
        Tile(
            "Moved between channels",
            money(plan.moved, subject.currency),
            f"{share(plan.moved / max(plan.current_total, 1e-9))} of the last period's spend",
        ),
        Tile(f"Expected gain in {plan.gain_in}", gain, f"90% interval {ends}"),
        Tile("Probability of a gain", probability(plan.probability), f"against {plan.against}"),
    )


def _moves(found: Findings) -> str:
    table, currency = found.recommendation.channels, found.subject.currency
    change = table["recommended_spend"] - table["current_spend"]
    moving = change.abs() > STILL * table[["current_spend", "recommended_spend"]].max(axis=1)

    def told(rows: pd.DataFrame) -> str:
        items = []
        for row in rows.to_dict("records"):
            moved = money(row["recommended_spend"] - row["current_spend"], currency, signed=True)
            how_much = change_of(row["current_spend"], row["recommended_spend"])
            items.append(f"{shortened(str(row['channel']), LONGEST)} ({moved}, {how_much})")
        return enumeration(items, NAMED)

    parts = []
    for word, sign in (("More", 1), ("less", -1)):
        rows = table[moving & (sign * change > 0)]
        order = (sign * change).loc[rows.index].sort_values(ascending=False, kind="stable").index
        if len(rows):
            parts.append(f"{word} on {told(rows.loc[order])}")
    if not parts:
        return "No channel's spend changes."
    return f"{parts[0][0].upper()}{'; '.join(parts)[1:]}."


def _gain(found: Findings) -> str:
    plan, currency = found.recommendation, found.subject.currency
    first, last = plan.period(found.subject.ends)
    gain = counted(abs(plan.gain), plan.gain_in, currency)
    low, high = (counted(end, plan.gain_in, currency, signed=True) for end in (plan.gain_q05, plan.gain_q95))
    more = "more" if plan.gain >= 0 else "less"
    brand = ", what comes by way of the brand after that included," if plan.horizon == "long" else ""
    what = f" {plan.gain_in}" if plan.gain_in in MONEY else ""
    change, at = plan.total - plan.current_total, ""
    if plan.words and not plan.same_total and plan.gain_in != "profit":  # profit has the spend in it
        at = f", at {money(abs(change), currency)} {'more' if change > 0 else 'less'} spend"
    return (
        f"From {day(first)} to {day(last)}{brand} this is expected to bring {gain} {more}{what} than {plan.against}"
        f"{at} (90% interval {low} to {high}); that it brings more at all has probability "
        f"{probability(plan.probability)}."
    )


def _verdict(found: Findings) -> str:
    return f"{verdict(found)}."


def _standing(found: Findings) -> str:
    """Ready or not, and why."""
    if found.gates is None:
        return "Nobody has put this budget to the readiness gates: read it as a draft."
    count = len(found.gates)
    of_all = plural(count, "readiness gate is", "readiness gates are")
    if found.closed:
        shut = found.gates[found.gates["gate"].isin(found.closed)]
        reasons = "; ".join(
            f"{row['gate'].replace('_', ' ')}: {plain(row['message'])}" for row in records(shut)
        )
        return f"{plural(len(shut), 'gate')} of {count} not passed: {reasons}."
    passed = f"All {of_all} passed"
    let = found.gates[found.gates["overridden"].astype(bool)]
    if len(let):
        by = "; ".join(
            f"{row['gate'].replace('_', ' ')} by {row['decided_by']} ({row['decided_why']})"
            for row in records(let)
        )
        passed = f"{count - len(let)} of {of_all} passed, and people let pass: {by}"
    return f"{passed}."
