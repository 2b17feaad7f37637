"""The lift tests of a model, from mart and files, scored and decided: what `lift_evidence` keeps and others compare."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assets.evidence.mart_tests import MartTests, faults_by_test, read_tests
from assets.models import Vintage, spec_path
from assets.resources.stores import ResultStore
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from mmm_core.evidence.approvals import Approval
    from mmm_core.evidence.lift_test import LiftTest
    from mmm_core.evidence.scorecard import Scorecard
    from mmm_core.spec.model_spec import ModelSpec


@dataclass(frozen=True)
class Scored:
    """The scorecard of a model's tests, and what it was made of.

    Attributes:
        mart: tests of the mart, and why rows of it or of `geo_lift` cannot be used.
        tests: those, and the ones beside the model's YAML.
        approvals: who decided about which, by test.
    """

    card: "Scorecard"
    mart: MartTests
    tests: "tuple[LiftTest, ...]"
    approvals: "Mapping[str, Approval]"

    @property
    def reported(self) -> list[str]:
        """Names of all tests that somebody reported, those that cannot be read among them."""
        return [*(test.test_id for test in self.tests), *(self.mart.unreadable or {})]


def scored_tests(
    warehouse: Warehouse,
    results: ResultStore,
    spec: "ModelSpec",
    data: "xr.Dataset",
    vintage: Vintage,
    fitted: "ModelSpec | None" = None,
) -> Scored:
    """Every test of the model's market that was known by a vintage's week, held against the model's data.

    They are those of the mart, of the file beside the model's YAML, and of its geo experiments.

    Args:
        spec: as the YAML has it now: which tests there are, and by which rule they are scored.
        data: of `mmm_core.data.arrays.model_data`. fitted: the specification they were made with, where that is
            another: its channels stand in its own order.
    """
    from mmm_core.evidence.beside import approvals_beside, tests_beside
    from mmm_core.evidence.scorecard import scorecard

    folder = spec_path(vintage.model).parent
    mart, approvals = read_tests(warehouse, spec), approvals_beside(spec, folder)
    read_out, faults = _read(results.read("geo_lift", vintage))
    mart = replace(mart, unreadable={**(mart.unreadable or {}), **faults})
    tests = (*mart.tests, *tests_beside(spec, folder), *read_out)
    card = scorecard(
        tests, data, fitted or spec, spec.calibration, approvals, vintage.week, unreadable=mart.unreadable
    )
    return Scored(card, mart, tests, approvals)


def _read(table: "pd.DataFrame | None") -> "tuple[tuple[LiftTest, ...], dict[str, str]]":
    """The lift tests that geo experiments made, from the rows of `geo_lift`, and why others cannot be used."""
    from mmm_core.evidence.reader import lift_tests_in

    if table is None or table.empty:
        return (), {}
    reading = lift_tests_in(table, "geo_lift")
    return reading.tests, faults_by_test(reading.faults)
