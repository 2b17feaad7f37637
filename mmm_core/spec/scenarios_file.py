"""Scenarios in a file of their own: what stands under `scenarios:` of a model's YAML, with or without that key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mmm_core.errors import SpecError, on_one_line, shortened
from mmm_core.inputs import name_of
from mmm_core.spec.faults import explained
from mmm_core.spec.scenarios_spec import Scenarios
from mmm_core.spec.yaml_file import read_yaml

LONGEST_LINE = 600


def load_scenarios(path: str | Path) -> Scenarios:
    """Read a file of scenarios.

    Raises:
        SpecError: what `read_yaml` refuses, or a key or value that is refused; all faults are listed at once.
    """
    try:
        mapping = read_yaml(path)
    except SpecError as error:
        raise SpecError(str(error).replace("no such model file", "no such file")) from None
    return parse_scenarios(mapping, name_of(path))


def parse_scenarios(mapping: Any, source: str) -> Scenarios:
    """Scenarios from a mapping; `source` opens messages."""
    if isinstance(mapping, dict) and set(mapping) == {"scenarios"}:
        mapping = mapping["scenarios"]
    if not isinstance(mapping, dict):
        raise SpecError(
            f"{source}: expected a mapping such as plans: {{more_search: {{spend: {{search: +20%}}}}}}"
        )
    try:
        return Scenarios.model_validate(mapping)
    except ValidationError as error:
        lines = explained(error, Scenarios, {})
    shortest = [f"  {shortened(on_one_line(line), LONGEST_LINE)}" for line in lines]
    raise SpecError("\n".join([f"{source}: the scenarios were refused", *shortest]))
