"""`champion`: which version is live. Promotion only past the review and the YAML's `promotion:`."""

from typing import TYPE_CHECKING

import dagster as dg

from assets.allocation.of_one_posterior import refuse_another_posterior
from assets.code import code_version
from assets.metadata import preview, rounded
from assets.models import ANSWERS, LONG_TERM, Vintage, load_model, vintage_of
from assets.registry.aliases import MODEL, move_champions
from assets.registry.kept_decision import PROMOTED, keep_decision, was_promoted
from assets.registry.stability import moved_in
from assets.resources.long_term_stores import LongTermStore
from assets.resources.stores import PosteriorStore, ResultStore
from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage, check, check_spec, model_asset, stage

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.promotion.decision import Decision

RULE, REVIEWED = "holds_the_promotion_rule", "serves_a_reviewed_model"
REFUSED = "refused"
"""How the tag `promotion` of a version begins that was not promoted."""

ALIASES = ("champion", "challenger", "previous")
ANSWERED_BY = {"curves": "response_curves", "budget": "budget_allocation"}


@model_asset(
    "registry",
    "champion",
    deps=["registered_model", "response_curves", "budget_allocation", "budget_readiness", "bvar_posterior"],
    description=(
        "The live version of the model: alias `champion` moves to the version that passed the review and holds the "
        "thresholds of the YAML's `promotion:` on the track record of earlier forecasts (`backtest`) and on what moved "
        "(`stability`); `previous` to the one it replaces, and those of its response curves, budget and long term with "
        "them. A version that misses a threshold is neither promoted nor published until somebody accepts it by name "
        "(`promotion.accepted`). A past week's backfill leaves the aliases where they are, and what was promoted in "
        "its own time stays so. `rpt_promotion` holds every gate and what came of it.\n\n"
        "Grain: one promotion a vintage."
    ),
    kinds={"mlflow"},
    code_version=code_version(__name__, "promotion.decision"),
    checks={REVIEWED: "The champion's version is tagged as having passed the review."},
    check_specs=[
        check_spec(
            RULE,
            "champion",
            "What was forecast in earlier weeks and how far the answer moved are within `promotion:` of the YAML, or "
            "somebody accepted what is not.",
            blocking=True,
        )
    ],
)
def champion(
    context: dg.AssetExecutionContext,
    model_review,
    backtest,
    stability,
    posteriors: dg.ResourceParam[PosteriorStore],
    long_terms: dg.ResourceParam[LongTermStore],
    results: dg.ResourceParam[ResultStore],
    tracking: Tracking,
) -> dg.MaterializeResult:
    vintage = vintage_of(context.partition_key)
    name = f"mmm_{vintage.model}"
    with stage(context, tracking, posteriors) as run:
        # The blocking checks stop a run that reviews; this stops one that begins here.
        _refuse_unreviewed(model_review, run.posterior_version)
        decision = _decide(vintage, run.posterior_version, backtest, stability)
        client = tracking.client()
        may_move = tracking.may_move("champion", vintage)
        verdict = decision.verdict if may_move else f"of a past week: {decision.verdict}"
        was_live = not may_move and was_promoted(results, vintage, run.posterior_version)
        if was_live:  # what was decided in its own time stands, with the tag that says it
            verdict = client.get_model_version(name, run.model_version).tags.get("promotion", PROMOTED)
        else:
            client.set_model_version_tag(name, run.model_version, "promotion", verdict)
            keep_decision(run, results, decision, may_move)
        if may_move and decision.promotes:
            _promote_all(run, tracking, long_terms)
        after = tracking.aliases(vintage.model)
        live = after.get("champion", "none")
        reviewed = client.get_model_version(name, live).tags.get("review") if live != "none" else "passed"
        outcome = _outcome(run.model_version, live, may_move, was_live, decision)
        run.run.tag(outcome=outcome, promotion=verdict)
        return dg.MaterializeResult(
            data_version=dg.DataVersion(run.posterior_version),
            metadata={
                "outcome": outcome,
                "promotion": decision.words,
                "gates": _gates(decision),
                "model_version": run.model_version,
                "posterior_version": run.posterior_version,
                "champion": (
                    "none"
                    if live == "none"
                    else dg.MetadataValue.url(tracking.version_url(vintage.model, live))
                ),
                **{f"alias/{alias}": after.get(alias, "none") for alias in ALIASES},
                **run.run.metadata,
            },
            check_results=[
                check(
                    REVIEWED,
                    reviewed == "passed",
                    "none is live" if live == "none" else f"version {live}: review {reviewed}",
                ),
                check(RULE, decision.promotes or not may_move, _ruling(decision, may_move)),
            ],
        )


def _decide(
    vintage: Vintage, posterior_version: str, backtest: "pd.DataFrame", stability: "pd.DataFrame"
) -> "Decision":
    """Hold the track record of this specification, and what moved, against the YAML's `promotion:` as it is now."""
    from mmm_core.promotion.decision import decide, stability_gates, track_record_gates

    found = {"backtest": backtest, "stability": stability}
    refuse_another_posterior(posterior_version, **{name: each for name, each in found.items() if len(each)})
    rule = load_model(vintage.model).promotion
    gates = [
        *track_record_gates(backtest[backtest["same_specification"].astype(bool)], rule.backtest),
        *stability_gates(*moved_in(stability), rule.stability),
    ]
    return decide(gates, vintage.week, rule)


def _outcome(version: str, live: str, may_move: bool, was_live: bool, decision: "Decision") -> str:
    if was_live:
        return f"was live in its time, as is kept: version {live} is of a later week"
    if not may_move:
        return f"kept out: version {live} is of a later week"
    if decision.promotes:
        return "live"
    if live == version:
        stays = "live already, and stays so"
    else:
        stays = "not promoted, " + ("none is live" if live == "none" else f"version {live} stays live")
    return f"{stays}: {decision.verdict}"


def _ruling(decision: "Decision", may_move: bool) -> str:
    if not may_move:
        return f"a past week, nothing is promoted: {decision.words}"
    if decision.promotes:
        return decision.words
    return (
        f"{decision.words}\nNothing is published. Mend the data or the model, change the threshold, or say in the YAML "
        "that it is right: promotion.accepted"
    )


def _gates(decision: "Decision") -> dg.MetadataValue:
    import pandas as pd

    rows = [
        (gate.name, "passed" if gate.passed else "failed", rounded({"": gate.figure})[""], gate.message)
        for gate in decision.gates
    ]
    return preview(pd.DataFrame(rows, columns=["gate", "outcome", "figure", "found"]))


def _promote_all(run: Stage, tracking: Tracking, long_terms: LongTermStore) -> None:
    """The version of a stage, with what answers from its posterior.

    Raises:
        Failure: an answer of the posterior is not registered.
    """
    client, vintage = tracking.client(), run.vintage
    held = long_terms.held(vintage)
    long_term = _long_term(tracking, vintage.model, held, run.posterior_version)
    versions: dict[str, str | None] = {MODEL: run.model_version}
    for kind in ANSWERS:
        name = registered_name(vintage.model, kind)
        version = tracking.version_with(name, {"posterior_version": run.posterior_version})
        if version is None:
            raise dg.Failure(
                f"no {kind} of posterior {run.posterior_version} are registered: materialize {ANSWERED_BY[kind]} first",
                allow_retries=False,
            )
        client.set_model_version_tag(
            name, version, "long_term_version", held if held and long_term else "none"
        )
        versions[kind] = version
    versions[LONG_TERM] = long_term
    move_champions(tracking, vintage.model, versions)


def _long_term(
    tracking: Tracking, model: str, long_term_version: str | None, posterior_version: str
) -> str | None:
    """The registered long term of the same posterior; None where it has none."""
    if not long_term_version:
        return None
    wanted = {"posterior_version": posterior_version, "long_term_version": long_term_version}
    return tracking.version_with(registered_name(model, LONG_TERM), wanted)


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
