"""The contract of a posterior as Pandera schemas of its groups, and what it says of a tree that breaks it.

It follows from the specification: every variable's dimensions, type and bounds, the channels and weeks it is over. What
is written has kept it (`save_posterior`) and carries a digest, so that a reader who finds the digest right need not ask
again: `mmm_core.posterior.schema.check_posterior` is all that a reader asks, without the half second that Pandera takes
to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from mmm_core.errors import listed
from mmm_core.posterior.schema import OPTIONAL_DIMS, POSTERIOR_DIMS, spec_of
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import pandera.xarray as px

    Variable = px.DataVar | px.DataArraySchema | None

DRAWS = ("chain", "draw")
NOT_FINITE = "not finite"
NOT_POSITIVE = "not above 0"
NEGATIVE = "negative"

POSITIVE = ("sigma", "nu", "multiplier")
NOT_NEGATIVE = ("tau", "tau_slope", "geo_spread", "multiplier_spread")
"""Variables that are scales: of noise, of steps, of what differs between geos. Some engines hold them at 0."""

DATA_DIMS: dict[str, tuple[str, ...]] = {
    "exposure": ("geo", "media_week", "channel"),
    "spend": ("geo", "media_week", "paid_channel"),
    "kpi": ("geo", "week"),
    "observed": ("geo", "week"),
    "population": ("geo",),
    "media_scale": ("channel",),
    "kpi_scale": (),
}
DATA_POSITIVE = ("population", "media_scale", "kpi_scale")
DATA_NOT_NEGATIVE = ("exposure", "spend")

REMEDIES = {
    NOT_FINITE: "fit again; if it comes back, look for a column of extreme scale (`mmm inspect`) or a very wide prior",
    NOT_POSITIVE: "nothing a model can mean: fit again, with `fit: {engine: numpyro}` if another engine drew it",
    NEGATIVE: "nothing a model can mean: fit again, with `fit: {engine: numpyro}` if another engine drew it",
}
ANOTHER_FORM = "not the form that this release reads: fit again"


def posterior_contract(spec: ModelSpec, tree: xr.DataTree) -> dict[str, px.DatasetSchema]:
    """Schemas of the groups `posterior`, `sample_stats` and `constant_data` of a posterior of `spec`.

    Args:
        tree: the posterior: which optional variables it has, and the weeks, geos and terms of its `constant_data`,
            which those of the draws must be.
    """
    import pandera.xarray as px

    present = tree["posterior"].data_vars
    dims = {**POSTERIOR_DIMS, **{name: over for name, over in OPTIONAL_DIMS.items() if name in present}}
    draws: dict[str, Variable] = {
        name: _variable((*DRAWS, *over), [_finite(), *_bounds(name, POSITIVE, NOT_NEGATIVE)])
        for name, over in dims.items()
    }
    for name, having in spec.shape_parameters.items():
        draws[name] = _variable((*DRAWS, "channel"), [_finite(having), *_supports(name, spec)])
    data: dict[str, Variable] = {
        name: _variable(
            over, _bounds(name, DATA_POSITIVE, DATA_NOT_NEGATIVE), "bool" if name == "observed" else "float64"
        )
        for name, over in DATA_DIMS.items()
    }
    channels = {
        "channel": _coordinate(np.array(spec.channels)),
        "paid_channel": _coordinate(np.array(spec.paid)),
    }
    known = tree["constant_data"].coords
    shared = {name: _coordinate(known[name].values) for name in ("geo", "week", "term") if name in known}
    return {
        "posterior": px.DatasetSchema(data_vars=draws, coords={**channels, **shared}),
        "sample_stats": px.DatasetSchema(
            data_vars={
                "diverging": _variable(DRAWS, [], "bool"),
                "acceptance_rate": px.DataVar(dims=DRAWS, nullable=True),
            }
        ),
        "constant_data": px.DatasetSchema(data_vars=data, coords=channels),
    }


def contract_faults(tree: xr.DataTree) -> list[str]:
    """Where a posterior breaks its contract: group, variable, dimension and remedy, a line each.

    Args:
        tree: it has passed `check_posterior`, or has at least its groups and its specification.
    """
    from pandera.errors import SchemaErrors

    faults = []
    for group, schema in posterior_contract(spec_of(tree), tree).items():
        try:
            schema.validate(tree[group].to_dataset(), lazy=True)
        except SchemaErrors as errors:
            faults += [_said(group, error) for error in errors.schema_errors]
    return faults


def _variable(dims: tuple[str, ...], checks: list[px.Check], dtype: str = "float64") -> px.DataVar:
    """A variable of a group; missing values are told by its checks, which name it."""
    import pandera.xarray as px

    return px.DataVar(dims=dims, dtype=dtype, checks=checks, nullable=True)


def _coordinate(expected: np.ndarray) -> px.Coordinate:
    import pandera.xarray as px

    def same(found: xr.DataArray) -> bool:
        return bool(np.array_equal(found.values, expected))

    first = listed([str(value) for value in expected[:5]])
    what = f"labels other than the specification's and the data's: expected {len(expected)}, {first}"
    return px.Coordinate(checks=[px.Check(same, error=what)])


def _check(holds: Any, what: str) -> px.Check:
    """A check of values that says what is wrong with those for which `holds` is false."""
    import pandera.xarray as px

    return px.Check(holds, error=what, ignore_na=False)


def _finite(channels: tuple[str, ...] | None = None) -> px.Check:
    """All draws are finite; `channels` are those that have the parameter, the others' are nan."""

    def holds(values: xr.DataArray) -> xr.DataArray:
        finite: xr.DataArray = xr.apply_ufunc(np.isfinite, values)
        return finite if channels is None else finite | ~values["channel"].isin(list(channels))

    return _check(holds, NOT_FINITE)


def _bounds(name: str, positive: tuple[str, ...], not_negative: tuple[str, ...]) -> list[px.Check]:
    if name in positive:
        return [_check(lambda values: ~(values <= 0), NOT_POSITIVE)]
    if name in not_negative:
        return [_check(lambda values: ~(values < 0), NEGATIVE)]
    return []


def _supports(name: str, spec: ModelSpec) -> list[px.Check]:
    """A parameter of adstock or saturation lies where its kind says, channel by channel."""
    checks = []
    for channel, of in zip(spec.channels, spec.channel_specs, strict=True):
        for shape in (of.adstock, of.saturation):
            if name in shape.parameters:
                bounds = shape.KINDS[shape.kind].parameters[name]
                checks.append(_within(channel, bounds.low, bounds.high))
    return checks


def _within(channel: str, low: float, high: float) -> px.Check:
    def holds(values: xr.DataArray) -> xr.DataArray:
        return (values["channel"] != channel) | ~((values < low) | (values > high))

    return _check(holds, f"outside of [{low:g}, {high:g}]")


def _said(group: str, error: Any) -> str:
    """A breach in words: of Pandera's where it is one of form, with the labels at fault where it is one of values."""
    what = getattr(error.check, "error", None)
    if what is None:
        named = getattr(error.schema, "name", None)
        of = f"{group} variable {named}" if named else group
        return f"{of}: {error}: {ANOTHER_FORM}"
    name, wrong = error.schema.name, error.check_output
    if not isinstance(wrong, xr.DataArray):
        return f"{group} dimension {name}: {what}: {ANOTHER_FORM}"
    wrong = ~wrong
    where = [
        f"{dim} {listed([str(label) for label in labels])}"
        for dim in wrong.dims
        if dim not in DRAWS
        and dim in wrong.coords
        and len(labels := wrong[dim].values[wrong.any([each for each in wrong.dims if each != dim]).values])
    ]
    at = f" at {', '.join(where)}" if where else ""
    count = f"{int(wrong.sum()):,} of {wrong.size:,} values"
    return f"{group} variable {name}: {what} in {count}{at}: {REMEDIES.get(what, REMEDIES[NOT_POSITIVE])}"
