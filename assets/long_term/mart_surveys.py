"""Waves of the brand tracker in a model's market, as the mart has them."""

from datetime import timedelta
from typing import TYPE_CHECKING

from assets.model_inputs.mart import built_marts
from assets.models import Vintage
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec

MART = "fct_brand_metrics"
SOURCE = f"mart marts.{MART}"


def read_surveys(warehouse: Warehouse, spec: "ModelSpec", vintage: Vintage) -> "pd.DataFrame":
    """The monthly waves of the model's market and metrics that were known by the as-of week.

    A wave is known once its month is over: one that is over by the as-of week's Sunday is.

    Returns:
        metric, month_start, value, sample_size, a row a wave, in this order of keys.

    Raises:
        InputError: the model keeps no market, the mart has not been built, or it has no wave of the market or of a
            metric by then; with those there are.
    """
    import pandas as pd

    from mmm_core.evidence.check import MARKET

    if MARKET not in spec.filter:
        raise InputError(
            f"model {spec.model}: `long_term` reads the waves of one market, and `filter` keeps none: write "
            "`filter: {market: ...}`"
        )
    market, metrics = spec.filter[MARKET], list(spec.long_term.metrics)
    with warehouse.connect(read_only=True) as connection:
        if MART not in built_marts(connection):
            raise InputError(f"model {spec.model}: {SOURCE} has not been built: run make refresh")
        rows = connection.execute(
            f"select metric, month_start, value, sample_size from marts.{MART} where market = ? order by 1, 2",
            [market],
        ).df()
    if rows.empty:
        raise InputError(
            f"model {spec.model}: {SOURCE} has no wave of market '{market}': land its brand tracker, or leave "
            "`long_term` out of the YAML"
        )
    there = sorted(set(rows["metric"]))
    missing = "; ".join(f"'{name}': {nearest(name, there)}" for name in metrics if name not in there)
    if missing:
        raise InputError(
            f"model {spec.model}: `long_term.metrics` names what {SOURCE} has not of market '{market}': {missing}"
        )
    month = pd.to_datetime(rows["month_start"])
    known = (month + pd.offsets.MonthEnd(0)).dt.date <= vintage.week + timedelta(days=6)
    rows = rows.assign(month_start=month)[known & rows["metric"].isin(metrics)].reset_index(drop=True)
    late = [name for name in metrics if name not in set(rows["metric"])]
    if late:
        raise InputError(
            f"model {spec.model}: {SOURCE} has no wave of {', '.join(late)} that was over by the week of "
            f"{vintage.as_of_week}: choose a later as-of week, or land the months before"
        )
    return rows
