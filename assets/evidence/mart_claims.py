"""What platforms claim in a model's market, as the mart has it."""

from typing import TYPE_CHECKING

from assets.model_inputs.mart import built_marts
from assets.resources.warehouse import Warehouse

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.posterior.handle import Posterior

MART = "fct_attribution"


def read_market_claims(warehouse: Warehouse, posterior: "Posterior") -> "pd.DataFrame | None":
    """Claims of the market that the model's `filter` keeps, and of no known market, in the posterior's weeks.

    None where there are none: an earlier week does not see what was claimed later, a model that keeps no market has
    no claims, and neither has a warehouse without the mart.
    """
    import pandas as pd

    from mmm_core.data.weeks import first_days
    from mmm_core.evidence.check import MARKET
    from mmm_core.reconciliation.claims import NAMES, claims_in

    market = posterior.spec.filter.get(MARKET)
    if market is None:
        return None
    with warehouse.connect(read_only=True) as connection:
        if MART not in built_marts(connection):
            return None
        rows = connection.execute(
            f"select {', '.join(NAMES)} from marts.{MART} where market = ? or market like '(%' order by all",
            [market],
        ).df()
    claims = claims_in(rows, f"mart marts.{MART}")
    claims = claims[
        claims["week_start"].isin(first_days(pd.DatetimeIndex(posterior.data["week"]), posterior.spec))
    ]
    return claims if (claims["market"] == market).any() else None
