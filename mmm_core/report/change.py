"""What changed since the previous version of a posterior, and why: data, evidence, specification or chance.

Between two posteriors of a model one kind of input is swapped at a time, in the order data, evidence, specification,
and the model is fitted again between two swaps: what a swap changes is attributed to its kind. The two ends are there,
so that k kinds that changed need k - 1 refits, and one kind none. All fits see the table of the later posterior from
the first swap on, and are made by the software at hand: where that changed too, its part cannot be told from the
first swap's, and they are told together.

Figures are means over draws, so that each has a Monte Carlo error, sd / sqrt(ESS). What a swap changes by no more than
twice the error of the difference counts as chance, as does everything where nothing changed but the seed. The parts add
up to the whole change, and that of a kind which did not change is exactly 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.table import check_table, fingerprint
from mmm_core.effects.roi import roi_draws
from mmm_core.errors import InputError
from mmm_core.inference.fit import refit
from mmm_core.inference.hmc.state import Progress
from mmm_core.inference.version import version_of
from mmm_core.posterior.handle import Posterior
from mmm_core.posterior.mixing import effective_sample_size_of_mean
from mmm_core.posterior.schema import calibrated_by
from mmm_core.report.differences import differences

ORDER = ("data", "evidence", "specification")
"""Kinds in the order in which they are swapped."""

CHANCE = "chance"
KINDS = (*ORDER, "software", CHANCE)
METRICS = ("roi", "contribution")
NOISE = 2.0
"""Monte Carlo errors within which a difference counts as chance."""


@dataclass(frozen=True)
class Step:
    """Kinds of input that are swapped together, and the draws after that, a posterior's."""

    kinds: tuple[str, ...]
    after: Posterior


@dataclass(frozen=True)
class Change:
    """What changed from one posterior to a later one.

    Attributes:
        before, now: versions. as_of: first day of the last week of the earlier one, YYYY-MM-DD.
        differs: by kind of input that differs, what differs, in words.
        steps: kinds that were swapped together, in order.
        refits: how many fits that took; draws: of each.
        table: a row a channel and metric (roi, contribution): channel, metric, before, now, change, error (Monte Carlo
            error of the change), and a column a kind of `KINDS` whose sum is the change; where kinds were swapped
            together the first of them holds both.
        note: why kinds are told together, where they are; "" otherwise.
        joined, left: channels that only the later, only the earlier model has.
    """

    before: str
    now: str
    as_of: str
    differs: dict[str, str]
    steps: tuple[tuple[str, ...], ...]
    refits: int
    draws: int
    table: pd.DataFrame
    note: str = ""
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def swaps(before: Posterior, now: Posterior) -> list[tuple[str, ...]]:
    """Kinds that changed, those that cannot be told apart together, in the order in which they are swapped."""
    differs = differences(before, now)
    groups: list[tuple[str, ...]] = [(kind,) for kind in ORDER if kind in differs]
    if "software" in differs:
        groups = [(*groups[0], "software"), *groups[1:]] if "data" in differs else [("software",), *groups]
    return groups


def refits_needed(before: Posterior, now: Posterior) -> int:
    """How many fits it takes to tell what changed apart."""
    return max(len(swaps(before, now)) - 1, 0)


def change(
    before_tree: xr.DataTree,
    now_tree: xr.DataTree,
    table: pd.DataFrame | None = None,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
) -> Change:
    """Attribute what changed between two posteriors of a model.

    Args:
        before_tree, now_tree: the earlier posterior and the later one.
        table: the weekly table of the later one, for the refits; without it kinds that changed are told together.
        progress: told how far the refits are.

    Raises:
        InputError: posteriors of two models, or a table that is not the later one's.
    """
    before, now = Posterior.of(before_tree), Posterior.of(now_tree)
    if before.model != now.model:
        raise InputError(
            f"the previous posterior is of model {before.model}, this one of {now.model}: name an earlier posterior "
            f"of {now.model}"
        )
    groups, note, fitted = swaps(before, now), "", 0
    steps: list[Step] = []
    if len(groups) > 1 and table is None:
        groups, note = [tuple(kind for group in groups for kind in group)], "no table was given to refit on"
    elif len(groups) > 1:
        assert table is not None
        now.refuse_another_table(
            fingerprint(check_table(table, now.spec, source)), source, "the later posterior"
        )
        steps, groups, note = _swapped(before_tree, now, groups, table, progress, source)
        fitted = len(steps)
    steps += [Step(group, now) for group in groups] if groups else [Step((), now)]
    week = pd.Timestamp(before.data["week"].to_numpy()[-1]).date()
    return Change(
        before=version_of(before),
        now=version_of(now),
        as_of=week.isoformat(),
        differs=differences(before, now),
        steps=tuple(step.kinds for step in steps),
        refits=fitted,
        draws=max((step.after.chains * step.after.draws_a_chain for step in steps[:-1]), default=0),
        table=attributed(before, steps),
        note=note,
        joined=tuple(name for name in now.spec.channels if name not in before.spec.channels),
        left=tuple(name for name in before.spec.channels if name not in now.spec.channels),
    )


def _swapped(
    before: xr.DataTree,
    now: Posterior,
    groups: Sequence[tuple[str, ...]],
    table: pd.DataFrame,
    progress: Callable[[Progress], None] | None,
    source: str,
) -> tuple[list[Step], list[tuple[str, ...]], str]:
    """Refits after each swap but the last, the groups that are left for the last, and why they are together."""
    steps: list[Step] = []
    earlier = Posterior.of(before)
    for place, group in enumerate(groups[:-1]):
        done = {kind for kinds in groups[: place + 1] for kind in kinds}
        spec = now.spec if "specification" in done else earlier.spec
        evidence = calibrated_by(now if "evidence" in done else earlier)
        try:
            tree = refit(table, spec, before, 0, lift_tests=evidence, progress=progress, source=source)
        except InputError as error:
            rest = tuple(kind for kinds in groups[place:] for kind in kinds)
            return steps, [rest], f"the earlier model cannot be fitted on this week's table ({error})"
        steps.append(Step(group, Posterior(tree)))
    return steps, [groups[-1]], ""


def attributed(before: Posterior, steps: Sequence[Step]) -> pd.DataFrame:
    """The table of a `Change`."""
    ends = [before, *(step.after for step in steps)]
    rows = []
    common = [name for name in ends[-1].spec.channels if all(name in end.spec.channels for end in ends)]
    for metric in METRICS:
        means = [_means(end, metric) for end in ends]
        for name in common:
            values = np.array([mean[name][0] for mean in means])
            errors = np.array([mean[name][1] for mean in means])
            if not np.isfinite(values).all():
                continue  # an organic channel has no return
            parts = dict.fromkeys(KINDS, 0.0)
            for step, gained, error in zip(
                steps, np.diff(values), np.hypot(errors[1:], errors[:-1]), strict=True
            ):
                chance = not step.kinds or abs(gained) <= NOISE * error
                parts[CHANCE if chance else step.kinds[0]] += float(gained)
            rows.append(
                {
                    "channel": name,
                    "metric": metric,
                    "before": values[0],
                    "now": values[-1],
                    "change": values[-1] - values[0],
                    "error": float(np.hypot(errors[0], errors[-1])),
                    **parts,
                }
            )
    return pd.DataFrame(rows, columns=["channel", "metric", "before", "now", "change", "error", *KINDS])


def _means(posterior: Posterior, metric: str) -> dict[str, tuple[float, float]]:
    """Mean and its Monte Carlo error of a metric, by channel."""
    draws = roi_draws(posterior)[metric]
    shape = (posterior.chains, posterior.draws_a_chain, -1)
    values = np.moveaxis(draws.to_numpy().reshape(shape), -1, 0)
    size = effective_sample_size_of_mean(values)
    sd = values.std(axis=(1, 2), ddof=1) if values[0].size > 1 else np.zeros(len(values))
    with np.errstate(divide="ignore", invalid="ignore"):
        errors = np.where(sd > 0, sd / np.sqrt(size), 0.0)
    errors = np.where(np.isfinite(errors) | ~np.isfinite(sd), errors, sd)
    return {
        str(name): (float(values[i].mean()), float(errors[i]))
        for i, name in enumerate(draws["channel"].to_numpy())
    }
