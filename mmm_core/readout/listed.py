"""Geo experiments that a model lists beside its YAML: read again whenever its evidence is, from their own panels.

`calibration: {experiments: FILE}` names a YAML list; an entry says what `mmm lift` is told by its options. What comes
of it is a lift test like any other: it is scored, waits for an approval, and is not seen before it was known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from mmm_core.errors import InputError, listed
from mmm_core.evidence.check import MARKET
from mmm_core.evidence.lift_test import LiftTest, TestedSpend
from mmm_core.readout.as_evidence import lift_test
from mmm_core.readout.experiment import Cell, design
from mmm_core.readout.panel import Marks, read_panel
from mmm_core.readout.read_out import read_out
from mmm_core.readout.record import Readout
from mmm_core.spec.faults import explained
from mmm_core.spec.file_beside import FileBeside, path_beside
from mmm_core.spec.media_spec import Strict
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.spec.yaml_file import read_yaml


class ListedExperiment(Strict):
    """One experiment: where its panel is, which geos were treated when, and what that cost."""

    test_id: str = Field(min_length=1, description="name of the lift test that it makes, unique")
    panel: FileBeside = Field(description="file of the panel, a row a geo and period")
    outcome: str = Field(default="Y", description="column of the outcome")
    geo: str = Field(default="location", description="column of the geo")
    time: str = Field(default="date", description="column of the date")
    marks: Marks = Field(default="start", description="which day of its period a date is")
    treated: tuple[str, ...] = Field(min_length=1, description="geos that were treated")
    start: date = Field(description="first day on which something differed")
    end: date = Field(description="last day of it")
    pre: int | None = Field(default=None, ge=1, description="periods before it to learn from; all by default")
    post: int = Field(default=0, ge=0, description="further periods that count, for carry-over")
    exclude: tuple[str, ...] = Field(default=(), description="geos not to compare with")
    augment: Literal["none", "ridge"] = "none"
    spend: dict[str, tuple[float, float]] = Field(
        min_length=1,
        description="by channel: what was spent in the treated geos and days, and what would have been without it",
    )
    measures: Literal["revenue", "kpi"] = Field(default="revenue", description="what the outcome is")
    currency: str = Field(default="", description="of spend and revenue; blank: that of the model's table")
    population_share: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="of a national model: the share of its outcome that these geos stand for",
    )
    market: str = Field(default="", description="that the model's `filter` keeps; blank: the model's own")


@dataclass(frozen=True)
class ReadExperiment:
    """What an experiment found.

    Attributes:
        test: as evidence.
        readout: with everything that `mmm lift` says of it.
    """

    test: LiftTest
    readout: Readout


def experiments_beside(spec: ModelSpec, folder: Path) -> tuple[ListedExperiment, ...]:
    """The experiments of the file that `calibration: {experiments: ...}` names; none where it names none.

    Args:
        folder: of the model's YAML.

    Raises:
        InputError: the file is not there, is no list, or an entry is refused; all faults at once.
    """
    name = spec.calibration.experiments
    if not name:
        return ()
    path = path_beside(spec.model, "calibration.experiments", folder, name)
    entries = read_yaml(path)
    if not isinstance(entries, list):
        raise InputError(f"{path}: expected a list of experiments, each beginning with `- test_id: ...`")
    found: list[ListedExperiment] = []
    faults: list[str] = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(ListedExperiment.model_validate(entry))
        except ValidationError as error:
            faults += [f"  entry {number}: {line}" for line in explained(error, ListedExperiment, {})]
    names = [experiment.test_id for experiment in found]
    faults += [
        f"  {name} is there twice: keep one" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if faults:
        raise InputError("\n".join([f"{path}: experiments were refused", *faults]))
    return tuple(found)


def read_listed(
    experiment: ListedExperiment, folders: Sequence[Path], spec: ModelSpec, level: float = 0.9
) -> ReadExperiment:
    """Read an experiment from its panel.

    Args:
        folders: where the panel may lie; the first that has it counts.
        level: of the read-out's intervals.

    Raises:
        InputError: no panel, or what `mmm lift` refuses, with the test's name.
    """
    path = next(
        (folder / experiment.panel for folder in folders if (folder / experiment.panel).is_file()), None
    )
    if path is None:
        places = listed(str(folder) for folder in folders)
        raise InputError(
            f"{experiment.test_id}: panel {experiment.panel} is in none of {places}: put it there"
        )
    try:
        panel = read_panel(path, experiment.outcome, experiment.geo, experiment.time, experiment.marks)
        plan = design(
            panel,
            (Cell("treated", experiment.treated),),
            (experiment.start, experiment.end),
            experiment.pre,
            experiment.post,
            experiment.exclude,
            level,
        )
        (readout,) = read_out(panel, plan, level, experiment.augment)
        spend = {channel: TestedSpend(*amounts) for channel, amounts in experiment.spend.items()}
        test = lift_test(readout, experiment.test_id, spend, experiment.measures, experiment.currency)
    except InputError as refused:
        raise InputError(f"{experiment.test_id}: {refused}") from None
    market = experiment.market or spec.filter.get(MARKET, "")
    return ReadExperiment(replace(test, market=market, share=experiment.population_share), readout)
