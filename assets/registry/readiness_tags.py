"""Whether a registered budget may be acted on, as tags of its version.

A budget is registered before the gates have seen it, and what MLflow loads answers with the plan alone: whoever reads
`mmm_<model>_budget` asks these tags of its version. One without them was not put to the gates.
"""

from typing import TYPE_CHECKING

import dagster as dg

from assets.resources.tracking import Tracking, registered_name
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.readiness.report import ReadinessReport

READY, BECAUSE, LET_PASS = "ready", "not_ready_because", "let_pass"
NOTHING = "none"
"""What a tag says that has no reason to tell."""


def tag_readiness(run: Stage, tracking: Tracking, plan: "pd.DataFrame", found: "ReadinessReport") -> str:
    """Tag the registered version of a budget with what the gates say of it, and answer with its number.

    What an earlier question of the gates said is replaced, so that the tags follow the YAML's thresholds and the
    overrides' file as the table of gates does.

    Args:
        plan: `budget_allocation` with its labels, which the gates were asked of.

    Raises:
        Failure: no version of this posterior holds that plan.
    """
    from mmm_core.data.table import fingerprint

    client, name = tracking.client(), registered_name(run.vintage.model, "budget")
    decided = fingerprint(plan.drop(columns=["posterior_version", "model_version"]))
    version = tracking.version_with(
        name, {"posterior_version": run.posterior_version, "data_version": decided}
    )
    if version is None:
        raise dg.Failure(
            f"this budget of posterior {run.posterior_version} is not registered in MLflow as {name}: materialize "
            "budget_allocation again",
            allow_retries=False,
        )
    for tag, value in tags_of(found).items():
        client.set_model_version_tag(name, version, tag, value)
    return version


def tags_of(found: "ReadinessReport") -> dict[str, str]:
    """`ready` (true or false), `not_ready_because` and `let_pass` (who lets which gate pass), in words or "none"."""
    return {
        READY: str(found.ready).lower(),
        BECAUSE: found.not_ready_because or NOTHING,
        LET_PASS: found.let_pass or NOTHING,
    }
