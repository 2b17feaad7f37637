"""Budgets that were recommended and published in earlier weeks, for holding what was spent since against them."""

from typing import TYPE_CHECKING

from assets.allocation.answer import read_answer
from assets.models import Vintage
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.versions import Damaged

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.posterior.handle import Posterior
    from mmm_core.report.findings import Recommendation as Answer
    from mmm_core.scenarios.recommendation import Recommendation

BUDGET = "budget_allocation"


def earlier_budgets(
    results: ResultStore, vintage: Vintage, posterior: "Posterior", weeks: int
) -> "list[Recommendation]":
    """The last published recommendation before a vintage, and the oldest whose horizon of `weeks` is not over."""
    import pandas as pd

    from mmm_core.data.weeks import first_days
    from mmm_core.scenarios.recommendation import Recommendation

    published = sorted(
        (other for other in results.publications.vintages() if other.model == vintage.model),
        key=lambda other: other.week,
    )
    before = [other for other in published if other.week < vintage.week]
    open_yet = [other for other in before if (vintage.week - other.week).days <= 7 * weeks]
    chosen = dict.fromkeys([*open_yet[:1], *before[-1:]])
    calendar = pd.DatetimeIndex(posterior.data["media_week"].to_numpy())
    starts = first_days(calendar, posterior.spec)
    found = []
    for other in chosen:
        known = calendar[starts <= pd.Timestamp(other.week)]
        published = _published(results, other)
        if published is not None and len(known):
            table, answer = published
            weeks_of, cells = (None, None) if answer is None else (answer.weeks, answer.cells)
            found.append(Recommendation.of_table(table, known[-1], weeks_of, cells))
    return found


def _published(results: ResultStore, vintage: Vintage) -> "tuple[pd.DataFrame, Answer | None] | None":
    """The budget that a vintage published, with its answer; None where it published none, or it cannot be read."""
    try:
        record = results.record(vintage)
        if BUDGET not in record:
            return None
        table = results.stored(BUDGET, vintage, record[BUDGET]["version"])
        return table, read_answer(results, vintage, table)
    except (Damaged, FileNotFoundError) as missing:
        say(f"the budget that {vintage.key} published is not looked at: {missing}")
        return None
