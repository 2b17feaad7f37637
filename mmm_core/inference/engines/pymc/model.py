"""A specification as a model of PyMC-Marketing; imports PyMC, so it is imported when that engine is asked for.

The structure is `pymc_marketing.mmm.multidimensional.MMM`'s: its scaling of media and KPI, its adstock and saturation,
intercept, controls and likelihood. Its parameters are on its own scales, media over their largest week and KPI over its
largest; the priors are stated on ours, media over their mean non-zero week and KPI over its robust standard deviation,
and every parameter of PyMC-Marketing is worked out from them in the model (`_Priors.declare`). So a belief about an
ROI, a marginal ROI or a contribution is on that quantity itself, exactly as in the default engine, whose priors these
are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pymc as pm
import pymc.dims as pmd
import pytensor.tensor as pt
import pytensor.xtensor as ptx
import xarray as xr
from pymc_marketing.mmm import (
    AdstockTransformation,
    DelayedAdstock,
    GeometricAdstock,
    HillSaturation,
    LogisticSaturation,
    MichaelisMentenSaturation,
    NoAdstock,
    NoSaturation,
    RootSaturation,
    SaturationTransformation,
    WeibullCDFAdstock,
)
from pymc_marketing.mmm.multidimensional import MMM
from pymc_marketing.mmm.scaling import Scaling, VariableScaling
from pymc_marketing.mmm.transformers import batched_convolution
from pytensor.xtensor import as_xtensor

from mmm_core.model.beliefs import BUMP
from mmm_core.model.prepare import PreparedModel
from mmm_core.priors import Prior

X = Any  # a labelled tensor of PyTensor
Shapes = dict[str, X]  # our parameters of adstock and saturation, by name

_DISTRIBUTIONS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "normal": (pm.Normal, ("mu", "sigma")),
    "lognormal": (pm.LogNormal, ("mu", "sigma")),
    "halfnormal": (pm.HalfNormal, ("sigma",)),
    "beta": (pm.Beta, ("alpha", "beta")),
    "gamma": (pm.Gamma, ("alpha", "beta")),
    "exponential": (pm.Exponential, ("lam",)),
    "uniform": (pm.Uniform, ("lower", "upper")),
}


class _Binomial(AdstockTransformation):
    """Theirs reaches zero one lag after ours."""

    lookup_name = "binomial_of_lags"
    default_priors: ClassVar[dict[str, Any]] = {"alpha": None}

    def function(self, x: X, alpha: X, *, dim: str) -> X:
        return _convolved(x, self.l_max, dim, lambda lag: (1 - lag / self.l_max) ** (1 / alpha - 1))


class _WeibullPDF(AdstockTransformation):
    """Theirs is shifted and stretched so that the smallest weight is 0 and the largest 1."""

    lookup_name = "weibull_pdf_of_lags"
    default_priors: ClassVar[dict[str, Any]] = {"lam": None, "k": None}

    def function(self, x: X, lam: X, k: X, *, dim: str) -> X:
        def weights(lag: X) -> X:
            time = (lag + 1) / lam
            density = (k - 1) * ptx.math.log(time) - time**k
            return ptx.math.exp(density - density.max(dim=f"{dim}_kernel"))

        return _convolved(x, self.l_max, dim, weights)


def _convolved(x: X, lags: int, dim: str, weights: Callable[[X], X]) -> X:
    """Adstock of weights that are a function of the lags, normalised to sum to 1."""
    kernel = f"{dim}_kernel"
    w = weights(as_xtensor(np.arange(float(lags)), dims=(kernel,)))
    return batched_convolution(as_xtensor(x), w / w.sum(dim=kernel), dim=dim, kernel_dim=kernel)


class _Hill(HillSaturation):
    """Theirs has no gradient at 0 for a slope below 1."""

    lookup_name = "hill_from_zero"

    def function(self, x: X, slope: X, kappa: X, beta: X, *, dim: str | None = None) -> X:
        curve = super().function
        return _from_zero(x, lambda positive: curve(positive, slope, kappa, beta))


class _Power(RootSaturation):
    """Theirs has no gradient at 0."""

    lookup_name = "root_from_zero"

    def function(self, x: X, alpha: X, beta: X, *, dim: str | None = None) -> X:
        curve = super().function
        return _from_zero(x, lambda positive: curve(positive, alpha, beta))


class _Tanh(SaturationTransformation):
    """Theirs divides by the ceiling, which is 0 for a channel that a geo does not use."""

    lookup_name = "tanh_of_half_saturation"
    default_priors: ClassVar[dict[str, Any]] = {"kappa": None, "beta": None}

    def function(self, x: X, kappa: X, beta: X, *, dim: str | None = None) -> X:
        return beta * ptx.math.tanh(np.arctanh(0.5) * as_xtensor(x) / kappa)


def _from_zero(x: X, curve: Callable[[X], X]) -> X:
    """0 where there is no media, and a gradient of 0 there."""
    x = as_xtensor(x)
    positive = x > 0
    return ptx.math.switch(positive, curve(ptx.math.switch(positive, x, 1.0)), 0.0)


@dataclass(frozen=True)
class _Theirs:
    """A class of PyMC-Marketing and its parameters in terms of ours.

    Adstock: `parameters(shape)`. Saturation: `parameters(shape, beta, largest)`, with the coefficient in units of their
    KPI and the largest week of media in ours.
    """

    kind: type
    parameters: Callable[..., Shapes]
    lags: int = 1  # what their l_max is above ours


_ADSTOCK = {
    "none": _Theirs(NoAdstock, lambda shape: {}),
    "geometric": _Theirs(GeometricAdstock, lambda shape: {"alpha": shape["alpha"]}),
    "delayed": _Theirs(DelayedAdstock, lambda shape: {"alpha": shape["alpha"], "theta": shape["peak"]}),
    "binomial": _Theirs(_Binomial, lambda shape: {"alpha": shape["alpha"]}),
    "weibull_pdf": _Theirs(_WeibullPDF, lambda shape: {"lam": shape["scale"], "k": shape["shape"]}),
    "weibull_cdf": _Theirs(
        WeibullCDFAdstock, lambda shape: {"lam": shape["scale"], "k": shape["shape"]}, lags=0
    ),
}

_SATURATION = {
    "none": _Theirs(NoSaturation, lambda shape, beta, largest: {"beta": beta * largest}),
    "hill": _Theirs(
        _Hill,
        lambda shape, beta, largest: {
            "slope": shape["slope"], "kappa": shape["half_saturation"] / largest, "beta": beta,
        },
    ),
    "logistic": _Theirs(
        LogisticSaturation, lambda shape, beta, largest: {"lam": shape["rate"] * largest, "beta": beta}
    ),
    "michaelis_menten": _Theirs(
        MichaelisMentenSaturation,
        lambda shape, beta, largest: {"alpha": beta, "lam": shape["half_saturation"] / largest},
    ),
    "tanh": _Theirs(
        _Tanh, lambda shape, beta, largest: {"kappa": shape["half_saturation"] / largest, "beta": beta}
    ),
    "power": _Theirs(
        _Power,
        lambda shape, beta, largest: {"alpha": shape["exponent"], "beta": beta * largest ** shape["exponent"]},
    ),
}  # fmt: skip

ADSTOCK_KINDS, SATURATION_KINDS = tuple(_ADSTOCK), tuple(_SATURATION)


def pymc_marketing_model(prepared: PreparedModel) -> MMM:
    """The model, built: `.model` is PyMC's.

    Args:
        prepared: of a specification that `mmm_core.inference.engines.pymc.engine.refuse` let pass. In its data every
            geo's media are per head and over their mean non-zero week, its KPI per head and over the robust standard
            deviation. The weeks of media history are in it, with a KPI of 0 that the likelihood leaves out, as it does
            every unobserved week.

    Its free variables are in our units: the parameters of adstock and saturation, `effect` (what the belief is on),
    `sigma` and `fixed_effect` (geo, term); `coefficient` (geo, channel) follows from them.
    """
    data, spec = prepared.data, prepared.spec
    priors = _Priors(prepared)
    adstock, saturation = priors.transformations()
    controls = [str(term) for term in data["term"].to_numpy()[1:]]
    mmm = MMM(
        date_column="date",
        target_column="y",
        channel_columns=list(spec.channels),
        control_columns=controls or None,
        dims=("geo",),
        adstock=adstock,
        saturation=saturation,
        adstock_first=not spec.channel_specs[0].saturation.before_adstock,
        scaling=Scaling(
            channel=VariableScaling(method="max", dims=("geo",)),
            target=VariableScaling(method="max", dims=("geo",)),
        ),
        model_config={
            "intercept": _Given(priors, ("geo",)),
            "gamma_control": _Given(priors, ("geo", "control")),
            "likelihood": _Likelihood(priors),
        },
    )
    table, kpi = _table(data)
    mmm.build_model(table, kpi)
    return mmm


def _table(data: xr.Dataset) -> tuple[pd.DataFrame, pd.Series]:
    """Media and controls, a row a week and geo from the first week of media history on; and the scaled KPI."""
    population = data["population"]
    media = (data["exposure"] / population / data["media_scale"]).to_series().unstack("channel")
    terms = data["design"].isel(term=slice(1, None)).rename(week="media_week")
    history = terms.reindex(media_week=data["media_week"].to_numpy(), fill_value=0.0)
    observed = data["kpi"].where(data["observed"]) / population / data["kpi_scale"]
    kpi = observed.rename(week="media_week").reindex(media_week=data["media_week"].to_numpy()).fillna(0.0)
    table = media[list(data["channel"].to_numpy())]
    if terms.sizes["term"]:
        columns = history.to_series().unstack("term")[list(terms["term"].to_numpy())]
        table = table.join(columns)
    table = table.join(kpi.to_series().rename("y")).reset_index().rename(columns={"media_week": "date"})
    table.columns.name = None
    return table.drop(columns="y"), table["y"]


class _Given:
    """A parameter of PyMC-Marketing whose value `_Priors` declares: a variable factory in its sense."""

    def __init__(self, priors: _Priors, dims: tuple[str, ...]) -> None:
        self.priors, self.dims = priors, dims

    def create_variable(self, name: str, xdist: bool = False) -> X:
        model = pm.modelcontext(None)
        if "sigma" not in model.named_vars:
            self.priors.declare(model)
        return model[name]

    def to_dict(self) -> dict[str, Any]:
        return {"dist": "of the specification", "dims": list(self.dims)}


class _Likelihood:
    """Noise of the observed weeks."""

    def __init__(self, priors: _Priors) -> None:
        self.priors = priors

    def create_likelihood_variable(self, name: str, mu: X, observed: X, xdist: bool = False) -> X:
        model = pm.modelcontext(None)
        seen = np.flatnonzero(self.priors.observed)
        parameters = {
            "mu": mu.transpose("date", "geo").values.flatten()[seen],
            "sigma": model["sigma"] / model["target_scale"].values,
            "observed": observed.transpose("date", "geo").values.flatten()[seen],
        }
        if "nu" in model.named_vars:
            return pm.StudentT(name, nu=model["nu"], **parameters)
        return pm.Normal(name, **parameters)

    def to_dict(self) -> dict[str, Any]:
        return {"dist": "of the specification"}


class _Priors:
    """The priors of a specification, and PyMC-Marketing's parameters in terms of what they are on."""

    def __init__(self, prepared: PreparedModel) -> None:
        data, spec, arrays = prepared.data, prepared.spec, prepared.arrays
        self.spec, self.ours = spec, prepared.model
        self.geos, self.terms = data.sizes["geo"], data.sizes["term"]
        self.history = data.sizes["media_week"] - data.sizes["week"]
        self.outcome_value = np.asarray(arrays.outcome_value)
        self.effect_unit = np.asarray(arrays.effect_unit)
        self.centre, self.prior_sd = data["kpi_centre"].to_numpy(), data["design_prior_sd"].to_numpy()
        seen = np.zeros((data.sizes["media_week"], self.geos), dtype=bool)
        seen[self.history :] = data["observed"].to_numpy().T
        self.observed = seen.ravel()
        first = spec.channel_specs[0]
        self.adstock, self.saturation = _ADSTOCK[first.adstock.kind], _SATURATION[first.saturation.kind]
        self.saturated_first, self.lags = first.saturation.before_adstock, first.adstock.lags

    def transformations(self) -> tuple[AdstockTransformation, SaturationTransformation]:
        """Adstock and saturation with the parameters that `declare` gives them."""
        adstock = self.adstock.kind(
            l_max=max(self.lags + self.adstock.lags, 1), priors=self._given(self.adstock.kind, ("channel",))
        )
        scaled = self._given(self.saturation.kind, ("geo", "channel"))
        return adstock, self.saturation.kind(priors=scaled)

    def _given(self, kind: type, dims: tuple[str, ...]) -> dict[str, Any]:
        return {name: _Given(self, dims) for name in kind.default_priors}  # type: ignore[attr-defined]

    def declare(self, model: pm.Model) -> None:
        """Every variable but the likelihood, by PyMC-Marketing's names; inside the context of `model`."""
        priors, channels = self.ours.priors, ("channel",)
        largest, top = model["channel_scale"], model["target_scale"]
        sigma = pm.HalfNormal("sigma", 1.0)
        if self.spec.student_t is not None:
            pm.Deterministic("nu", _vector("nu_each", priors["nu"])[0])
        shape = {
            name: as_xtensor(_named(name, _vector(name, priors[name])), dims=channels)
            for name in self.ours.layout.parameters
        }
        coefficient = self._coefficient(shape, model["channel_data"] / largest, largest)
        pmd.Deterministic("coefficient", coefficient, dims=("geo", "channel"))

        for name, value in self.adstock.parameters(shape).items():
            pmd.Deterministic(f"adstock_{name}", value)
        beta = coefficient / top
        for name, value in self.saturation.parameters(shape, beta, largest).items():
            pmd.Deterministic(f"saturation_{name}", value)

        fixed = pm.Normal("fixed_effect", 0.0, self.prior_sd * sigma, shape=(self.geos, self.terms))
        intercept = as_xtensor(self.centre + fixed[:, 0], dims=("geo",))
        pmd.Deterministic("intercept_contribution", intercept / top)
        if self.terms > 1:
            pmd.Deterministic("gamma_control", as_xtensor(fixed[:, 1:], dims=("geo", "control")) / top)

    def _response(self, shape: Shapes, media: X, largest: X) -> X:
        """Response before the coefficient (date, geo, channel) to media over their largest week."""
        adstock, saturation = self.transformations()
        carry = self.adstock.parameters(shape)
        bend = self.saturation.parameters(shape, 1.0, largest)
        if self.saturated_first:
            return adstock.function(saturation.function(media, **bend), dim="date", **carry)
        return saturation.function(adstock.function(media, dim="date", **carry), **bend)

    def _worth(self, shape: Shapes, media: X, largest: X) -> X:
        """Outcome over the modelled weeks of a coefficient of 1, (geo, channel)."""
        response = self._response(shape, media, largest).isel(date=slice(self.history, None))
        return (response * as_xtensor(self.outcome_value, dims=("geo", "date"))).sum(dim="date")

    def _coefficient(self, shape: Shapes, media: X, largest: X) -> X:
        """Coefficients (geo, channel) that the stated beliefs imply, as `Model.effects` does it."""
        ours, priors = self.ours, self.ours.priors
        relative, deviation = self._geo_effects()
        total = self._total(self._worth(shape, media, largest) * relative)
        kinds = np.array([belief.kind for belief in ours.beliefs])
        denominator = total
        if "mroi" in kinds:
            more = self._total(self._worth(shape, media * (1 + BUMP), largest) * relative)
            marginal = as_xtensor(kinds == "mroi", dims=("channel",))
            denominator = ptx.math.switch(marginal, (more - total) / BUMP, total)
        direct = as_xtensor(kinds == "coefficient", dims=("channel",))
        denominator = ptx.math.switch(direct, 1.0, ptx.math.switch(denominator > 0, denominator, 1.0))

        repeat = self.geos if ours.per_geo else None
        effect = _named("effect", _vector("effect", priors["effect"], repeat))
        unit = self.effect_unit if ours.per_geo else self.effect_unit[0]
        dims = ("geo", "channel") if ours.per_geo else ("channel",)
        ceiling = as_xtensor(effect, dims=dims) * ptx.math.switch(direct, 1.0, as_xtensor(unit, dims=dims))
        each = as_xtensor(np.ones((self.geos, len(kinds))), dims=("geo", "channel"))
        return (each * relative * deviation * ceiling / denominator).transpose("geo", "channel")

    def _geo_effects(self) -> tuple[X, X]:
        """Relative effects of geos that the belief takes into account, and those that vary about it."""
        ours, none = self.ours, as_xtensor(np.float64(1.0), dims=())
        if not ours.pooled:
            return none, none
        spread = _named("geo_spread", _vector("geo_spread", ours.priors["geo_spread"]))
        deviation = pm.Normal("geo_deviation", 0.0, 1.0, shape=(self.geos, len(self.spec.channels)))
        varying = spread * deviation
        if ours.integrates_geos:
            return none, as_xtensor(1 + varying, dims=("geo", "channel"))
        return as_xtensor(pt.exp(varying), dims=("geo", "channel")), none

    def _total(self, values: X) -> X:
        return values if self.ours.per_geo else values.sum(dim="geo")


def _vector(name: str, priors: Sequence[Prior], repeat: int | None = None) -> Any:
    """A vector whose i-th entry follows `priors[i]`, one free variable a family; `repeat` of them on a leading axis."""
    families = sorted({prior.family for prior in priors})
    lead = () if repeat is None else (repeat,)
    entries: list[Any] = [None] * len(priors)
    for family in families:
        members = [i for i, prior in enumerate(priors) if prior.family == family]
        numbers = np.array([priors[i].parameters for i in members]).T
        if family == "fixed":
            values = pt.as_tensor_variable(np.broadcast_to(numbers[0], (*lead, len(members))))
        else:
            distribution, parameters = _DISTRIBUTIONS[family]
            values = distribution(
                f"{name}_{family}", shape=(*lead, len(members)), **dict(zip(parameters, numbers, strict=True))
            )
        for position, i in enumerate(members):
            entries[i] = values[..., position]
    return pt.stack(entries, axis=-1)


def _named(name: str, value: Any) -> Any:
    return pm.Deterministic(name, value)
