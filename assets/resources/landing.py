"""The landing folder, and where the loader keeps its notes."""

import dagster as dg


class Landing(dg.ConfigurableResource):
    """Raw exports as they arrive: `<folder>/<source>/<table>/*.csv`, and `<folder>/weekly_tables/*.csv`."""

    folder: str
    dlt_folder: str
