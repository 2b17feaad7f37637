"""`model_selection`: a table of specifications of a frozen vintage, kept like other results."""

import pytest

from assets.selection import model_selection as module
from tests.assets.vintage import SMALL, VINTAGE, metadata
from tests.fixtures_warehouse import checks

pytestmark = pytest.mark.slow


def test_the_ladder_of_a_vintage_is_kept_and_its_yaml_named(unfitted, monkeypatch):
    from mmm_core.selection import ladder

    # two rungs of the ladder are enough of it here: each variation costs fits
    monkeypatch.setattr(ladder, "ORDERS", (0,))
    monkeypatch.setattr(ladder, "_levels", lambda spec: {})
    monkeypatch.setattr(ladder, "_noise", lambda spec: {})
    unfitted.write_spec(fit={**SMALL["fit"], "warmup": 100, "draws": 100})
    result = unfitted.materialize(module.model_selection)
    assert result.success
    kept = unfitted.results.stored("model_selection", VINTAGE)
    assert {"as written", "scale log", "no season"} <= {name.split(", ")[-1] for name in kept["model"]}
    assert kept["recommended"].sum() == 1
    assert set(kept["table_version"]) == {unfitted.vintages.current(VINTAGE)}
    shown = metadata(result, "model_selection")
    assert shown["recommended"] == kept.loc[kept["recommended"], "model"].item()
    assert "# Chosen by `mmm select`: " in shown["recommended_yaml"]
    assert "CRPS of the YAML's own beside that of the best" in checks(result)["is_as_written"].description
