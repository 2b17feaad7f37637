"""A scenario as a plan of the coming weeks: what is spent, and the table that `mmm forecast` takes.

    current       the weeks that come again, as they were
    recommended   the plan of `budget:`
    others        the weeks that come again, a file's figures in their place, and the changes that are named

In the weeks after the horizon, into which media carry over, paid media go on as in the last period under every plan, or
nothing is bought, as `budget: after` says; organic media and controls go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mmm_core.budget.question import refuse_currency
from mmm_core.data.table import read_table
from mmm_core.effects.curves import repeating
from mmm_core.errors import InputError
from mmm_core.plural import plural
from mmm_core.posterior.handle import Posterior
from mmm_core.scenarios.controls import control_path, known_values
from mmm_core.scenarios.horizon import Horizon
from mmm_core.scenarios.media import MediaPath, changed, dearer, repeat, weekly
from mmm_core.scenarios.plan_file import PlanFile, read_plan_file
from mmm_core.scenarios.repeated import Repeated, repeated_channels
from mmm_core.spec.budget_spec import Budget
from mmm_core.spec.file_beside import path_beside
from mmm_core.spec.media_spec import Channel
from mmm_core.spec.scenarios_spec import ALL, CURRENT, Scenario, parts_of


@dataclass(frozen=True)
class ScenarioPlan:
    """A scenario with everything that evaluating it needs.

    Attributes:
        name, description: of the scenario.
        horizon: its weeks.
        spend: (geo, planned week, paid channel).
        usual_cost: the same, of what it buys at the prices of the weeks that come again: less where prices rise.
        table: as `mmm_core.forecast.predict.predict` takes it, over the planned weeks and the tail.
        worth: (geo, planned week) revenue of a unit of the KPI, where the plan changes it; else None.
        notes: what to know of it, sentences.
        beyond: channels whose highest week is above any that was seen by more than `readiness: extrapolation` allows,
            and by what factor.
    """

    name: str
    description: str
    horizon: Horizon
    spend: np.ndarray
    usual_cost: np.ndarray
    table: pd.DataFrame
    worth: np.ndarray | None
    notes: tuple[str, ...]
    beyond: Mapping[str, float]

    @property
    def planned(self) -> pd.DataFrame:
        """The table of the planned weeks alone: a plan for `mmm forecast`."""
        time = self.horizon.spec.time.column
        return self.table[self.table[time].isin(self.horizon.planned)].reset_index(drop=True)

    @property
    def changes_controls(self) -> bool:
        """Whether a control or treatment does not stay at its mean."""
        spec = self.horizon.spec
        levers = (*spec.controls, *(treatment.column for treatment in spec.treatments.values()))
        return any(column in self.table.columns for column in levers)

    def by_channel(self) -> np.ndarray:
        """Spend over the horizon, (paid channel,)."""
        return np.asarray(self.spend.sum(axis=(0, 1)))

    def bought(self) -> np.ndarray:
        """The same of what it buys, at the prices of the weeks that come again."""
        return np.asarray(self.usual_cost.sum(axis=(0, 1)))


class Planner:
    """Makes plans of a posterior's coming weeks.

    Args:
        posterior: whose data come again.
        weeks: of the horizon.
        folder: where files that scenarios name lie.
        budget: whose `price_rise` (of each geo with `by: geo`) and `after` hold; default the model's own.

    Raises:
        InputError: a horizon longer than the data.
    """

    def __init__(
        self,
        posterior: Posterior,
        weeks: int,
        folder: Path | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.posterior, self.folder = posterior, folder
        self.budget = budget or posterior.spec.budget
        self.horizon = Horizon.of(posterior, weeks)
        self.geos = [str(geo) for geo in posterior.data["geo"].to_numpy()]
        self._repeated: dict[str, dict[str, Repeated]] = {}

    def repeated(self, like: str = "last_period") -> dict[str, Repeated]:
        """Every channel in the weeks that come again."""
        if like not in self._repeated:
            self._repeated[like] = repeated_channels(self.posterior, self.horizon, like)
        return self._repeated[like]

    def current(self) -> ScenarioPlan:
        """The last weeks come again."""
        media = {name: repeat(channel) for name, channel in self.repeated().items()}
        again = plural(self.horizon.weeks, "week comes", "weeks come")
        return self.plan(CURRENT, media, {}, description=f"the last {again} again")

    def written(self, name: str, scenario: Scenario) -> ScenarioPlan:
        """A scenario of the YAML.

        Raises:
            InputError: an unknown channel, control or geo, a week outside of the horizon, spend on a channel that never
                had any, another currency, or a file that is refused.
        """
        where = f"scenario '{name}'"
        spec = self.posterior.spec
        if fault := scenario.unknown(spec.paid, spec.organic, (*spec.controls, *spec.treatments)):
            raise InputError(f"{where}: {fault}")
        refuse_currency(scenario.currency, self.posterior, f"{where}: currency")
        file, notes = self._file(scenario, where)
        repeated = self.repeated(scenario.like)
        media = {channel: repeat(repeated[channel]) for channel in repeated}
        if file is not None:
            media |= {channel: _of_file(repeated[channel], file) for channel in sorted(file.channels)}
        entries = self._entries(scenario, file, where)
        for channel, (key, entry) in entries.items():
            media[channel] = changed(repeated[channel], parts_of(entry), self.horizon, self.geos, key)
        stated = frozenset() if file is None else frozenset(file.media)
        for channel, rise in self.budget.price_rise.items():
            if channel in media and channel not in stated:
                media[channel] = dearer(repeated[channel], media[channel], rise, self.budget.by == "geo")
        controls = self._controls(scenario, file, where)
        worth = None if file is None or file.worth is None else self._by_geo(file.worth)
        notes += self._unseen(controls)
        return self.plan(name, media, controls, worth, scenario.description, notes)

    def plan(
        self,
        name: str,
        media: Mapping[str, MediaPath],
        controls: Mapping[str, np.ndarray],
        worth: np.ndarray | None = None,
        description: str = "",
        notes: tuple[str, ...] = (),
    ) -> ScenarioPlan:
        """A plan from the paths of every channel, and of the controls that do not stay at their mean.

        Args:
            controls: (geo, planned week and tail).
        """
        spec, horizon = self.posterior.spec, self.horizon
        columns: dict[str, np.ndarray] = {}
        for channel, rule in zip(spec.channels, spec.channel_specs, strict=True):
            path = media[channel]
            later = self._later(channel) if isinstance(rule, Channel) else path
            if isinstance(rule, Channel):
                columns[rule.spend] = _followed(path.spend, later.spend, horizon)
            columns[rule.media_column] = _followed(path.media, later.media, horizon)
            if path.frequency is not None and later.frequency is not None:
                columns[str(rule.frequency)] = _followed(path.frequency, later.frequency, horizon)
        levers = {control: control for control in spec.controls}
        levers |= {name: treatment.column for name, treatment in spec.treatments.items()}
        for control, path_of_control in controls.items():
            columns[levers[control]] = path_of_control
            if levers[control] == spec.kpi.revenue_per_unit:
                worth = path_of_control[:, : horizon.weeks]
        table = pd.DataFrame({column: values.ravel() for column, values in columns.items()})
        table.insert(0, spec.time.column, np.tile(horizon.dates.to_numpy(), len(self.geos)))
        if spec.geo:
            table.insert(1, spec.geo.column, np.repeat(self.geos, len(horizon.dates)))
        spend, usual = (
            np.stack([getattr(media[channel], values) for channel in spec.paid], axis=-1)
            for values in ("spend", "usual_cost")
        )
        return ScenarioPlan(
            name, description, horizon, spend, usual, table, worth, notes, self._beyond(spend)
        )

    def _later(self, channel: str) -> MediaPath:
        """What a paid channel does after the horizon, whatever the plan: the last period once more, or nothing."""
        path = repeat(self.repeated()[channel])
        if self.budget.after == "continue":
            return path
        return MediaPath(np.zeros_like(path.spend), np.zeros_like(path.media), path.frequency)

    def _beyond(self, spend: np.ndarray) -> dict[str, float]:
        """Channels whose highest planned week lies far above any that was seen, and by what factor.

        Args:
            spend: (geo, week, paid channel).
        """
        spec = self.posterior.spec
        seen = self.posterior.data["spend"].to_numpy().sum(axis=0).max(axis=0)
        most = spend.sum(axis=0).max(axis=0)
        return {
            channel: float(most[i] / seen[i])
            for i, channel in enumerate(spec.paid)
            if most[i] > spec.readiness.extrapolation * seen[i] > 0
        }

    def _unseen(self, controls: Mapping[str, np.ndarray]) -> tuple[str, ...]:
        """A remark on every control that goes where it never was in the modelled weeks.

        Args:
            controls: (geo, planned week and tail) of those that do not stay at their mean.
        """
        out = []
        for control, path in controls.items():
            seen, planned = known_values(self.posterior, control), path[:, : self.horizon.weeks]
            low, high = float(seen.min()), float(seen.max())
            slack = 1e-6 * max(abs(low), abs(high))
            for end, is_beyond in (
                (float(planned.max()), planned.max() > high + slack),
                (float(planned.min()), planned.min() < low - slack),
            ):
                if is_beyond:
                    out.append(
                        f"{control} goes to {end:.4g}, and the model has seen {low:.4g} to {high:.4g}: what it brings "
                        "there is an extrapolation"
                    )
        return tuple(out)

    def _file(self, scenario: Scenario, where: str) -> tuple[PlanFile | None, tuple[str, ...]]:
        if scenario.plan is None:
            return None, ()
        path = path_beside(self.posterior.model, f"{where}: plan", self.folder or Path(), scenario.plan)
        file = read_plan_file(
            read_table(path), self.posterior.spec, self.geos, self.horizon, f"{where}: plan {path}"
        )
        refuse_currency(file.currency or None, self.posterior, f"{where}: plan {path}: column currency")
        unread = f"columns of {path.name} that nothing reads: {', '.join(file.unread)}" if file.unread else ""
        return file, (unread,) if unread else ()

    def _entries(self, scenario: Scenario, file: PlanFile | None, where: str) -> dict[str, tuple[str, Any]]:
        """(key of the YAML, entry) of every channel that an entry changes."""
        planned = file.channels if file else set()
        out = {
            channel: (f"{where}: spend.{channel}", entry)
            for channel, entry in scenario.spend.items()
            if channel != ALL
        }
        out |= {
            channel: (f"{where}: organic.{channel}", entry) for channel, entry in scenario.organic.items()
        }
        for channel in out:
            if channel in planned:
                raise InputError(f"{where}: {channel} is planned by its file and under `spend`: keep one")
        if ALL in scenario.spend:
            rest = [c for c in self.posterior.spec.paid if c not in out and c not in planned]
            amount = any(
                part.change.form == "amount" and part.change.value for part in parts_of(scenario.spend[ALL])
            )
            if amount:
                raise InputError(
                    f"{where}: spend.{ALL} is a share or off: write amounts by channel, or let `budget: total` share "
                    "one out"
                )
            out |= dict.fromkeys(rest, (f"{where}: spend.{ALL}", scenario.spend[ALL]))
        return out

    def _controls(self, scenario: Scenario, file: PlanFile | None, where: str) -> dict[str, np.ndarray]:
        planned = file.controls if file else {}
        out = {}
        for control in dict.fromkeys([*planned, *scenario.controls]):
            entry = scenario.controls.get(control)
            out[control] = control_path(
                self.posterior,
                control,
                () if entry is None else parts_of(entry),
                self.horizon,
                f"{where}: controls.{control}",
                self._by_geo(planned[control]) if control in planned else None,
            )
        return out

    def _by_geo(self, values: np.ndarray) -> np.ndarray:
        """Values (geo, week) of those of all geos alike, (week,)."""
        return np.broadcast_to(values, (len(self.geos), self.horizon.weeks))


def _followed(values: np.ndarray, later: np.ndarray, horizon: Horizon) -> np.ndarray:
    """Values (geo, planned week) and, over the tail, those of `later` (geo, week) over and over."""
    return np.concatenate([values, repeating(later, horizon.tail)], axis=1)


def _of_file(channel: Repeated, file: PlanFile) -> MediaPath:
    """A channel's path as a file has it: spend buys media, media are paid for, at the prices that come again."""
    where, name = file.source, channel.channel
    if name in file.spend:
        path = weekly(channel, file.spend[name], where)
    elif name in file.media:
        path = weekly(_turned(channel), file.media[name], where)
        path = MediaPath(path.media, path.spend, path.frequency)
    else:
        path = repeat(channel)
    geos = len(channel.spend)
    media, frequency = path.media, path.frequency
    if name in file.spend and name in file.media:
        given = file.media[name]
        media = given if given.ndim == 2 else weekly(_turned(channel), given, where).spend
    if name in file.frequency and frequency is not None:
        given = np.broadcast_to(file.frequency[name], (geos, media.shape[1]))
        if ((given <= 0) & (media > 0)).any():
            raise InputError(f"{where}: frequency of {name} is not above 0 where people are reached")
        frequency = np.where(given > 0, given, channel.usual)
    return MediaPath(path.spend, media, frequency)


def _turned(channel: Repeated) -> Repeated:
    """The channel with media in the place of spend."""
    return Repeated(
        channel.channel,
        channel.media,
        channel.spend,
        channel.frequency,
        channel.usual,
        channel.as_media,
        channel.as_spend,
        channel.words,
    )
