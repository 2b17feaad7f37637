"""The folder analysts read."""

import dagster as dg


class Published(dg.ConfigurableResource):
    """`<folder>/marts.duckdb`, and one Parquet file a table beside it."""

    folder: str
