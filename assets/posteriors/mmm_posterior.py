"""`mmm_posterior`: the draws, fitted in a process of their own."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.code import code_version, engine_modules
from assets.metadata import rounded
from assets.models import load_model, vintage_of
from assets.posteriors.fit_inputs import FitInputs
from assets.resources.fitting import FitProcess
from assets.resources.stores import EvidenceStore, PosteriorStore, VintageStore
from assets.resources.tracking import Tracking
from assets.stage import check, check_spec, model_asset

if TYPE_CHECKING:
    from xarray import DataTree

    from mmm_core.evidence.stored import Evidence
    from mmm_core.spec.model_spec import ModelSpec

FIGURES = ("rhat_max", "ess_bulk_min", "ess_tail_min", "divergences", "compile_seconds", "sampling_seconds")


@model_asset(
    "posteriors",
    "mmm_posterior",
    deps=["model_table", "data_health", "lift_evidence"],
    description=(
        "Draws from the posterior of the marketing mix model, fitted by `mmm_core.inference.fit.fit` on the frozen "
        "table, with the lift tests that were approved.\n\n"
        "Grain: one file of draws a model and as-of week, named by its version: the hash of table, tests, "
        "specification, seed and source. The same inputs give the same version, and a version that is there is not "
        "fitted again."
    ),
    kinds={"numpyro", "jax"},
    pool="mcmc",
    code_version=code_version(__name__, "inference.fit", *engine_modules()),
    io_manager_key="posteriors",
    checks={
        "is_what_was_asked_for": "The file's table, tests, specification, seed and weeks are those of its version.",
    },
    check_specs=[
        check_spec(
            "keeps_its_contract",
            "mmm_posterior",
            "Every variable of the draws has the dimensions, labels and type of the specification, is finite, and lies "
            "where its meaning allows.",
            blocking=True,
        )
    ],
)
def mmm_posterior(
    context: dg.AssetExecutionContext,
    vintages: dg.ResourceParam[VintageStore],
    evidence: dg.ResourceParam[EvidenceStore],
    posteriors: dg.ResourceParam[PosteriorStore],
    fit_process: FitProcess,
    tracking: Tracking,
) -> dg.MaterializeResult:
    from mmm_core.diagnostics.summary import sampling
    from mmm_core.evidence.stored import read_evidence
    from mmm_core.inference.version import posterior_version as version_of

    vintage = vintage_of(context.partition_key)
    spec = load_model(vintage.model)
    table_version = vintages.current(vintage)
    tests_file = evidence.checked(vintage, evidence.current(vintage))
    lift_tests = read_evidence(tests_file)
    posterior_version = version_of(table_version, spec, lift_tests)
    target = posteriors.path(vintage, posterior_version)
    fitted = not posteriors.is_whole(target)
    # the review's refits: the compiled program is at hand, and so are the cores
    weeks = None if fitted else posteriors.load(vintage, posterior_version)["constant_data"].sizes["week"]
    missing = {0: target} if fitted else {}
    for held_out in spec.review.held_out(weeks):
        path = posteriors.holdout_path(vintage, posterior_version, held_out)
        if not posteriors.is_whole(path):
            missing[held_out] = path
    if missing:
        inputs = FitInputs(
            vintage, vintages.checked(vintage, table_version), tests_file, posterior_version, target
        )
        # what the tests moved is asked of the same process, where the programs of a refit are
        report = posteriors.report_path(vintage, posterior_version) if lift_tests.tests else None
        fit_process.run(context, inputs.extras(missing, report))
    else:
        context.log.info(f"posterior {posterior_version} is there already: {target}")
    tree = posteriors.load(vintage, posterior_version)

    facts = sampling(tree)
    figures = {name: facts[name] for name in FIGURES if facts[name] is not None}
    tags = {
        "spec_hash": spec.spec_hash,
        "posterior_version": posterior_version,
        "data_version": posterior_version,
    }
    with tracking.run(context, vintage, required=False, **tags) as run:
        run.log(
            params={
                "table_version": table_version,
                "engine": spec.fit.engine,
                "lift_tests": len(lift_tests.tests),
                **spec.fit.model_dump(include={"chains", "warmup", "draws", "seed"}),
            },
            metrics=figures,
        )
    return dg.MaterializeResult(
        value=posterior_version,
        data_version=dg.DataVersion(posterior_version),
        metadata={
            "posterior_version": posterior_version,
            "table_version": table_version,
            "fitted": fitted,
            "lift_tests": len(lift_tests.tests),
            **rounded(figures),
            **run.metadata,
        },
        check_results=[
            _is_what_was_asked_for(tree, table_version, spec, lift_tests),
            _keeps_its_contract(tree),
        ],
    )


def _keeps_its_contract(tree: "DataTree") -> dg.AssetCheckResult:
    """Whether a file that was there keeps the contract of this release: one that was fitted just now does."""
    from mmm_core.posterior.contract import contract_faults

    faults = contract_faults(tree)
    found = f"{len(tree['posterior'].data_vars)} variables as the specification has them"
    return check("keeps_its_contract", not faults, "\n".join(faults) or found)


def _is_what_was_asked_for(
    tree: "DataTree", table_version: str, spec: "ModelSpec", lift_tests: "Evidence"
) -> dg.AssetCheckResult:
    """Whether a file holds what its name says: it may be an earlier run's, or have been put there by hand."""
    from mmm_core.posterior.schema import calibrated_by

    asked = {
        "table": table_version,
        "spec_hash": spec.spec_hash,
        "seed": spec.fit.seed,
        "engine": spec.fit.engine,
    }
    other = [
        f"{name} is {tree.attrs[name]}, not {value}"
        for name, value in asked.items()
        if tree.attrs[name] != value
    ]
    seen = calibrated_by(tree)
    if (seen.version if seen else None) != (lift_tests.version if lift_tests.tests else None):
        found = ", ".join(each.test.test_id for each in seen.tests) if seen else "none"
        other.append(f"its lift tests are {found}, not those of the evidence")
    held_out = int(tree["constant_data"].attrs["holdout_weeks"])
    if held_out:
        other.append(f"the last {held_out} weeks were held out")
    sizes = tree["posterior"].sizes
    found = f"{sizes['chain']} chains of {sizes['draw']} draws of {sizes['week']} weeks"
    return check("is_what_was_asked_for", not other, "; ".join(other) or found)
