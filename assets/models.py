"""The models there are: a YAML file each, and a partition each with its as-of weeks.

Importing this module reads file names only, so a YAML that is wrong, or slow to validate, cannot keep the code
location from loading: its partition exists, and materializing it fails with what is wrong.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.resources.settings import models_dir
from mmm_core.inputs import name_of

if TYPE_CHECKING:
    from mmm_core.spec.model_spec import ModelSpec

PARTITION_KEY = r"[\w.-]+"


LISTS = ("tests", "experiments")
"""Of lift tests and geo experiments: `<model>.tests.yaml` beside `<model>.yaml` is a part of it and no model."""

ANSWERS = ("curves", "budget")
"""What is registered beside every model, as `mmm_<model>_<answer>`."""

LONG_TERM = "long_term"
"""What is registered beside a model that has brand metrics."""


def model_names() -> list[str]:
    """Names of the models, sorted: the YAML files' names, as far as they can be partition keys."""
    stems = {path.stem for path in models_dir().glob("*.yaml") if re.fullmatch(PARTITION_KEY, path.stem)}
    return sorted(stem for stem in stems if not _is_list(stem, stems))


def _is_list(stem: str, stems: set[str]) -> bool:
    model, _, part = stem.rpartition(".")
    return part in LISTS and model in stems


def files_passed_over() -> list[str]:
    """Names of files in the models' folder that look like a model and are no partition: `.yml`, or an odd name."""
    names = model_names()
    known = {f"{name}.yaml" for name in names} | {f"{name}.{part}.yaml" for name in names for part in LISTS}
    found = (path for path in models_dir().iterdir() if path.suffix.lower() in (".yaml", ".yml"))
    return sorted(name_of(path.name) for path in found if path.name not in known)


def spec_path(model: str) -> Path:
    return models_dir() / f"{model}.yaml"


def load_model(model: str) -> "ModelSpec":
    """The validated specification of a model.

    Raises:
        SpecError: the file is refused, says it is another model, or takes a mart's money for another currency. Whatever
            else goes wrong in reading it, an extension included, is one too: what is wrong with one model stops no
            other.
    """
    from mmm_core.errors import SpecError, shortened
    from mmm_core.spec.model_spec import load_spec

    try:
        spec = load_spec(spec_path(model))
    except SpecError:
        raise
    except Exception as error:
        raise SpecError(
            f"{spec_path(model)}: cannot be read: {type(error).__name__}: {shortened(str(error), 500)}"
        ) from error
    if spec.model != model:
        raise SpecError(
            f"{spec_path(model)}: it says `model: {spec.model}`; the file must be named {spec.model}.yaml"
        )
    if fault := _other_currency(spec):
        raise SpecError(f"{spec_path(model)}: {fault}")
    for answer in (*ANSWERS, LONG_TERM):
        other = model.removesuffix(f"_{answer}")
        if other != model and other in model_names():
            raise SpecError(
                f"{spec_path(model)}: mmm_{model} is what MLflow's registry calls the {answer} of model {other}: "
                "give this model another name"
            )
    return spec


def _other_currency(spec: "ModelSpec") -> str:
    """What is wrong with the currency of a model: that of a mart is the marts' own. "" where nothing is."""
    from assets.model_inputs.mart import WEEKLY_TABLES
    from assets.raw.sources import sources
    from assets.resources.settings import sources_file

    stated, own = spec.calibration.rule.currency, sources().currency
    if spec.table.startswith(WEEKLY_TABLES) or stated == own:
        return ""
    return (
        f"calibration.rule.currency is {stated}, and amounts of its table, mart {spec.table}, are in {own} (`currency` "
        f"of {sources_file()}): write `calibration: {{rule: {{currency: {own}}}}}`, and state the model's amounts in "
        f"{own}"
    )


MODELS = dg.StaticPartitionsDefinition(model_names())
AS_OF_WEEKS = dg.WeeklyPartitionsDefinition(start_date="2018-01-01", day_offset=1)  # keys are ISO Mondays
PARTITIONS = dg.MultiPartitionsDefinition({"model": MODELS, "as_of_week": AS_OF_WEEKS})


def check_model(name: str) -> None:
    """Raises: InputError, where no model has this name, with the nearest and those there are."""
    from mmm_core.errors import InputError, nearest

    if name not in model_names():
        near = nearest(name, model_names())
        there = "" if near.startswith("known") else f" There are: {', '.join(model_names())}"
        raise InputError(f"MODEL={name}: no such model in {models_dir()}: {near}{there}")


def as_of_week(given: str) -> str:
    """The as-of week that somebody wrote, as its partition's key.

    Raises:
        InputError: no date, no Monday, or a week that is not over or before the first; with the weeks there are.
    """
    from mmm_core.errors import InputError

    first, last = AS_OF_WEEKS.get_first_partition_key(), AS_OF_WEEKS.get_last_partition_key()
    there = f"the as-of weeks there are: Mondays from {first} to {last}, whose week was the last to end"
    try:
        day = date.fromisoformat(given)
    except ValueError:
        raise InputError(f"AS_OF={given} is no date: write a Monday as YYYY-MM-DD; {there}") from None
    if day.weekday():
        monday = day - timedelta(days=day.weekday())
        raise InputError(f"AS_OF={given} is a {day:%A}: the Monday of its week is {monday}; {there}")
    if not str(first) <= str(day) <= str(last):
        fault = "comes before the first" if str(day) < str(first) else "is not over yet"
        raise InputError(f"AS_OF={given}: this week {fault}; {there}")
    return str(day)


@dataclass(frozen=True)
class Vintage:
    """One model as of one week: the Monday of the last week in its data."""

    model: str
    as_of_week: str

    @property
    def week(self) -> date:
        return date.fromisoformat(self.as_of_week)

    @property
    def key(self) -> dg.MultiPartitionKey:
        return dg.MultiPartitionKey({"model": self.model, "as_of_week": self.as_of_week})


def vintage_of(partition_key: str) -> Vintage:
    """The vintage a partition key stands for."""
    keys = PARTITIONS.get_partition_key_from_str(partition_key).keys_by_dimension
    return Vintage(keys["model"], keys["as_of_week"])
