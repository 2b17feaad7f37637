"""The landing folder."""

import dagster as dg


class Landing(dg.ConfigurableResource):
    """Raw exports as they arrive: files below `<folder>/<source>/<table>/`, and below `<folder>/weekly_tables/`."""

    folder: str
