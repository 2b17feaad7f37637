"""What figures are called: the outcome they count, the unit of a return, and whether they are approximate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


def approximation(source: xr.DataTree | Posterior) -> str:
    """For titles and tables: "approximate: " and why, where the posterior's engine gives no exact answer; else ""."""
    words = Posterior.of(source).approximate
    return f"approximate: {words}" if words else ""


def outcome_name(spec: ModelSpec) -> str:
    """What effects are counted in: revenue, or the KPI's units where nobody can price them."""
    return "revenue" if spec.kpi.kind == "revenue" else spec.kpi.column


def return_name(spec: ModelSpec) -> str:
    """What an `roi` is: "revenue per unit of spend", or units of the KPI where it has no revenue."""
    return f"{outcome_name(spec)} per unit of spend"


def has_cost_per_unit(spec: ModelSpec) -> bool:
    """Whether the KPI is not revenue itself, so that what one more unit of it costs is a figure of its own."""
    return spec.kpi.kind == "non_revenue" or spec.kpi.revenue_per_unit is not None


def labelled(table: pd.DataFrame, source: xr.DataTree | Posterior) -> pd.DataFrame:
    """The table with what its figures mean: attributes `outcome`, `returns` and `approximate`.

    A table of approximate figures says so in a last column as well, which goes with it into a file.
    """
    spec, words = Posterior.of(source).spec, approximation(source)
    if words:
        table = table.assign(approximate=words)
    table.attrs.update(outcome=outcome_name(spec), returns=return_name(spec), approximate=words)
    return table
