"""What changed since the last published week, kept for `rpt_belief_history`: why a belief is another."""

from typing import TYPE_CHECKING

from assets.resources.stores import ResultStore
from assets.stage import Stage

if TYPE_CHECKING:
    import pandas as pd
    from xarray import DataTree

    from mmm_core.report.change import Change

CHANGES = "belief_changes"
"""Where `weekly_report` keeps it, beside its pages."""


def keep_change(run: Stage, results: ResultStore, tree: "DataTree", since: "Change | None") -> None:
    """Keep what changed of a stage's posterior; no row where there was nothing before it."""
    table = run.labelled(change_rows(tree, since))
    results.versions(CHANGES).point(run.vintage, results.keep(CHANGES, run.vintage, table))


def change_rows(tree: "DataTree", since: "Change | None") -> "pd.DataFrame":
    """A row a channel: the version before, what differs in words, and what each kind of input did to the ROI."""
    import pandas as pd

    from mmm_core.posterior.handle import Posterior
    from mmm_core.report.change import KINDS

    columns = ["previous_version", "channel", "what_changed", *KINDS]
    if since is None:
        return pd.DataFrame(columns=columns)
    said = "; ".join(f"{kind}: {words}" for kind, words in since.differs.items()) or "nothing"
    roi = since.table[since.table["metric"] == "roi"].set_index("channel")[list(KINDS)].astype(float)
    found = roi.reindex(list(Posterior.of(tree).spec.channels)).rename_axis("channel").reset_index()
    return found.assign(previous_version=since.before, what_changed=said)[columns]
