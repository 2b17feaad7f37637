"""`model_selection`: a table of specifications of a frozen vintage, kept like other results and reported."""

import shutil

import duckdb
import pytest

from assets.marts.assets import dbt_reporting
from assets.publish.published_marts import published_marts
from assets.selection import model_selection as module
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks

pytestmark = pytest.mark.slow


def test_the_ladder_of_a_vintage_is_kept_and_reported_and_its_yaml_named(
    unfitted, built_warehouse, tmp_path, monkeypatch
):
    from mmm_core.selection import ladder, select

    # two rungs of the ladder are enough of it here, and two origins: each variation costs fits
    monkeypatch.setattr(ladder, "LEARNED_ORDERS", (0,))
    for rung in ("_levels", "_shrinkage", "_noise"):
        monkeypatch.setattr(ladder, rung, lambda spec: {})
    monkeypatch.setattr(select, "LEAST_WEEKS", 30)
    unfitted.write_spec(fit={**SMALL["fit"], "warmup": 100, "draws": 100})
    result = unfitted.materialize(module.model_selection)
    assert result.success
    kept = unfitted.results.stored("model_selection", VINTAGE)
    names = {name.split(", ")[-1] for name in kept["specification"]}
    assert names == {"as written", "scale log", "no season"}
    assert set(kept["origins"]) == {2}
    assert kept["recommended"].sum() == 1
    assert set(kept["table_version"]) == {unfitted.vintages.current(VINTAGE)}
    shown = metadata(result, "model_selection")
    assert shown["recommended"] == kept.loc[kept["recommended"], "specification"].item()
    assert "# Chosen by `mmm select`: " in shown["recommended_yaml"]
    assert "CRPS of the YAML's own beside that of the best" in checks(result)["is_as_written"].description

    # what analysts open: the mart that dbt builds of it, in the published copy
    (tmp_path / "platform").mkdir()
    platform = built_warehouse.copy_to(tmp_path / "platform")
    shutil.copytree(unfitted.results.folder, platform.folder / "results")
    assert platform.run(dbt_reporting, published_marts).success
    with duckdb.connect(str(platform.published / "marts.duckdb"), read_only=True) as published:
        rows = published.execute("from reporting.rpt_model_selection order by crps_rank").df()
    assert set(rows["model"]) == {VINTAGE.model}
    assert set(rows["specification"]) == set(kept["specification"])
    assert rows.loc[rows["is_recommended"], "specification"].item() == shown["recommended"]
    assert rows.loc[rows["is_as_written"], "specification"].item() == "as written"
    assert rows["crps_rank"].tolist() == list(range(1, len(rows) + 1))  # no two are the same thing
    best, others = rows.iloc[0], rows.iloc[1:]
    assert best["verdict"] == "best"
    assert best["crps_difference"] == 0
    assert set(others["verdict"]) <= {"may be chance", "worse"}
    assert (others["crps_difference"] - (others["crps"] - best["crps"])).abs().max() < 1e-9 * best["crps"]
    assert (others["crps_difference_se"] > 0).all()
    assert rows["elpd"].notna().all()
    assert others["elpd_difference_se"].gt(0).all()
    assert set(rows["selection_version"]) == {unfitted.results.versions("model_selection").current(VINTAGE)}
    assert set(rows["table_version"]) == set(kept["table_version"])
