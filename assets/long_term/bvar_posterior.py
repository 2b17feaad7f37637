"""`bvar_posterior`: base sales and brand metrics as a vector autoregression, a draw for each of some MMM draws."""

import hashlib
import time
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.code import code_version
from assets.long_term import checks
from assets.long_term.outcome import empty
from assets.metadata import plot, preview, rounded
from assets.models import load_model, vintage_of
from assets.registry.answers import register_answer
from assets.resources.long_term_stores import LongTermStore, SurveyStore
from assets.resources.results import LONG_TERM_STATES
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage, check, model_asset, stage
from mmm_core.errors import InputError
from mmm_core.plots.image import png

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.long_term.stage import LongTerm

FIGURES = ("stable_share", "rhat", "ess")


@model_asset(
    "long_term",
    "bvar_posterior",
    deps=["registered_model"],
    description=(
        "Draws of a Bayesian vector autoregression of base sales and the brand metrics of the YAML's `long_term`, one "
        "for each of some draws of the short-term posterior (`mmm_core.long_term.stage.fit_long_term`); registered as "
        "`mmm_<model>_long_term` beside the model it came from. Skipped for a model that names no metric; surveys that "
        "cannot be used, or too few weeks, fail a check and stop nothing else.\n\n"
        "Grain: one file of draws a model and as-of week, named by its version: the hash of short-term posterior, "
        "waves, rule with its seed, and source. A version that is there is not fitted again. Beside it the metrics "
        "week by week, for `rpt_brand_metrics`."
    ),
    kinds={"numpy", "mlflow"},
    pool="mcmc",
    code_version=code_version(__name__, "long_term.stage"),
    io_manager_key="long_terms",
    checks=checks.MEANINGS,
)
def bvar_posterior(
    context: dg.AssetExecutionContext,
    mmm_posterior,
    brand_state,
    posteriors: dg.ResourceParam[PosteriorStore],
    surveys: dg.ResourceParam[SurveyStore],
    long_terms: dg.ResourceParam[LongTermStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.long_term.stage import fit_long_term, skip_reason

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    with stage(context, tracking, posteriors) as run:
        if reason := skip_reason(spec):
            context.log.info(f"skipped: {reason}")
            return _without(run, results, f"skipped: {reason}", answered=True)
        if brand_state is None:
            return _without(run, results, "the surveys cannot be used: the check of brand_state says why")
        version = long_term_version(run.posterior_version, surveys.current(vintage), spec.long_term.rule_hash)
        begun = time.perf_counter()
        if long_terms.is_whole(vintage, version):
            context.log.info(f"long-term posterior {version} is there already")
        else:
            try:
                found = fit_long_term(
                    mmm_posterior,
                    brand_state,
                    spec.long_term,
                    as_of=vintage.week,
                    origin=run.posterior_version,
                )
            except InputError as error:
                return _without(run, results, str(error))
            long_terms.save(vintage, version, found)
        found = long_terms.load(vintage, version)
        return _result(run, results, tracking, found, version, long_terms, time.perf_counter() - begun)


def long_term_version(posterior: str, surveys: str, rule: str) -> str:
    """The version of the long-term posterior that a fit would give, 16 hexadecimal digits.

    Args:
        posterior: version of the short-term one. surveys: hash of the waves. rule: of the YAML's `long_term`.
    """
    from mmm_core.json_text import dumps
    from mmm_core.source import source_hash

    source = source_hash(["mmm_core.long_term.stage"])
    parts = {"posterior": posterior, "surveys": surveys, "rule": rule, "source": source}
    return hashlib.sha256(dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _result(
    run: Stage,
    results: ResultStore,
    tracking: Tracking,
    found: "LongTerm",
    version: str,
    long_terms: LongTermStore,
    seconds: float,
) -> dg.MaterializeResult:
    from mmm_core.plots.long_term import brand

    states, table = found.brand(), found.checks()
    _keep_states(run, results, states, version)
    figures = {name: float(found.attrs[name]) for name in FIGURES}
    run.run.tag(long_term_version=version, data_version=version)
    run.run.log(figures, {"draws": found.draws.sizes["draw"], "lags": found.draws.attrs["lags"]})
    run.run.table(table, "checks")
    run.run.table(found.multipliers(), "multipliers")
    run.run.table(found.decomposition(), "variance_decomposition")
    image = png(brand(states, run.vintage.model))
    run.run.image(image, "brand_metrics")
    registered = _register(run, tracking, found, version, long_terms)
    answer = f"{found.draws.sizes['draw']} draws of {', '.join(found.rule.variables)}"
    return dg.MaterializeResult(
        value=version,
        data_version=dg.DataVersion(version),
        metadata={
            "long_term_version": version,
            "posterior_version": run.posterior_version,
            "model_version": run.model_version,
            "registered_as": f"{registered_name(run.vintage.model, 'long_term')} version {registered}",
            "seconds": round(seconds, 1),
            **rounded(figures),
            "notes": dg.MetadataValue.md("\n".join(f"* {note}" for note in found.notes) or "nothing of note"),
            "brand_metrics": plot(image),
            "multipliers": preview(found.multipliers(), rows=60),
            "checks": preview(table, rows=60),
            **run.run.metadata,
        },
        check_results=[check(checks.ANSWERED, True, answer), *checks.results(table)],
    )


def _register(
    run: Stage, tracking: Tracking, found: "LongTerm", version: str, long_terms: LongTermStore
) -> str:
    """Register the draws with the table of returns that answers from them; each of the two versions names the other."""
    table = found.roi().assign(long_term_version=version).astype({"horizon_weeks": "float64"})
    file = long_terms.path(run.vintage, version)
    registered = register_answer(
        "long_term", table, run, tracking, {"posterior": file}, {"long_term_version": version}
    )
    client, model = tracking.client(), run.vintage.model
    client.set_model_version_tag(registered_name(model), run.model_version, "long_term_version", registered)
    return registered


def _keep_states(run: Stage, results: ResultStore, states: "pd.DataFrame", version: str) -> None:
    """The metrics week by week, kept as the asset's table of results."""
    table = run.labelled(states).assign(long_term_version=version)
    asset = run.context.asset_key.path[-1]
    results.versions(asset).point(run.vintage, results.keep(asset, run.vintage, table))


def _without(run: Stage, results: ResultStore, why: str, answered: bool = False) -> dg.MaterializeResult:
    """A vintage that has no long-term posterior, which is right (`answered`) or fails the check."""
    _keep_states(run, results, empty(LONG_TERM_STATES), "")
    run.run.tag(data_version="none")
    metadata: dict[str, Any] = {"skipped" if answered else "refused": why}
    return dg.MaterializeResult(
        value=None,
        data_version=dg.DataVersion("none"),
        metadata={**metadata, **run.run.metadata, "posterior_version": run.posterior_version},
        check_results=[check(checks.ANSWERED, answered, why), *checks.passed_over(f"no draws: {why}")],
    )
