"""A model with its numbers: the one thing that every engine samples from.

    prepared = prepare(model_data(table, spec), spec, evidence)

`prepared.model(prepared.arrays)` is the NumPyro model, further likelihood terms included. An engine that has no place
for such terms refuses them by name (`mmm_core.inference.engines`).

The weekly arrays may hold more weeks than the table: with `weeks=whole_quarters(n)` the next week's arrays have this
week's shapes, so that programs compiled once serve a quarter of weekly refreshes. The weeks that fill the arrays up lie
after the table's and are not observed: no media are worth anything in them, the level may move on, the likelihood does
not see them. Whatever is integrated or sampled there integrates to 1, so that the posterior of everything else is the
same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import jax
import numpy as np
import xarray as xr
from jax.sharding import PartitionSpec

from mmm_core.data.arrays import scaled_kpi as scaled_kpi
from mmm_core.data.quarters import filled
from mmm_core.errors import InputError
from mmm_core.evidence.lift_test import WeighedTest
from mmm_core.model.beliefs import treatment_beliefs, window_outcome, window_spend
from mmm_core.model.gaussian_block import gaussian_block
from mmm_core.model.media import MediaInput, MediaModel
from mmm_core.model.model import LikelihoodTerm, Model, ModelArrays
from mmm_core.model.replay import replay
from mmm_core.priors import Tables, prior_tables
from mmm_core.spec.model_spec import ModelSpec


@dataclass(frozen=True, eq=False)
class PreparedModel:
    """What every engine samples from.

    Attributes:
        data: the arrays of `mmm_core.data.arrays.model_data`.
        spec: the specification.
        model: structure and priors, apart from the numbers.
        arrays: the numbers, in NumPy.
        evidence: the further likelihood terms that are in the model, in its order.
        lift_tests: those replayed in its likelihood.
    """

    data: xr.Dataset
    spec: ModelSpec
    model: Model
    arrays: ModelArrays
    evidence: tuple[LikelihoodTerm, ...] = ()
    lift_tests: tuple[WeighedTest, ...] = ()


def prepare(
    data: xr.Dataset,
    spec: ModelSpec,
    evidence: Sequence[LikelihoodTerm] = (),
    weeks: int | None = None,
    lift_tests: Sequence[WeighedTest] = (),
    left_out: Collection[str] = (),
) -> PreparedModel:
    """The model of a specification with the numbers of a table.

    A prior on ROI or contribution becomes one on a coefficient through `ModelArrays.outcome_value`. On the log scale an
    effect multiplies, and what one brings depends on all others: there the statement is of a small effect on the KPI
    as it was.

    Args:
        data: the arrays of `mmm_core.data.arrays.model_data`.
        evidence: likelihood terms beside that of the KPI.
        weeks: length of the weekly arrays, filled up with unobserved weeks after the table's; the table's by default.
        lift_tests: replayed in the likelihood; their order does not matter.
        left_out: names of those that have their place in the program and say nothing.

    Raises:
        InputError: a lift test that does not fit the model; a contribution prior on a treatment that is above its
            baseline value as much as below.
    """
    media = MediaModel.of(data, spec)
    value = outcome_value(data, spec, media)
    plan, numbers = replay(lift_tests, data, spec, value, left_out) if lift_tests else (None, None)
    model = Model.of(data, spec, tuple(term.log_density for term in evidence), plan)
    treatment, treatment_unit = _treatments(data, spec, value)
    integrated = integrated_terms(data, spec)
    geos, modelled = data.sizes["geo"], data.sizes["week"]
    weeks = modelled if weeks is None else weeks
    more = weeks - modelled
    # where a matrix over the geos' effects costs as much as one over the weeks
    many_deviations = model.integrates_geos and geos * len(spec.channels) > weeks
    arrays = ModelArrays(
        # media go on as they were in the last week: a response of the table's own is finite there
        media=MediaInput(
            *(filled(a, more, -1, "edge") for a in media.inputs(data["exposure"].to_numpy(), window=modelled))
        ),
        kpi=filled(scaled_kpi(data, spec), more),
        modelled=filled(np.ones(modelled), more),
        outcome_value=filled(value, more),
        effect_unit=_effect_unit(data, model),
        block=gaussian_block(
            filled(data["design"].to_numpy()[..., integrated], more, axis=1),
            filled(data["observed"].to_numpy(), more),
            data["design_prior_sd"].to_numpy()[integrated],
            varying=many_deviations or spec.student_t is not None,
            slope=spec.baseline.slope == "random_walk",
        ),
        priors=_prior_tables(model),
        treatment=filled(treatment, more),
        treatment_unit=treatment_unit,
        knots=knot_basis(modelled, spec, weeks),
        extra=tuple(jax.tree.map(np.asarray, term.numbers) for term in evidence),
        replay=numbers,
    )
    return PreparedModel(data, spec, model, arrays, tuple(evidence), tuple(lift_tests))


def outcome_value(data: xr.Dataset, spec: ModelSpec, media: MediaModel) -> np.ndarray:
    """Outcome of one scaled unit of the linear predictor, (geo, week)."""
    value = data["revenue_per_kpi"].to_numpy() * media.unit[:, None]
    if spec.kpi.scale == "level":
        return value
    observed, kpi = data["observed"].to_numpy(), data["kpi"].to_numpy()
    mean = np.nanmean(np.where(observed, kpi, np.nan), axis=1, keepdims=True)
    return np.asarray(value * np.where(observed, kpi, mean))  # of a small effect, at the KPI as it was


def _effect_unit(data: xr.Dataset, model: Model) -> np.ndarray:
    """Outcome (geo or 1, channel) that a stated effect of 1 stands for."""
    outcome, spend = window_outcome(data), window_spend(data)
    if not model.per_geo:
        outcome, spend = outcome.sum(keepdims=True), spend.sum(0, keepdims=True)
    unit = np.ones((len(outcome), len(model.beliefs)))
    for channel, belief in enumerate(model.beliefs):
        if belief.kind in ("roi", "mroi"):
            unit[:, channel] = spend[:, channel]
        elif belief.kind == "contribution":
            unit[:, channel] = outcome
    return unit


def _prior_tables(model: Model) -> dict[str, Tables]:
    """The numbers of the priors by site; of grouped effects by whether their channel has others in its group."""
    tables = {name: prior_tables(stated) for name, stated in model.priors.items()}
    if model.groups is not None:
        stated = model.priors["effect"]
        tables["effect_grouped"] = prior_tables([stated[i] for i in np.flatnonzero(model.groups >= 0)])
        tables["effect_alone"] = prior_tables([stated[i] for i in np.flatnonzero(model.groups < 0)])
    return tables


def _treatments(
    data: xr.Dataset, spec: ModelSpec, outcome_value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Design (treatment, geo, week) of the treatments with priors of their own, and the scaled effect of one sd of each
    that a stated 1 stands for, (treatment,).
    """
    terms = [str(term) for term in data["term"].to_numpy()]
    sampled = [terms.index(name) for name in spec.sampled_treatments]
    design = np.moveaxis(data["design"].to_numpy()[..., sampled], -1, 0)
    outcome = window_outcome(data).sum()
    unit = [
        outcome / _net(column * outcome_value, name) if kind == "contribution" else 1.0
        for name, column, (kind, _) in zip(
            spec.sampled_treatments, design, treatment_beliefs(spec), strict=True
        )
    ]
    return design, np.array(unit)


def _net(weekly: np.ndarray, name: str) -> float:
    """What a treatment's effect of 1 adds up to; what is above the baseline value may not cancel what is below."""
    total = float(weekly.sum())
    if abs(total) < 0.1 * float(np.abs(weekly).sum()):
        raise InputError(
            f"treatment {name}: weeks above its baseline value cancel those below, so that a share of the outcome says "
            "nothing of its effect: state `prior: {coefficient: ...}`, or another baseline"
        )
    return total


def integrated_terms(data: xr.Dataset, spec: ModelSpec) -> list[int]:
    """Positions of the design's terms whose coefficients the Gaussian block integrates out."""
    return [i for i, term in enumerate(data["term"].to_numpy()) if str(term) not in spec.sampled_treatments]


def knot_basis(weeks: int, spec: ModelSpec, length: int | None = None) -> np.ndarray:
    """Smooth weights (channel, week, knot) of independent standard normals, one for each knot of each channel.

    In every week their weighted sum has variance 1, so that a channel's spread is what its specification says it is.

    Args:
        weeks: modelled weeks, which say where the knots are.
        length: weeks of the arrays, those that fill them up included: there the last modelled week's weights are
            repeated, and knots that only they would have weigh nothing anywhere.
    """
    length = weeks if length is None else length
    varying = [c.time_varying.every for c in spec.channel_specs if c.time_varying]

    def knots(of: int, every: int) -> int:
        return int(np.ceil((of - 1) / every)) + 1

    starts = np.cumsum([0, *(knots(length, every) for every in varying)])
    basis = np.zeros((len(varying), length, starts[-1]))
    for i, every in enumerate(varying):
        count = knots(weeks, every)
        distance = (np.minimum(np.arange(length), weeks - 1)[:, None] - every * np.arange(count)) / every
        weight = np.exp(-0.5 * (distance / 0.7) ** 2)
        basis[i, :, starts[i] : starts[i] + count] = weight / np.sqrt((weight**2).sum(1, keepdims=True))
    return basis


def spread_over_geos(arrays: ModelArrays, model: Model) -> ModelArrays:
    """For each array the axis that several devices share out between them, as PartitionSpecs."""
    spread = jax.tree.map(lambda _: PartitionSpec(), arrays)
    first, second = PartitionSpec("geo"), PartitionSpec(None, "geo")
    return spread._replace(
        media=MediaInput(PartitionSpec(None, None, "geo"), second, second),
        kpi=first,
        outcome_value=first,
        effect_unit=first if model.per_geo else PartitionSpec(),
        treatment=second,
        block=spread.block._replace(observed=first, whitener=first, terms=first, inverse_root=first),
    )
