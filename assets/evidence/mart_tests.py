"""Lift tests of a model's market, as the mart has them, read as records."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assets.model_inputs.mart import built_marts
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.evidence.lift_test import LiftTest
    from mmm_core.evidence.reader import Fault
    from mmm_core.spec.model_spec import ModelSpec

MART = "fct_lift_tests"
SOURCE = f"mart marts.{MART}"


@dataclass(frozen=True)
class MartTests:
    """The tests of a market.

    Attributes:
        tests: those that could be read.
        unreadable: of the others, what speaks against each.
    """

    tests: "tuple[LiftTest, ...]" = ()
    unreadable: dict[str, str] | None = None


def read_tests(warehouse: Warehouse, spec: "ModelSpec") -> MartTests:
    """The tests of the market that the model's `filter` keeps; none where it keeps no market.

    A national model learns from the mart for what share of the market's people the tested geos stand, where the
    read-out does not say.

    Raises:
        InputError: the mart has not been built, and the model asks for its tests.
    """
    from mmm_core.evidence.check import MARKET
    from mmm_core.evidence.reader import lift_tests_in

    if MARKET not in spec.filter:
        return MartTests()
    table = _rows(warehouse, spec.filter[MARKET], spec.calibration.lift_tests is not None)
    if table.empty:
        return MartTests()
    reading = lift_tests_in(table, SOURCE)
    return MartTests(
        tuple(_with_share(test, table, spec) for test in reading.tests), faults_by_test(reading.faults)
    )


def faults_by_test(faults: "Iterable[Fault]") -> dict[str, str]:
    """What speaks against the rows of each test, in one line."""
    found: dict[str, str] = {}
    for fault in faults:
        found[fault.test_id] = "; ".join(filter(None, (found.get(fault.test_id), fault.text)))
    return found


def _rows(warehouse: Warehouse, market: str, wanted: bool) -> "pd.DataFrame":
    """The mart's rows of a market under the names of the reader's columns.

    Args:
        wanted: the model calibrates with them, and cannot do without the mart.
    """
    import pandas as pd

    from mmm_core.evidence.columns import NAMES

    by_channel = {name: f"{name}_by_channel as {name}" for name in ("spend_with", "spend_without")}
    columns = ", ".join(by_channel.get(name, name) for name in NAMES)
    with warehouse.connect(read_only=True) as connection:
        if MART not in built_marts(connection):
            if not wanted:
                return pd.DataFrame()
            raise InputError(f"{SOURCE} has not been built: run make refresh")
        return connection.execute(
            f"select {columns}, population_covered from marts.{MART} where market = ? order by test_id",
            [market],
        ).df()


def _with_share(test: "LiftTest", table: "pd.DataFrame", spec: "ModelSpec") -> "LiftTest":
    if spec.geo or not test.geos or test.share != 1.0:
        return test
    covered = float(table.loc[table["test_id"] == test.test_id, "population_covered"].iloc[0])
    return replace(test, share=covered) if 0 < covered <= 1 else test
