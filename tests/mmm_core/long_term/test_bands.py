import numpy as np
import pytest
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.long_term.bands import bands

VALUES = xr.DataArray(
    np.random.default_rng(0).normal(size=(7, 500, 2)),
    dims=("horizon", "draw", "channel"),
    attrs={"kind": "x"},
)


def test_quantiles_over_the_draws():
    found = bands(VALUES, (0.5, 0.8))
    assert found["lower"].dims == ("level", "horizon", "channel")
    assert np.allclose(found["median"], VALUES.median("draw"))
    assert np.allclose(found["lower"].sel(level=0.8), VALUES.quantile(0.1, "draw"))
    assert np.allclose(found["upper"].sel(level=0.5), VALUES.quantile(0.75, "draw"))
    assert (found["finite"] == 1).all()
    assert found.attrs == {"kind": "x"}


def test_draws_without_a_figure_are_left_out_and_counted():
    some = VALUES.copy(deep=True)
    some[3, :100, 1] = np.nan
    some[4, :, 0] = np.nan
    found = bands(some, (0.9,))
    assert found["median"][3, 1].item() == pytest.approx(np.median(VALUES[3, 100:, 1]))
    assert found["finite"][3, 1].item() == pytest.approx(0.8)
    assert np.isnan(found["upper"][0, 4, 0])


@pytest.mark.parametrize("levels", [(0.0,), (1.2,), (0.5, 90)])
def test_levels_are_between_0_and_1(levels):
    with pytest.raises(InputError, match="levels between 0 and 1"):
        bands(VALUES, levels)


def test_draws_are_needed():
    with pytest.raises(InputError, match="need draws"):
        bands(VALUES.mean("draw"))
    with pytest.raises(InputError, match="of one figure: take one of long_run, permanent"):
        bands(xr.Dataset({"long_run": VALUES, "permanent": VALUES}))
