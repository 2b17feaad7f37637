"""The folder analysts read."""

import dagster as dg


class Published(dg.ConfigurableResource):
    """`<folder>/current/marts.duckdb`, and one Parquet file a table beside it: see `assets.publish.publication`."""

    folder: str
