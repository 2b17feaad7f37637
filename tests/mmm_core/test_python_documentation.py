"""docs/python.md, run as it stands."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.mmm_core.long_term.surveyed import monthly
from tests.mmm_core.posteriors import SPEC, weekly_table

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "python.md").read_text()


@pytest.mark.slow
def test_the_documented_calls_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = weekly_table(weeks=110)
    length = {"chains": 2, "draws": 100, "warmup": 100}
    long_term = {"metrics": ["awareness"], "draws": 100, "lags": 1, "trend": False}
    spec = {**SPEC, "fit": {**SPEC.get("fit", {}), **length}, "long_term": long_term}
    Path("model.yaml").write_text(yaml.safe_dump(spec))
    table.to_csv("weekly.csv", index=False)
    asked = monthly(pd.DatetimeIndex(sorted(set(table["week_start"]))))
    asked[asked["metric"] == "awareness"].to_csv("brand.csv", index=False)
    code = "\n".join(block.split("```")[0] for block in DOCUMENTED.split("```python\n")[1:])
    found: dict = {}
    exec(compile(code, "docs/python.md", "exec"), found)
    assert {"short", "long", "total"} <= set(found["found"].roi()["effect"])
    assert len(found["forecast"]["week"]) == 13
    assert (found["forecast"]["q05"] < found["forecast"]["q95"]).all()
