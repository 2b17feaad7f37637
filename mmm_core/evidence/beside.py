"""What lies beside a model's YAML: its own tests, and the approvals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mmm_core.data.cells import text_of
from mmm_core.evidence.approvals import Approval, read_approvals
from mmm_core.evidence.check import MARKET
from mmm_core.evidence.lift_test import LiftTest
from mmm_core.evidence.reader import read_lift_tests
from mmm_core.spec.file_beside import path_beside
from mmm_core.spec.model_spec import ModelSpec


def tests_beside(spec: ModelSpec, folder: Path) -> tuple[LiftTest, ...]:
    """The tests of the file that `calibration: {tests: ...}` names; none where it names none.

    Args:
        folder: of the model's YAML.

    Raises:
        InputError: the file is not there, or is refused by `read_lift_tests`.
    """
    name = spec.calibration.tests
    return read_lift_tests(path_beside(spec.model, "calibration.tests", folder, name)) if name else ()


def approvals_beside(spec: ModelSpec, folder: Path) -> dict[str, Approval]:
    """The decisions of the file that `calibration: {approvals: ...}` names; none where it names none.

    Raises:
        InputError: the file is not there, or is refused by `read_approvals`.
    """
    name = spec.calibration.approvals
    return read_approvals(path_beside(spec.model, "calibration.approvals", folder, name)) if name else {}


def markets_of(table: pd.DataFrame, spec: ModelSpec) -> tuple[str, ...]:
    """The markets of a table, where the model keeps one of several by its `filter`; else nothing is known of others."""
    if MARKET not in spec.filter or MARKET not in table.columns:
        return ()
    markets = tuple(sorted(set(text_of(table[MARKET]))))
    return markets if len(markets) > 1 else ()


def unknown_approvals(approvals: Iterable[str], tests: Iterable[str]) -> list[str]:
    """Tests that are decided about and that nobody has reported: a name that was mistyped, perhaps."""
    return sorted(set(approvals) - set(tests))


def unknown_priors(spec: ModelSpec, tests: Iterable[str]) -> list[str]:
    """Tests of `calibration: {as_roi_prior: ...}` that nobody has reported: the test that was meant is replayed."""
    wanted = spec.calibration.as_roi_prior
    return [] if wanted == "all" else sorted(set(wanted) - set(tests))
