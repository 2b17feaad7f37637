"""`champion`: which version is live. Promotion only past the review."""

import dagster as dg

from assets.code import code_version
from assets.models import ANSWERS, LONG_TERM, vintage_of
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore
from assets.resources.tracking import Tracking, registered_name
from assets.stage import check, model_asset, stage

ALIASES = ("champion", "challenger", "previous")
ANSWERED_BY = {"curves": "response_curves", "budget": "budget_allocation"}


@model_asset(
    "registry",
    "champion",
    deps=["registered_model", "response_curves", "budget_allocation", "bvar_posterior"],
    description=(
        "The live version of the model: alias `champion` moves to the version that passed the review, `previous` "
        "to the one it replaces, and those of its response curves, budget and long term with them. A past week's "
        "backfill leaves them where they are.\n\nGrain: one promotion a vintage."
    ),
    kinds={"mlflow"},
    code_version=code_version(__name__),
    checks={"serves_a_reviewed_model": "The champion's version is tagged as having passed the review."},
)
def champion(
    context: dg.AssetExecutionContext,
    model_review,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    name = f"mmm_{vintage.model}"
    with stage(context, tracking, posteriors) as run:
        # The blocking checks stop a run that reviews; this stops one that begins here.
        _refuse_unreviewed(model_review, run.posterior_version)
        client = tracking.client()
        promoted = tracking.may_move("champion", vintage)
        if promoted:
            long_term = long_terms.held(vintage)
            # what answers from the posterior first: who asks for the champion's curves never gets older ones
            for kind in ANSWERS:
                version = tracking.version_with(
                    registered_name(vintage.model, kind), {"posterior_version": run.posterior_version}
                )
                if version is None:
                    raise dg.Failure(
                        f"no {kind} of posterior {run.posterior_version} are registered: materialize "
                        f"{ANSWERED_BY[kind]} first",
                        allow_retries=False,
                    )
                client.set_model_version_tag(
                    registered_name(vintage.model, kind), version, "long_term_version", long_term or "none"
                )
                _promote(tracking, vintage.model, version, kind)
            _promote_long_term(tracking, vintage.model, long_term, run.posterior_version)
            _promote(tracking, vintage.model, run.model_version)
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


def _promote(tracking: Tracking, model: str, version: str, kind: str = "") -> None:
    """Alias `champion` to a version, `previous` to the one it replaces."""
    client, name = tracking.client(), registered_name(model, kind)
    before = tracking.aliases(model, kind).get("champion")
    if before == version:
        return
    if before is not None:
        client.set_registered_model_alias(name, "previous", before)
    client.set_registered_model_alias(name, "champion", version)


def _promote_long_term(
    tracking: Tracking, model: str, long_term_version: str | None, posterior_version: str
) -> None:
    """The long term of the same posterior; a champion without one leaves none that is another posterior's."""
    name = registered_name(model, LONG_TERM)
    version = None
    if long_term_version:
        wanted = {"posterior_version": posterior_version, "long_term_version": long_term_version}
        version = tracking.version_with(name, wanted)
    if version is not None:
        _promote(tracking, model, version, LONG_TERM)
    elif before := tracking.aliases(model, LONG_TERM).get("champion"):
        client = tracking.client()
        client.set_registered_model_alias(name, "previous", before)
        client.delete_registered_model_alias(name, "champion")


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
