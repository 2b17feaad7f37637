"""What a user names is tracked under a name that MLflow takes, whatever it is."""

import mlflow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_param_name

from assets.resources.tracking import LONGEST_KEY, TrackedRun, mlflow_key


def test_names_that_mlflow_takes_are_kept():
    for name in ("roi/tv", "rows/roi", "rhat_max", "roi/K\u00f6ln TV", "a: b-c.d"):
        assert mlflow_key(name) == name
    assert mlflow_key("roi/search (brand)").startswith("roi/search _brand_.")


@given(st.text(min_size=1, max_size=300).filter(lambda name: name.strip()))
def test_every_name_has_a_key(name):
    key = mlflow_key(f"roi/{name}")
    assert len(key) <= LONGEST_KEY
    _validate_metric_name(key)
    _validate_param_name(key)


@given(st.lists(st.text("a(_).[", min_size=1, max_size=4), min_size=2, max_size=8, unique=True))
def test_two_names_have_two_keys(names):
    assert len({mlflow_key(name) for name in names}) == len(names)


@pytest.mark.slow
def test_a_run_takes_the_figures_of_any_channel(tmp_path):
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    with mlflow.start_run() as run:
        names = [
            f"roi/{name}"
            for name in ("search (brand)", "search [brand]", "..", "50 %", "a\N{SNOWMAN}", "x" * 400)
        ]
        TrackedRun(run.info.run_id).log({name: float(i) for i, name in enumerate(names)}, params={"a(b)": 1})
    stored = mlflow.get_run(run.info.run_id).data
    assert sorted(stored.metrics.values()) == list(range(len(names)))
    assert stored.metrics[mlflow_key("roi/search (brand)")] == 0
    assert stored.params == {mlflow_key("a(b)"): "1"}
