"""From media to the outcome at a posterior's draws, a chunk of them at a time: what every analysis works from.

    predictor_gt = (level_t + design_gt . fixed_effect_g + sum_c coefficient_gc multiplier_tc response_gtc) * unit_g
    expected KPI = predictor                                          where the KPI is modelled in levels
                 = population_g * exp(predictor + (sigma unit)^2 / 2)  where its logarithm is

Anything over draws, geos, weeks and channels exists for one chunk only; what is kept is summed or summarised. With
Student-t noise the mean of the exponential does not exist: the last term is then that of normal noise of the same
scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import numpy as np

from mmm_core.data.quarters import filled, whole_quarters
from mmm_core.model.media import MediaLayout, MediaModel, MediaParameters
from mmm_core.posterior.handle import Posterior
from mmm_core.spec.model_spec import ModelSpec

CHUNK = 1_000_000
"""Numbers an array of a chunk may hold (8 MB)."""
DRAWS_AT_ONCE = 250
"""Draws whose media effects one call of the compiled program works out, where there is room for so many."""


def some_draws(parameters: MediaParameters, which: slice | np.ndarray) -> MediaParameters:
    """Some of the draws on the leading axis."""
    return jax.tree.map(lambda values: values[which], parameters)


@dataclass(frozen=True)
class Predictor:
    """The parts of a posterior that its predictions are made of, draws on the leading axis.

    Attributes:
        log: whether the KPI's logarithm is modelled.
        history: weeks of media before the first modelled one.
        parameters: of media.
        exposure: (geo, media_week, channel) in the table's units.
        level: (draw, week); fixed_effect: (draw, geo, term); sigma: (draw,), scaled.
        design: (geo, week, term).
        worth: (geo, week), revenue of one unit of the KPI, 1 where the KPI is the outcome itself.
    """

    spec: ModelSpec
    log: bool
    history: int
    media: MediaModel
    parameters: MediaParameters
    exposure: np.ndarray
    level: np.ndarray
    fixed_effect: np.ndarray
    sigma: np.ndarray
    design: np.ndarray
    worth: np.ndarray

    @classmethod
    def of(cls, posterior: Posterior, positions: np.ndarray | None = None) -> Predictor:
        """Of all draws of a posterior, or those at `positions`."""
        data = posterior.data
        return cls(
            spec=posterior.spec,
            log=posterior.spec.kpi.scale == "log",
            history=posterior.history,
            media=posterior.media,
            parameters=posterior.media_parameters(positions),
            exposure=data["exposure"].to_numpy(),
            level=posterior.draws("level", positions),
            fixed_effect=posterior.draws("fixed_effect", positions),
            sigma=posterior.draws("sigma", positions),
            design=data["design"].to_numpy(),
            worth=data["revenue_per_kpi"].to_numpy(),
        )

    @property
    def draws(self) -> int:
        """Number of draws."""
        return len(self.level)

    @property
    def weeks(self) -> int:
        """Number of modelled weeks."""
        return self.level.shape[1]

    def geo(self, position: int) -> Predictor:
        """The same for one geo."""
        this = slice(position, position + 1)
        return replace(
            self,
            media=self.media.geo(position),
            parameters=self.parameters._replace(coefficient=self.parameters.coefficient[:, this]),
            exposure=self.exposure[this],
            fixed_effect=self.fixed_effect[:, this],
            design=self.design[this],
            worth=self.worth[this],
        )

    def chunks(self, terms: int = 0) -> Iterator[slice]:
        """Slices of the draws, of nearly equal size, for arrays over geos, weeks and channels or `terms`."""
        geos, weeks, channels = self.exposure.shape
        most = max(1, CHUNK // (geos * whole_quarters(weeks) * max(terms, channels)))
        size = -(-self.draws // -(-self.draws // most))
        return (slice(start, start + size) for start in range(0, self.draws, size))

    def media_terms(
        self, which: slice, exposure: np.ndarray | None = None, frequency: Any = None
    ) -> np.ndarray:
        """What each channel adds to the predictor in the modelled weeks, (draw, geo, week, channel).

        Args:
            exposure: another path of media, (geo, media_week, channel), which may go on after the fitted weeks: a
                time-varying effect then stays where it was.
            frequency: its frequency in the form of `MediaModel.frequency`, the fitted one by default.
        """
        path = self.exposure if exposure is None else exposure
        beyond = path.shape[1] - self.exposure.shape[1]
        parameters, media = some_draws(self.parameters, which), self.media
        if beyond and parameters.multiplier is not None:
            held = np.repeat(parameters.multiplier[:, -1:], beyond, axis=1)
            parameters = parameters._replace(multiplier=np.concatenate([parameters.multiplier, held], axis=1))
        frequency = media.frequency if frequency is None else frequency
        if frequency is not None and frequency.shape[1] < path.shape[1]:
            more = ((0, 0), (0, path.shape[1] - frequency.shape[1]), (0, 0))
            frequency = np.pad(frequency, more, mode="edge")
        # whole quarters, as the fit has them: a further week runs the program of the week before
        weeks = path.shape[1]
        more = whole_quarters(weeks) - weeks
        path, frequency = (
            filled(path, more, 1),
            None if frequency is None else filled(frequency, more, 1, "edge"),
        )
        if parameters.multiplier is not None:
            parameters = parameters._replace(multiplier=filled(parameters.multiplier, more, 1, "edge"))
        return _effect(media, parameters, path, frequency)[:, :, self.history : weeks]

    def media_terms_ahead(
        self, which: slice, exposure: np.ndarray, frequency: np.ndarray | None = None
    ) -> np.ndarray:
        """What each channel adds to the predictor in weeks after the fitted ones, (draw, geo, week, channel).

        Media of the fitted weeks carry over into them; a time-varying effect stays where it was in the last of those.

        Args:
            exposure: of the weeks ahead, (geo, week, channel), in the table's units.
            frequency: their frequency in the form of `MediaModel.frequency`; None where no channel has one.
        """
        parameters, media = some_draws(self.parameters, which), self.media
        if parameters.multiplier is not None:
            parameters = parameters._replace(multiplier=parameters.multiplier[:, -1:])
        carried = media.layout.lags - 1

        def after_the_last(past: np.ndarray, ahead: np.ndarray) -> np.ndarray:
            return np.concatenate([past[:, past.shape[1] - carried :], ahead], axis=1)

        path = after_the_last(self.exposure, exposure)
        if frequency is not None and media.frequency is not None:
            frequency = after_the_last(media.frequency, frequency)
        return _effect(media, parameters, path, frequency)[:, :, carried:]

    def baseline_terms(self, which: slice, terms: list[int] | None = None, level: bool = True) -> np.ndarray:
        """What the level and the terms of the design (all by default) add to the predictor, (draw, geo, week)."""
        some: Any = slice(None) if terms is None else terms
        fixed, design = self.fixed_effect[which][..., some], self.design[..., some]
        out = np.moveaxis(np.moveaxis(fixed, 1, 0) @ np.swapaxes(design, 1, 2), 0, 1)
        if level:
            out = out + self.level[which][:, None, :]
        return np.asarray(out * self.media.unit[:, None])

    def expected(self, predictor: np.ndarray, which: slice) -> np.ndarray:
        """Expected KPI at a predictor (draw, geo, week) of the draws `which`."""
        if not self.log:
            return predictor
        spread = (self.sigma[which][:, None, None] * self.media.unit[:, None]) ** 2 / 2
        return np.asarray(self.media.population[:, None] * np.exp(predictor + spread))

    def with_media(self, base: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Expected KPI from that without media (draw, geo, week) and the media's terms, channels last."""
        media = terms.sum(-1)
        return np.asarray(base * np.exp(media) if self.log else base + media)

    def gain(self, expected: np.ndarray, term: np.ndarray) -> np.ndarray:
        """How much of the expected KPI would be missing without some terms of its predictor.

        Args:
            expected: (draw, geo, week), the KPI with the terms; only looked at where the logarithm is modelled.
            term: (draw, geo, week) or (draw, geo, week, channel), each channel then taken away alone.
        """
        if not self.log:
            return term
        whole = expected if term.ndim == expected.ndim else expected[..., None]
        return np.asarray(whole * -np.expm1(-term))


def _effect(media: MediaModel, parameters: MediaParameters, path: np.ndarray, frequency: Any) -> np.ndarray:
    """`MediaModel.effect` of some draws, as many at a time whatever their number: the last ones are filled up, so that
    all analyses of a posterior share one program.
    """
    count = len(parameters.coefficient)
    size = min(DRAWS_AT_ONCE, max(1, CHUNK // path.size))
    out = np.empty((count, path.shape[0], path.shape[1], path.shape[2]))
    with jax.enable_x64(True):
        for start in range(0, count, size):
            rows = np.minimum(np.arange(start, start + size), count - 1)
            terms = _media_terms(
                media.layout,
                media.media_scale,
                media.population,
                media.unit,
                some_draws(parameters, rows),
                path,
                frequency,
            )
            out[start : start + size] = np.asarray(terms)[: count - start]
    return out


@partial(jax.jit, static_argnums=0)
def _media_terms(
    layout: MediaLayout,
    media_scale: Any,
    population: Any,
    unit: Any,
    parameters: MediaParameters,
    exposure: Any,
    frequency: Any,
) -> jax.Array:
    """`MediaModel.effect` with its arrays as arguments: every geo, path and chunk of one shape shares a program."""
    return MediaModel(layout, media_scale, frequency, population, unit).effect(parameters, exposure)
