"""A posterior as analyses read it: its specification parsed once, its arrays, its draws, its predictor.

Functions take the xarray DataTree that a fit returns or a file holds, and ask `Posterior.of(tree)` for this handle: one
a tree, for as long as the tree lives, so that what one analysis worked out (the specification, R-hat, the draws of the
ROI) is there for the next.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
import xarray as xr

from mmm_core.errors import InputError
from mmm_core.posterior.draws import thinned
from mmm_core.posterior.mixing import Mixing, mixing
from mmm_core.posterior.schema import spec_of
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    from mmm_core.model.media import MediaModel, MediaParameters
    from mmm_core.posterior.predictor import Predictor

Result = TypeVar("Result")

GROUPS = ("posterior", "sample_stats", "constant_data")


class Posterior:
    """The draws of a model's parameters with what they were fitted on.

    Attributes:
        attrs: attributes of the file: model, table, seed, engine, versions.
        spec: the specification it was fitted with.
        data: the arrays it was fitted on (`mmm_core.data.arrays.model_data`).
        variables: the draws, over (chain, draw, ...). sample_stats: the sampler's, over (chain, draw).
    """

    def __init__(self, tree: xr.DataTree) -> None:
        self.attrs: Mapping[Any, Any] = dict(tree.attrs)
        self.spec: ModelSpec = spec_of(tree)
        self.variables, self.sample_stats, self.data = (_group(tree, name) for name in GROUPS)
        self._worked_out: dict[Any, Any] = {}

    @classmethod
    def of(cls, source: xr.DataTree | Posterior) -> Posterior:
        """The handle of a tree; the same one as long as no variable of the tree is replaced.

        Values of a tree's arrays must not be written over in place: nobody would notice.
        """
        if isinstance(source, Posterior):
            return source
        found = _HANDLES.get(id(source))
        if found is None or not found._reads(source):
            if id(source) not in _HANDLES:
                weakref.finalize(source, _HANDLES.pop, id(source), None)
            found = _HANDLES[id(source)] = cls(source)
        return found

    def _reads(self, tree: xr.DataTree) -> bool:
        """Whether the tree still holds the very arrays that this handle was made of."""
        return self.attrs == tree.attrs and all(
            known.variables.keys() == (now := _group(tree, name).variables).keys()
            and all(now[variable] is values for variable, values in known.variables.items())
            for name, known in zip(GROUPS, (self.variables, self.sample_stats, self.data), strict=True)
        )

    @property
    def model(self) -> str:
        """Name of the model."""
        return str(self.attrs["model"])

    @property
    def engine(self) -> str:
        """Name of the engine that made the draws."""
        return str(self.attrs["engine"])

    @property
    def approximate(self) -> str:
        """What is approximate about the engine's answer; "" where nothing is."""
        return str(self.attrs.get("approximate", ""))

    @property
    def chains(self) -> int:
        """Number of chains."""
        return int(self.variables.sizes["chain"])

    @property
    def draws_a_chain(self) -> int:
        """Number of draws of each chain."""
        return int(self.variables.sizes["draw"])

    @property
    def history(self) -> int:
        """Weeks of media before the first modelled one."""
        return int(self.data.sizes["media_week"] - self.data.sizes["week"])

    @cached_property
    def media(self) -> MediaModel:
        """The media's part of the model, with this posterior's scales."""
        from mmm_core.model.media import MediaModel

        return MediaModel.of(self.data, self.spec)

    @cached_property
    def mixing(self) -> Mixing:
        """R-hat and effective sample sizes of every quantity."""
        return mixing(self.variables.data_vars)

    def refuse_another_table(self, fingerprint: str, table: str, name: str) -> None:
        """Raise InputError unless a table is the one this was fitted on.

        Args:
            fingerprint: of the table as `mmm_core.data.table.check_table` returns it.
            table, name: what to call the table and this posterior.
        """
        fitted = str(self.attrs["table"])
        if fingerprint != fitted:
            weeks = np.datetime_as_string(self.data["media_week"].to_numpy()[[0, -1]], "D")
            raise InputError(
                f"{table} is not the table that {name} was fitted on (fingerprint {fingerprint}, not {fitted}, whose "
                f"weeks are {weeks[0]} to {weeks[1]}): name that table, or fit again on this one"
            )

    def thinned(self, most: int) -> np.ndarray:
        """Positions of at most `most` of all draws, evenly spread and as many of each chain."""
        return thinned(self.chains, self.draws_a_chain, most)

    def draws(self, name: str, positions: np.ndarray | None = None) -> np.ndarray:
        """Draws of a variable, chains one after the other on the leading axis: all, or those at `positions`."""
        values = self.variables[name].to_numpy()
        values = values.reshape(-1, *values.shape[2:])
        return np.asarray(values if positions is None else values[positions])

    def media_parameters(self, positions: np.ndarray | None = None) -> MediaParameters:
        """The media's parameters, draws on the leading axis: all, or those at `positions`; float64."""
        from mmm_core.model.media import MediaParameters

        def double(name: str) -> np.ndarray:
            return np.asarray(self.draws(name, positions), dtype=float)

        return MediaParameters(
            {name: double(name) for name in self.media.layout.parameters},
            double("coefficient"),
            double("multiplier") if "multiplier" in self.variables else None,
        )

    def predictor(self, positions: np.ndarray | None = None) -> Predictor:
        """From media to the outcome, for all draws or those at `positions`."""
        from mmm_core.posterior.predictor import Predictor

        if positions is None:
            return self.once(Predictor.of)
        return Predictor.of(self, positions)

    def once(self, analysis: Callable[[Posterior], Result]) -> Result:
        """What an analysis makes of this posterior, worked out when it is first asked for.

        Whoever asks shares the answer and must not change it.
        """
        if analysis not in self._worked_out:
            self._worked_out[analysis] = analysis(self)
        return cast(Result, self._worked_out[analysis])

    def latest(self, analysis: Callable[..., Result], *asked: Hashable) -> Result:
        """What an analysis makes of this posterior and of what is asked of it; the answer to the last question is kept.

        Whoever asks shares the answer and must not change it.
        """
        question, answer = self._worked_out.get(analysis, (None, None))
        if question != asked:
            answer = analysis(self, *asked)
            self._worked_out[analysis] = (asked, answer)
        return cast(Result, answer)


def _group(tree: xr.DataTree, name: str) -> xr.Dataset:
    """A group of the tree, empty where it has none."""
    return tree.children[name].to_dataset() if name in tree.children else xr.Dataset()


# By identity, as trees have no hash; an entry goes when its tree does.
_HANDLES: dict[int, Posterior] = {}
