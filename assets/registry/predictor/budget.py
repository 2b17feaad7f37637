"""The registered budget as MLflow loads it: from this file and its artifacts, with pandas and scipy alone.

MLflow runs this file by itself, in any process; the rest of the project is not there.
"""

from itertools import pairwise

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

SECONDS = 30.0
"""After which the search ends, with the bound it has."""


class Budget(PythonModel):
    """The recommended budget, and the best one at another total or within other bounds.

    `predict` takes rows of `channel` and, where they are to differ from the plan's, `lower` and `upper`: spend in money
    over the period. `params={"total": ...}` is another total.

    Without a total and without bounds the answer is the plan as it was decided: the rows of the channels asked, of all
    where the table is empty.

    With either, the plan of the most expected outcome at that total (default the plan's) is worked out on curves of
    what the budget counts (`horizon`: short, or long with what comes by way of the brand; dearer media, a discount),
    straight between their points: channel, current_spend, lower, upper, recommended_spend, recommended_outcome with q05
    and q95, and what is the whole plan's and stands in every row: value, bound (no plan within the constraints has
    more), gap, horizon, left_out. Channels that are not asked keep their bounds. Curves end, and a bound beyond the end
    is refused, as is a total that the bounds do not allow. `left_out` names the keys of the model's own question that
    are no part of this answer, such as a goal or a risk; "" where it is the same question. Groups and what is all or
    nothing hold.
    """

    def load_context(self, context):
        self.plan = pd.read_parquet(context.artifacts["table"])
        with np.load(context.artifacts["draws"]) as kept:
            self.points, self.draws = {}, {}  # (point,) and (point, draw) of each channel
            for channel, spend, outcome in zip(
                kept["channel"].tolist(), kept["spend"], kept["outcome"], strict=True
            ):
                self.points[channel], first = np.unique(spend, return_index=True)
                self.draws[channel] = outcome[first]
            self.floor = dict(zip(kept["channel"].tolist(), kept["floor"].tolist(), strict=True))
            self.groups = [
                (
                    name,
                    dict(zip(kept["channel"].tolist(), member.tolist(), strict=True)),
                    float(least),
                    float(most),
                )
                for name, member, least, most in zip(
                    kept["group"].tolist(), kept["member"], kept["least"], kept["most"], strict=True
                )
            ]
            self.left_out = ", ".join(kept["left_out"].tolist())

    def predict(self, context, model_input: pd.DataFrame, params=None) -> pd.DataFrame:
        asked = model_input if "channel" in model_input else pd.DataFrame({"channel": []})
        unknown = sorted(set(asked["channel"]) - set(self.plan["channel"]))
        if unknown:
            known = ", ".join(self.plan["channel"])
            raise ValueError(f"not in the plan: {', '.join(map(str, unknown))}; its channels are {known}")
        twice = sorted(asked.loc[asked["channel"].duplicated(), "channel"])
        if twice:
            raise ValueError(f"asked twice: {', '.join(twice)}")
        total = (params or {}).get("total")
        bounded = [name for name in ("lower", "upper") if name in asked and asked[name].notna().any()]
        if total is not None or bounded:
            return self._best(asked, bounded, total)
        if asked.empty:
            return self.plan
        return self.plan.set_index("channel").loc[list(asked["channel"])].reset_index()

    def _best(self, asked, bounded, total):
        plan = self.plan.set_index("channel")
        lower, upper = plan["lower"].copy(), plan["upper"].copy()
        asked = asked.set_index("channel")
        for name, bound in (("lower", lower), ("upper", upper)):
            if name in bounded:
                given = asked[name].dropna()
                bound.loc[given.index] = given
        total = float(plan["recommended_spend"].sum() if total is None else total)
        for name in lower.index[lower > 0]:
            lower[name] = max(lower[name], self.floor.get(name, 0.0))
        self._refuse(lower, upper, total)
        channels = list(plan.index)
        floors = [self.floor[name] if lower[name] == 0 < upper[name] else 0.0 for name in channels]
        pieces = [
            _pieces(self.points[name], self.draws[name].mean(axis=1), lower[name], upper[name], floor)
            for name, floor in zip(channels, floors, strict=True)
        ]
        groups = [
            (name, np.array([member[channel] for channel in channels]), least, most)
            for name, member, least, most in self.groups
        ]
        spend, bound = _most(pieces, total, np.array(floors) > 0, groups)
        outcome = np.stack(
            [_at(self.points[name], self.draws[name], x) for name, x in zip(channels, spend, strict=True)]
        )
        value = float(outcome.mean(axis=1).sum())
        bound = max(bound, value)  # they differ by rounding where the search ended
        low, high = np.quantile(outcome, [0.05, 0.95], axis=1)
        return pd.DataFrame(
            {
                "channel": channels,
                "current_spend": plan["current_spend"].to_numpy(),
                "lower": lower.to_numpy(),
                "upper": upper.to_numpy(),
                "recommended_spend": spend,
                "recommended_outcome": outcome.mean(axis=1),
                "recommended_outcome_q05": low,
                "recommended_outcome_q95": high,
                "value": value,
                "bound": bound,
                "gap": (bound - value) / bound if bound > 0 else 0.0,
                "horizon": self.plan["horizon"].iloc[0],
                "left_out": self.left_out,
            }
        )

    def _refuse(self, lower, upper, total):
        unknown = [name for name in lower.index if name not in self.points]
        if unknown:
            raise ValueError(
                f"no curve of {', '.join(unknown)}, new to the model: only the plan as it was decided can be asked; "
                "`mmm allocate` plans another"
            )
        for name in lower.index:
            most = float(self.points[name][-1])
            if not 0 <= lower[name] <= upper[name]:
                raise ValueError(
                    f"{name}: a lower bound of {lower[name]:,.0f} and an upper one of {upper[name]:,.0f} leave nothing"
                )
            if 0 < upper[name] < self.floor[name]:
                raise ValueError(
                    f"{name}: an upper bound of {upper[name]:,.0f} is below the {self.floor[name]:,.0f} that it has "
                    "where it has any (`all_or_nothing`): ask for 0, or for that at least"
                )
            if upper[name] > most * (1 + 1e-9):
                raise ValueError(
                    f"{name}: an upper bound of {upper[name]:,.0f} lies beyond its curve's end: {most:,.0f} at most"
                )
        least, most = float(lower.sum()), float(upper.sum())
        slack = 1e-9 * max(most, 1.0)
        if not least - slack <= total <= most + slack:
            nearest = least if total < least else most
            raise ValueError(
                f"a total of {total:,.0f} cannot be: the bounds allow {least:,.0f} to {most:,.0f}; the nearest is "
                f"{nearest:,.0f}"
            )


def _at(points, draws, spend):
    """Outcome (draw,) at a spend, straight between the points of a curve."""
    if points[-1] == 0:
        return draws[0]
    right = int(np.clip(np.searchsorted(points, spend), 1, len(points) - 1))
    share = (spend - points[right - 1]) / (points[right] - points[right - 1])
    return (1.0 - share) * draws[right - 1] + share * draws[right]


def _pieces(points, mean, lower, upper, floor):
    """Ends and values of a mean curve's pieces between two bounds; with a floor the first is up to it, or nothing."""
    if points[-1] == 0:
        return np.zeros(1), mean[:1]
    hair = 1e-9 * points[-1]
    first = floor if floor > 0 else lower
    inside = points[(points > first + hair) & (points < upper - hair)]
    ends = np.unique(np.concatenate([[lower, first], inside, [upper]]))
    return ends, np.interp(ends, points, mean)


def _most(pieces, total, switched, groups):
    """Spend of each channel with the largest sum of values at a total, and a bound on what any plan has.

    Each piece is filled from 0 to 1. Where a later piece is steeper than an earlier one a switch keeps it empty until
    the earlier ones are full (Markowitz and Manne, 1957), so that S-shapes are what they are. The first piece of a
    channel that is all or nothing (`switched`) is full or empty, and the others wait for it. A group is a name, its
    members, and the least and most that they may spend together.
    """
    gains, widths, whole, rows = [], [], [], []

    def column(gain, width, is_switch=0):
        gains.append(gain)
        widths.append(width)
        whole.append(is_switch)
        return len(gains) - 1

    scale = max(max(float(np.abs(values).max()) for _, values in pieces), 1e-300)
    money = max(max(float(ends[-1]) for ends, _ in pieces), 1e-300)
    filled = []
    for (ends, values), all_or_nothing in zip(pieces, switched, strict=True):
        steps, lengths = np.diff(values) / scale, np.diff(ends) / money
        whole_first = int(all_or_nothing and len(steps) > 0)
        columns = [
            column(step, length, int(i < whole_first))
            for i, (step, length) in enumerate(zip(steps, lengths, strict=True))
        ]
        filled.append(columns)
        rows += [([columns[0], number], 0.0, np.inf) for number in columns[1:] if whole_first]
        runs, flattest = [], np.inf
        slopes = steps / lengths if len(steps) else steps
        for number, slope in zip(columns[whole_first:], slopes[whole_first:], strict=True):
            if not runs or slope > flattest * (1 + 1e-9) + 1e-12:
                runs.append([])
                flattest = slope
            runs[-1].append(number)
            flattest = min(flattest, slope)
        for earlier, later in pairwise(runs):
            switch = column(0.0, 0.0, 1)
            rows += [([number, switch], 0.0, np.inf) for number in earlier]
            rows += [([number, switch], -np.inf, 0.0) for number in later]
    base = sum(float(ends[0]) for ends, _ in pieces)
    least = sum(float(values[0]) for _, values in pieces)
    if not gains:
        return np.array([float(ends[0]) for ends, _ in pieces]), least
    constraints = [LinearConstraint(np.array(widths)[None], (total - base) / money, (total - base) / money)]
    for _, members, least_spend, most_spend in groups:
        row = np.zeros(len(widths))
        for columns, member in zip(filled, members, strict=True):
            row[columns] = member * np.array(widths)[columns]
        begun = float(members @ np.array([float(ends[0]) for ends, _ in pieces]))
        constraints.append(
            LinearConstraint(row[None], (least_spend - begun) / money, (most_spend - begun) / money)
        )
    if rows:
        entries = [
            (i, number, sign)
            for i, (pair, _, _) in enumerate(rows)
            for number, sign in zip(pair, (1.0, -1.0), strict=True)
        ]
        row, number, sign = (np.array(part) for part in zip(*entries, strict=True))
        matrix = coo_array((sign, (row, number)), shape=(len(rows), len(gains))).tocsr()
        constraints.append(
            LinearConstraint(matrix, np.array([r[1] for r in rows]), np.array([r[2] for r in rows]))
        )
    found = milp(
        -np.array(gains), constraints=constraints, bounds=Bounds(0.0, 1.0), integrality=np.array(whole),
        options={"time_limit": SECONDS, "mip_rel_gap": 1e-6},
    )  # fmt: skip
    if found.x is None:
        limits = "".join(f"; group {name}: {low:,.0f} to {high:,.0f}" for name, _, low, high in groups)
        every = "; what is all or nothing" if switched.any() else ""
        raise ValueError(
            f"no plan of {total:,.0f} meets the bounds of the channels{limits}{every} ({found.message})"
        )
    dual = found.mip_dual_bound if any(whole) and found.mip_dual_bound is not None else found.fun
    spend = [
        float(ends[0]) + money * float(np.dot(found.x[columns], np.array(widths)[columns]))
        for (ends, _), columns in zip(pieces, filled, strict=True)
    ]
    return np.array(spend), least - scale * float(dual)


mlflow.models.set_model(Budget())
