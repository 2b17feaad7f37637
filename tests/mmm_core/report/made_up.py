"""Findings made by hand, of as many channels as a test wants: a report needs no fit to be tried."""

from datetime import date

import numpy as np
import pandas as pd

from mmm_core.report.change import KINDS, Change
from mmm_core.report.findings import Backing, Findings, Recommendation, Subject

GATES = (
    "review", "convergence", "history", "evidence", "moved", "channel_change", "extrapolation", "probability", "profit",
)  # fmt: skip
CHECKS = (
    "exact", "rhat", "ess_bulk", "ess_tail", "divergences", "e_bfmi", "history", "mape", "r2", "coverage", "breaks",
    "holdout", "media_forecast", "lift_tests", "prior_sensitivity", "negative_baseline", "roi_plausible",
    "share_of_spend", "identifiability", "event_weeks", "stability",
)  # fmt: skip


def subject(**changes):
    facts = {
        "model": "us_revenue",
        "as_of": date(2026, 11, 16),
        "ends": date(2026, 11, 22),
        "begins": date(2023, 1, 23),
        "weeks": 200,
        "geos": 1,
        "outcome": "revenue",
        "currency": "USD",
        "margin": 1.0,
    }
    return Subject(**{**facts, **changes})


def names_of(count):
    known = ["search", "meta", "tiktok", "linkedin", "tv", "ooh"]
    return [known[i] if i < len(known) else f"channel_{i + 1}" for i in range(count)]


def allocation(names):
    spend = 1e5 * (2.0 + np.arange(len(names)) % 7)
    sign = np.where(np.arange(len(names)) % 2, 1.0, -1.0)
    move = sign * 2e4 if len(names) % 2 == 0 else np.zeros(len(names))
    return pd.DataFrame(
        {
            "channel": names,
            "current_spend": spend,
            "recommended_spend": spend + move,
            "lower": 0.7 * spend,
            "upper": np.where(sign > 0, spend + move, 1.3 * spend) if len(names) % 2 == 0 else 1.3 * spend,
            "current_revenue": 1.3 * spend,
            "recommended_revenue": 1.3 * spend + 0.9 * move + 1000.0,
            "recommended_revenue_q05": 0.9 * spend,
            "recommended_revenue_q95": 1.9 * spend,
            "mroi": 0.8,
            "gap": 1e-7,
            "note": "",
        }
    )


def roi(names, organic=()):
    rows = []
    for i, name in enumerate(names):
        middle = 0.6 + 0.17 * (i % 9)
        for metric, value in (
            ("roi", middle),
            ("mroi", 0.6 * middle),
            ("contribution", 4e6 * middle),
            ("spend", 4e6),
        ):
            spread = 0.0 if metric == "spend" else 0.4 * value
            rows.append((name, metric, value, value, spread / 1.6, value - spread, value + 1.4 * spread))
    rows += [(name, "contribution", 1e5, 1e5, 3e4, 5e4, 2e5) for name in organic]
    return pd.DataFrame(rows, columns=["channel", "metric", "mean", "median", "sd", "q05", "q95"])


def curves(plan):
    parts = []
    for row in plan.to_dict("records"):
        multiplier = np.linspace(0, 2, 41)
        top = 2.6 * row["current_spend"]
        mean = top * multiplier / (1 + multiplier)
        parts.append(
            pd.DataFrame(
                {
                    "channel": row["channel"],
                    "spend": multiplier * row["current_spend"],
                    "multiplier": multiplier,
                    "mean": mean,
                    "q05": 0.5 * mean,
                    "q95": 1.6 * mean,
                    "last_week": pd.Timestamp("2026-11-16"),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def gates(closed=(), overridden=()):
    rows = [
        {
            "gate": name,
            "question": "Is it?",
            "passed": name not in (*closed, *overridden),
            "figure": 0.5,
            "threshold": 0.25,
            "message": f"what the gate {name} found of this budget, at most 25% wanted",
            "overridden": name in overridden,
            "decided_by": "team:finance" if name in overridden else "",
            "decided_on": pd.Timestamp("2026-11-01") if name in overridden else pd.NaT,
            "decided_until": pd.Timestamp("2026-12-01") if name in overridden else pd.NaT,
            "decided_why": "the launch was agreed" if name in overridden else "",
        }
        for name in GATES
    ]
    return pd.DataFrame(rows)


def review(failed=(), warned=()):
    return pd.DataFrame(
        {
            "check_name": CHECKS,
            "severity": [
                "ERROR" if name in failed else "WARN" if name in warned else "ERROR" for name in CHECKS
            ],
            "passed": [name not in (*failed, *warned) for name in CHECKS],
            "figure": 1.0,
            "threshold": 2.0,
            "message": [
                f"the {name} is 1.234 (roi[search]), below 2 is wanted: raise `fit: draws` and read docs/gates.md"
                for name in CHECKS
            ],
        }
    )


def lift_tests(used=3, rest=2):
    rows = [
        {
            "test_id": f"us-2026-0{i + 1}-01-geo-test",
            "status": "approved" if i < used else "needs review",
            "reasons": "" if i < used else "nobody has approved it: add a line to the approvals file",
            "channels": "search;tv",
            "start_date": pd.Timestamp("2025-12-29"),
            "end_date": pd.Timestamp("2026-02-01"),
            "outcome": "revenue",
            "incremental_outcome": 193e3,
            "calibrating_error": 42e3,
            "weight": 0.5 - 0.05 * i,
            "calibrates": i < used,
        }
        for i in range(used + rest)
    ]
    return pd.DataFrame(rows)


def long_term(names):
    rows = [
        (name, effect, "all", 104, value, 0.95 * value, 0.7 * value, 1.5 * value)
        for name in names
        for effect, value in (("short", 1.1), ("total", 1.6))
    ]
    return pd.DataFrame(
        rows, columns=["channel", "effect", "path", "horizon_weeks", "mean", "median", "q05", "q95"]
    )


def scenarios(count=3, profit=False):
    """The current plan, the recommended one, and further ones, each better than the last."""
    names = ["current", "recommended", *(f"plan {i + 1}" for i in range(count - 2))]
    gain = 1e4 * np.arange(count)
    return pd.DataFrame(
        {
            "kind": "plan",
            "channel": "",
            "last_week": pd.Timestamp("2027-02-15"),
            "is_best": False,
            "gain_in": "profit" if profit else "revenue",
            "scenario": names,
            "description": [f"what {name} does" for name in names],
            "is_reference": [name == "current" for name in names],
            "spend": 2.7e6,
            "spend_change": 0.0,
            "horizon": "short",
            "incremental": 3e6 + gain,
            "profit": 1e6 + gain if profit else np.nan,
            "gain": gain,
            "gain_q05": gain - 5e3,
            "gain_q95": gain + 5e3,
            "probability_better": np.where(gain > 0, 0.93, np.nan),
        }
    )


def change(names, kinds=("data", "evidence")):
    rows = []
    for i, name in enumerate(names):
        parts = dict.fromkeys(KINDS, 0.0) | dict.fromkeys(kinds, 0.05 * (i + 1)) | {"chance": -0.01}
        total = sum(parts.values())
        for metric in ("roi", "contribution"):
            rows.append({"channel": name, "metric": metric, "before": 1.0, "now": 1.0 + total, "change": total,
                         "error": 0.02, **parts})  # fmt: skip
    words = {
        "data": "1 new week, to 16 Nov 2026",
        "evidence": "new: us-2026-01-12-tv",
        "specification": "order from 2 to 3",
    }
    return Change(
        before="a" * 16,
        now="b" * 16,
        as_of="2026-11-09",
        differs={kind: words[kind] for kind in kinds},
        steps=tuple((kind,) for kind in kinds),
        refits=len(kinds) - 1,
        draws=1000,
        table=pd.DataFrame(rows),
    )


def manifest():
    version = {"version": "0123456789abcdef"}
    return {
        "format": 1,
        "model": "us_revenue",
        "as_of": "2026-11-16",
        "table": {"fingerprint": "c78b7465682b42d3", "first_week": "2023-01-23", "last_day": "2026-11-22", "weeks": 200,
                  "geos": 1},
        "specification": {"hash": "c887860367ecba7f"},
        "evidence": {"version": None, "tests": [], "table": None},
        "posterior": {"version": "b" * 16, "engine": "numpyro", "approximate": "", "seed": 7, "chains": 4, "draws": 800,
                      "source": "8bb1fd1001799b51", "packages": {"carryover": "0.1.0", "jax": "0.10.2"}},
        "roi": version, "curves": version, "allocation": version, "readiness": version, "review": version,
        "long_term": None, "scenarios": None, "registered": None, "previous": None,
        "code": {"carryover": "0.1.0", "source": "88b8d68aaff0df7c"},
        "packages": {"numpy": "2.4.6", "matplotlib": "3.11.2", "jinja2": "3.1.6"},
    }  # fmt: skip


def findings(names=6, **changes):
    """A model of some channels, by number or by name, everything there; `changes` replace parts of it."""
    channels = names_of(names) if isinstance(names, int) else list(names)
    plan = allocation(channels)
    total = float(plan["recommended_spend"].sum())
    parts = {
        "subject": subject(),
        "recommendation": Recommendation(
            channels=plan,
            weeks=13,
            total=total,
            current_total=float(plan["current_spend"].sum()),
            gain=185508.2,
            gain_q05=-16963.7,
            gain_q95=377632.4,
            probability=0.9375,
            gain_in="revenue",
            prices=tuple(
                f"one more unit of spend on {name} would return 1.8 outcome, 0.7 more than where it is spent: its "
                "upper bound of 240,000 binds"
                for name in channels[1::2]
            ),
        ),
        "roi": roi(channels),
        "curves": curves(plan),
        "backing": {name: Backing(i % 3, i % 2 == 0, "") for i, name in enumerate(channels)},
        "right": {name: 0.55 + 0.4 * i / len(channels) for i, name in enumerate(channels)},
        "gates": gates(),
        "review": review(),
        "tests": lift_tests(),
        "manifest": manifest(),
    }
    return Findings(**{**parts, **changes})
