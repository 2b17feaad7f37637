"""What the marts of a warehouse were made of besides rows, as they say it themselves."""

from assets.resources.warehouse import Warehouse

INCREMENTAL = "int_campaign_weekly"
"""The model whose comment in the warehouse says it: its rows are kept where nothing but rows is another."""


def is_made_otherwise(warehouse: Warehouse, made_by: str) -> bool:
    """Whether the incremental model was made by something else than would make it now, but for its rows.

    Args:
        made_by: `assets.marts.project.fingerprint` as it is now.
    """
    with warehouse.connect(read_only=True) as connection:
        made = connection.execute(
            "select comment from duckdb_tables() where schema_name = 'intermediate' and table_name = ?",
            [INCREMENTAL],
        ).fetchone()
    return made is not None and made[0] != made_by
