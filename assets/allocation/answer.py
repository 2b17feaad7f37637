"""What the recommended budget answers beyond its table: gain, its interval and probability, what was asked."""

import json
from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.stores import ResultStore

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.budget.allocation import Allocation
    from mmm_core.report.findings import Recommendation

ANSWER = "budget_answer"
"""Where `budget_allocation` keeps it, beside its table."""

FACTS = (
    "weeks",
    "total",
    "current_total",
    "gain",
    "gain_q05",
    "gain_q95",
    "probability_better",
    "gain_in",
    "horizon",
    "marginal_in",
)


def keep_answer(results: ResultStore, vintage: Vintage, found: "Allocation", table: "pd.DataFrame") -> None:
    """Keep the answer that belongs to a table of a budget."""
    import pandas as pd

    from mmm_core.data.table import fingerprint
    from mmm_core.json_text import dumps

    facts = {name: getattr(found, name) for name in FACTS}
    cells = "" if found.cells is None else dumps(found.cells.to_dict("list"))
    told = {"words": "\n".join(found.words), "prices": "\n".join(found.prices)}
    row = {**facts, **told, "cells": cells, "budget_version": fingerprint(table)}
    results.versions(ANSWER).point(vintage, results.keep(ANSWER, vintage, pd.DataFrame([row])))


def read_cells(results: ResultStore, vintage: Vintage, table: "pd.DataFrame") -> "pd.DataFrame | None":
    """The weeks, geos or flightings of a budget's table; None where it decides channels alone."""
    found = read_answer(results, vintage, table)
    return None if found is None else found.cells


def read_answer(results: ResultStore, vintage: Vintage, table: "pd.DataFrame") -> "Recommendation | None":
    """The recommendation of a budget's table; None where what was kept belongs to another."""
    import pandas as pd

    from mmm_core.data.table import fingerprint
    from mmm_core.report.findings import Recommendation

    found = results.read(ANSWER, vintage)
    if found is None or found["budget_version"].iloc[0] != fingerprint(table):
        return None
    (facts,) = found.to_dict("records")
    return Recommendation(
        channels=table,
        weeks=int(facts["weeks"]),
        total=facts["total"],
        current_total=facts["current_total"],
        gain=facts["gain"],
        gain_q05=facts["gain_q05"],
        gain_q95=facts["gain_q95"],
        probability=facts["probability_better"],
        gain_in=facts["gain_in"],
        horizon=facts["horizon"],
        marginal_in=facts.get("marginal_in", "outcome"),  # an answer of before kept none
        words=tuple(filter(None, facts["words"].split("\n"))),
        prices=tuple(filter(None, facts.get("prices", "").split("\n"))),
        cells=pd.DataFrame(json.loads(facts["cells"])) if facts.get("cells") else None,
    )
