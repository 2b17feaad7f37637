"""Fit a model: weekly table and specification in, posterior out."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from mmm_core.data.arrays import last_day, model_data
from mmm_core.data.event_weeks import event_weeks
from mmm_core.data.quarters import whole_quarters
from mmm_core.errors import InputError, nearest
from mmm_core.evidence.roi_prior import as_priors, with_tested_roi
from mmm_core.evidence.stored import Evidence
from mmm_core.files import why_not_written
from mmm_core.inference.engines import (
    ENGINES,
    EngineResult,
    FitOptions,
    engine,
    refuse_beliefs,
    refuse_likelihood_terms,
)
from mmm_core.inference.hmc.state import Progress
from mmm_core.inference.memory import check_array_memory, check_memory
from mmm_core.inference.runtime import only_new_garbage
from mmm_core.inference.version import fit_source
from mmm_core.inference.watchdog import watched
from mmm_core.json_text import dumps
from mmm_core.model.model import LikelihoodTerm
from mmm_core.model.prepare import prepare
from mmm_core.posterior.schema import (
    FORMAT,
    LIFT_TESTS,
    SAMPLER,
    calibrated_by,
    check_posterior,
    save_posterior,
)
from mmm_core.spec.extensions import refuse_changed
from mmm_core.spec.model_spec import ModelSpec
from mmm_core.threads import one_blas_thread

REFIT_DRAWS = 1000
"""Draws of a refit, over all chains: what a forecast is scored on."""


@one_blas_thread
def fit(
    table: pd.DataFrame,
    spec: ModelSpec,
    progress: Callable[[Progress], None] | None = None,
    source: str = "table",
    holdout_weeks: int = 0,
    draws: int | None = None,
    checkpoint: Path | None = None,
    warm_start: xr.DataTree | None = None,
    evidence: Sequence[LikelihoodTerm] = (),
    lift_tests: Evidence | None = None,
    left_out: Collection[str] = (),
) -> xr.DataTree:
    """Fit `spec` on a weekly table.

    Args:
        table: one row a week, or a week and geo; see `mmm_core.data.table.check_table` for what is refused.
        progress: told how far the fit is.
        source: what to call the table in messages.
        holdout_weeks: leave the KPI of this many last weeks out of the likelihood.
        draws: kept draws a chain, where fewer than the specification's will do; the compiled programs are the same.
        checkpoint: a file the sampler's state is kept in; a fit that was cut short goes on from it and gives the same
            draws as one that was not. A damaged file, or one of another fit, is put aside. It stays when the fit is
            done: delete it once the posterior is safe, as `fit_and_save` does.
        warm_start: an earlier posterior of the model: its points and mass matrix shorten the warm-up. The answer does
            not depend on it.
        evidence: likelihood terms beside that of the KPI; an engine that has no place for them refuses them.
        lift_tests: the approved ones are replayed through the model in its likelihood, or are priors where the
            specification says so; an engine that has no place for the one or the other refuses them. Those whose result
            was not known by the last week that is not held out are left out.
        left_out: names of tests that the fit must not see, to learn what they moved; the compiled programs are those of
            all tests.

    Returns:
        The posterior, laid out as `mmm_core.posterior.schema` says.

    Raises:
        InputError: the table was refused, the engine cannot fit the specification or the evidence, a test to leave out
            is none of them, the checkpoint's folder cannot be written, or there is too little memory.
    """
    started = time.perf_counter()
    refuse_changed(spec.extensions)
    if checkpoint is not None and (why := why_not_written(checkpoint)):
        raise InputError(
            f"{checkpoint}: the sampler's state cannot be kept there: {why}: name another file, or none"
        )
    # read now, so that a file edited while the fit runs does not pass for what ran
    computed_by = fit_source(spec)
    data = model_data(table, spec, source, holdout_weeks)
    # a refit keeps the tests that it must not see in its program, without their results: it is the program of the whole
    # fit, and starts where that ended
    tests = () if lift_tests is None else lift_tests.known_by(last_day(data, held_out=True)).tests
    for name in left_out:
        if lift_tests is None or name not in lift_tests:
            known = () if lift_tests is None else (weighed.test.test_id for weighed in lift_tests.tests)
            raise InputError(f"lift test '{name}' cannot be left out: {nearest(name, known)}")
    stated = as_priors(tests, spec)
    tests = tuple(weighed for weighed in tests if weighed not in stated)
    refuse_beliefs(spec.model, spec.fit.engine, [weighed.test.test_id for weighed in stated])
    seen = [
        weighed
        for weighed in stated
        if weighed.test.known_on <= last_day(data) and weighed.test.test_id not in left_out
    ]
    data = with_tested_roi(data, seen, spec)
    beside_the_kpi = [*(term.name for term in evidence), *(weighed.test.test_id for weighed in tests)]
    refuse_likelihood_terms(spec.model, spec.fit.engine, beside_the_kpi)
    check_array_memory(data, spec)
    weeks = data.sizes["week"]
    prepared = prepare(
        data,
        spec,
        evidence,
        whole_quarters(weeks) if ENGINES[spec.fit.engine].any_weeks else weeks,
        tests,
        left_out,
    )
    memory = check_memory(prepared, draws)
    if progress is not None:
        for message in (*_on_event_weeks(data, spec), memory.words):
            progress(Progress("preparing", 0, 0, 0, time.perf_counter() - started, message=message))
    with only_new_garbage(), watched(progress) as told:
        options = FitOptions(draws, told, checkpoint, warm_start, computed_by)
        tree = posterior_tree(data, spec, engine(spec.fit.engine)(prepared, options))
    tree.attrs["memory"] = memory.words
    tree.attrs["total_seconds"] = time.perf_counter() - started
    if evidence:
        tree.attrs["evidence"] = dumps([term.name for term in evidence])
    if lift_tests is not None:
        tree.attrs[LIFT_TESTS] = lift_tests.known_by(last_day(data)).leaving_out(left_out).to_json()
    check_posterior(tree)
    return tree


def _on_event_weeks(data: xr.Dataset, spec: ModelSpec) -> list[str]:
    """What the KPI says against the weeks of events and holidays, where it does; of a refit nothing, it was said."""
    found = None if data.attrs["holdout_weeks"] else event_weeks(data, spec)
    threshold = spec.review.event_weeks
    return [found.words(threshold)] if found and found.factor >= threshold else []


def fit_and_save(
    table: pd.DataFrame,
    spec: ModelSpec,
    path: Path,
    progress: Callable[[Progress], None] | None = None,
    checkpoint: Path | None = None,
    **settings: Any,
) -> xr.DataTree:
    """Fit, write the posterior to a file, and only then delete the checkpoint.

    Args:
        path: of the posterior; it appears whole or not at all.
        progress, checkpoint, settings: of `fit`.

    Raises:
        InputError: of `fit`.
        OSError: the file cannot be written. A checkpoint is still there then, and the same fit goes on from it.
    """
    tree = fit(table, spec, progress, checkpoint=checkpoint, **settings)
    try:
        save_posterior(tree, path)
    except Exception:
        if progress is not None and checkpoint is not None and checkpoint.is_file():
            kept = f"the posterior is not written; its draws are kept in {checkpoint}: the same fit goes on from there"
            progress(Progress("saving", 0, 0, 0, tree.attrs["total_seconds"], message=kept))
        raise
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    return tree


def refit(
    table: pd.DataFrame,
    spec: ModelSpec,
    whole: xr.DataTree | None,
    holdout_weeks: int,
    path: Path | None = None,
    **settings: Any,
) -> xr.DataTree:
    """Fit without the KPI of the last weeks, for a review, or without some tests; several are several calls.

    Weeks and tests left out are masked, so the programs of the whole fit are used again. The chains start where its
    chains ended, with its mass matrix and step size, and what is left of the warm-up is a third: many times longer than
    a chain takes to forget where it began. The same posterior, weeks and tests give the same draws.

    Args:
        whole: the posterior of the same specification and all weeks; None to begin anew.
        holdout_weeks: how many are left out; 0 where tests are.
        path: of the posterior's file; it is only returned where there is none.
        settings: `progress`, `source`, `checkpoint`, `lift_tests`, `left_out` of `mmm_core.inference.fit.fit`; the
            tests are those that `whole` saw where nothing else is said.

    Raises:
        InputError: of `fit`.
    """
    settings |= {
        "holdout_weeks": holdout_weeks,
        "draws": min(spec.fit.draws, max(REFIT_DRAWS // spec.fit.chains, 1)),
        "warm_start": whole if whole is not None and SAMPLER in whole.children else None,
    }
    if whole is not None:
        settings.setdefault("lift_tests", calibrated_by(whole))
    return fit(table, spec, **settings) if path is None else fit_and_save(table, spec, path, **settings)


def posterior_tree(data: xr.Dataset, spec: ModelSpec, result: EngineResult) -> xr.DataTree:
    """The labelled tree of what an engine returned."""
    chains, draws = result.sample_stats.sizes["chain"], result.sample_stats.sizes["draw"]
    labels: dict[str, Any] = {
        name: (name, data[name].to_numpy(), data[name].attrs)
        for name in ("geo", "channel", "paid_channel", "week", "term")
    }
    coords = {"chain": np.arange(chains), "draw": np.arange(draws), **labels}
    variables = {
        name: (("chain", "draw", *dims), values) for name, (dims, values) in result.variables.items()
    }
    tree = xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset(variables, coords=coords),
            "/sample_stats": result.sample_stats,
            "/constant_data": data,
            **{f"/{name}": group for name, group in result.groups.items()},
        }
    )
    tree.attrs = {**origin(data, spec), **result.attrs}
    return tree


def origin(data: xr.Dataset, spec: ModelSpec) -> dict[str, Any]:
    """Root attributes of a posterior: what it was made of, and by what."""
    packages = ("carryover", "jax", "numpyro", "numpy")
    return {
        "format": FORMAT,
        "model": spec.model,
        "spec": spec.to_yaml(),
        "spec_hash": spec.spec_hash,
        "table": data.attrs["table"],
        "seed": spec.fit.seed,
        "engine": spec.fit.engine,
        "approximate": ENGINES[spec.fit.engine].approximate,
        "source": fit_source(spec),
        "versions": dumps({name: package_version(name) for name in packages}),
    }
