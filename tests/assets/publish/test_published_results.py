"""`published_results`: what the warehouse holds of a vintage is of one posterior."""

from assets.publish.published_results import in_the_warehouse
from assets.resources.results import RESULT_TABLES
from tests.assets.vintage import VINTAGE


def test_rows_of_another_posterior_are_counted(stages):
    warehouse = stages.warehouse
    warehouse.prepare()
    keys = [VINTAGE.model, VINTAGE.as_of_week]
    with warehouse.connect() as connection:
        for version in ("one", "one", "another", None):
            columns = ", ".join(["?"] * 3 + ["null"] * (len(RESULT_TABLES["channel_roi"]) - 3))
            connection.execute(f"insert into results.channel_roi values ({columns})", [*keys, version])
        connection.execute("insert into results.channel_roi (model, as_of_week) values ('uk', ?)", keys[1:])
    held, others = in_the_warehouse(warehouse, ("channel_roi", "response_curves"), VINTAGE, "one")
    assert held == {"channel_roi": 4, "response_curves": 0}
    assert others == {"channel_roi": 2, "response_curves": 0}
