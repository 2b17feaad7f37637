"""The contract of a posterior: it holds for what is drawn; each breach is named with variable and remedy."""

import numpy as np
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.posterior.contract import contract_faults
from mmm_core.posterior.schema import save_posterior
from tests.mmm_core.posteriors import FAMILY, SPEC, posterior, weekly_table


def changed(tree, group, change):
    """A copy with a group's dataset changed."""
    tree = tree.copy(deep=True)
    dataset = tree[group].to_dataset()
    tree[group] = xr.DataTree(change(dataset) if callable(change) else dataset.assign(change))
    return tree


def put(name, value, **at):
    def change(dataset):
        dataset[name].loc[at] = value
        return dataset

    return change


@pytest.fixture(scope="module")
def tree():
    return posterior()


@pytest.mark.parametrize("spec", [SPEC, FAMILY], ids=["small", "family"])
def test_what_is_drawn_keeps_it(spec):
    assert contract_faults(posterior(spec, weekly_table())) == []


@pytest.mark.parametrize(
    ("group", "change", "said"),
    [
        ("posterior", put("roi", np.nan, draw=3, paid_channel="search"),
         "posterior variable roi: not finite in 2 of 80 values at paid_channel search: fit again; "),
        ("posterior", put("level", np.inf, week="2024-03-04"),
         "posterior variable level: not finite in 40 of 2,400 values at week 2024-03-04T00:00:00.000000000: fit again"),
        ("posterior", put("sigma", 0.0, chain=1, draw=0),
         "posterior variable sigma: not above 0 in 1 of 40 values: nothing a model can mean: fit again"),
        ("posterior", put("tau", -0.1, chain=1, draw=0), "posterior variable tau: negative in 1 of 40 values: "),
        ("posterior", put("alpha", 1.5, draw=0, channel="tv"),
         "posterior variable alpha: outside of [0, 1] in 2 of 120 values at channel tv: "),
        ("posterior", put("slope", np.nan, draw=0, channel="newsletter"),
         "posterior variable slope: not finite in 2 of 120 values at channel newsletter: "),
        ("posterior", lambda d: d.assign(roi=d["roi"].astype("float32")),
         "posterior variable roi: expected dtype float64, got float32: not the form that this release reads"),
        ("posterior", lambda d: d.assign(level=d["level"].transpose("draw", "chain", "week")),
         "posterior variable level: dim position 0: expected 'chain', got 'draw': "),
        ("posterior", lambda d: d.drop_vars("half_saturation"), "missing required data_var 'half_saturation'"),
        ("posterior", lambda d: d.assign_coords(paid_channel=["search", "tv"]),
         "posterior dimension paid_channel: labels other than the specification's and the data's: expected 2, tv"),
        ("posterior", lambda d: d.isel(week=slice(1, None)),
         "posterior dimension week: labels other than the specification's and the data's: expected 60, "),
        ("sample_stats", lambda d: d.assign(diverging=d["diverging"].astype(float)),
         "sample_stats variable diverging: expected dtype bool, got float64"),
        ("constant_data", put("spend", -1.0, media_week="2024-01-01", paid_channel="tv"),
         "constant_data variable spend: negative in 1 of 128 values at "),
    ],
)  # fmt: skip
def test_a_breach_is_named_with_variable_dimension_and_remedy(tree, group, change, said):
    (found,) = contract_faults(changed(tree, group, change))
    assert said in found
    assert "fit again" in found


def test_every_breach_is_told_and_nothing_is_written(tree, tmp_path):
    broken = changed(
        changed(tree, "posterior", put("sigma", -1.0, draw=0)), "posterior", put("tau", -1.0, draw=0)
    )
    path = tmp_path / "posterior.nc"
    with pytest.raises(InputError) as error:
        save_posterior(broken, path)
    first, *rest = str(error.value).splitlines()
    assert first == f"{path}: the posterior breaks its contract and is not written"
    assert [line.split(":")[0] for line in rest] == ["posterior variable sigma", "posterior variable tau"]
    assert not list(tmp_path.iterdir())
