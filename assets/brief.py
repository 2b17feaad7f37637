"""Brief runs: of a past week, what later weeks are held against it by, and nothing that only somebody would read.

A week of a model is fitted, reviewed and scored; its returns, curves and budget are worked out and published. Pictures,
what the transforms do, the scenarios, the long term, the comparison of sources and the report are left out: they are
two thirds of the work of a week, and of one last spring nobody opens them. `refresh_model` makes them of any week.
"""

import dagster as dg

TAGS = {"refresh/brief": "true"}
"""Of a run that is brief."""

LEFT_OUT = (
    "media_transforms",
    "reconciliation",
    "brand_state",
    "bvar_posterior",
    "impulse_responses",
    "long_term_roi",
    "total_roi",
    "budget_scenarios",
    "weekly_report",
)
"""Assets of `refresh_model` that the job `refresh_past_week` has not."""


def is_brief(context: dg.AssetExecutionContext) -> bool:
    """Whether the run that materializes an asset is."""
    return TAGS.items() <= context.run.tags.items()


def refuse_brief(context: dg.AssetExecutionContext, horizon: str) -> None:
    """Raise Failure of a brief run of a model that needs what it leaves out."""
    if is_brief(context) and (why := why_whole(horizon)):
        raise dg.Failure(
            f"refresh_past_week does not do for this model, as {why}: run refresh_model for this week",
            allow_retries=False,
        )


def why_whole(horizon: str) -> str:
    """Why a model's past weeks are no brief ones, by the `horizon` of its budget; "" where they may be."""
    return "its budget counts the long term" if horizon == "long" else ""
