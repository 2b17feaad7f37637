"""`champion`: which version is live. Promotion only past the review."""

import dagster as dg

from assets.code import code_version
from assets.models import vintage_of
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking
from assets.stage import check, model_asset, stage

ALIASES = ("champion", "challenger", "previous")


@model_asset(
    "registry",
    "champion",
    deps=["registered_model"],
    description=(
        "The live version of the model: alias `champion` moves to the version that passed the review, `previous` "
        "to the one it replaces. A past week's backfill leaves both where they are.\n\nGrain: one promotion a vintage."
    ),
    kinds={"mlflow"},
    code_version=code_version(__name__),
    checks={"serves_a_reviewed_model": "The champion's version is tagged as having passed the review."},
)
def champion(
    context: dg.AssetExecutionContext,
    model_review,
    posteriors: dg.ResourceParam[PosteriorStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    name = f"mmm_{vintage.model}"
    with stage(context, tracking, posteriors) as run:
        # The blocking checks stop a run that reviews; this stops one that begins here.
        _refuse_unreviewed(model_review, run.posterior_version)
        client = tracking.client()
        before = tracking.aliases(vintage.model)
        promoted = tracking.may_move("champion", vintage)
        if promoted and before.get("champion") != run.model_version:
            if "champion" in before:
                client.set_registered_model_alias(name, "previous", before["champion"])
            client.set_registered_model_alias(name, "champion", run.model_version)
        after = tracking.aliases(vintage.model)
        live = after["champion"]
        reviewed = client.get_model_version(name, live).tags.get("review")
        outcome = "live" if live == run.model_version else f"kept out: version {live} is of a later week"
        run.run.tag(outcome=outcome)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(run.posterior_version),
            metadata={
                "outcome": outcome,
                "model_version": run.model_version,
                "posterior_version": run.posterior_version,
                "champion": dg.MetadataValue.url(tracking.version_url(vintage.model, live)),
                **{f"alias/{alias}": after.get(alias, "none") for alias in ALIASES},
                **run.run.metadata,
            },
            check_results=[
                check("serves_a_reviewed_model", reviewed == "passed", f"version {live}: review {reviewed}")
            ],
        )


def _refuse_unreviewed(review, posterior_version: str) -> None:
    """Raise Failure unless the review is of this posterior and no ERROR check failed."""
    if set(review["posterior_version"]) != {posterior_version}:
        raise dg.Failure(
            f"the review is of posterior {', '.join(sorted(set(review['posterior_version'])))}, not of "
            f"{posterior_version}: materialize model_review again",
            allow_retries=False,
        )
    failed = review[~review["passed"].astype(bool) & (review["severity"] == "ERROR")]
    if len(failed):
        reasons = "; ".join(f"{row.check_name}: {row.message}" for row in failed.itertuples())
        raise dg.Failure(f"not promoted, the review failed: {reasons}", allow_retries=False)
