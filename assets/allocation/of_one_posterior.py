"""Tables that a stage reads together are of one posterior."""

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    import pandas as pd


def refuse_another_posterior(version: str, **tables: "pd.DataFrame") -> None:
    """Raise dg.Failure where a table comes from another posterior than this version."""
    stale = sorted(name for name, table in tables.items() if set(table["posterior_version"]) != {version})
    if stale:
        raise dg.Failure(
            f"{', '.join(stale)} come from another posterior than {version}: materialize them again",
            allow_retries=False,
        )
