"""What a published week answered: returns and recommended budget, as its publication names their versions."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.damage import say
from assets.resources.result_store import ResultStore
from assets.resources.versions import Damaged

if TYPE_CHECKING:
    import pandas as pd

ROI, BUDGET = "channel_roi", "budget_allocation"
"""Tables of the schema `results`."""


@dataclass(frozen=True)
class PublishedAnswer:
    """Returns (`mmm_core.effects.roi.roi_table`) and budget that a vintage published, of one posterior."""

    vintage: Vintage
    posterior_version: str
    roi: "pd.DataFrame"
    allocation: "pd.DataFrame"


def published_answer(results: ResultStore, vintage: Vintage) -> PublishedAnswer:
    """The answer of a published vintage.

    Raises:
        Damaged, FileNotFoundError: it has published none, or its files cannot be read.
    """
    from assets.resources.results import ASSET_OF_TABLE

    record = results.record(vintage)
    if missing := {ROI, BUDGET} - record.keys():
        raise FileNotFoundError(f"{vintage.key} has published no {', '.join(sorted(missing))}")
    roi, allocation = (
        results.stored(ASSET_OF_TABLE[table], vintage, record[table]["version"]) for table in (ROI, BUDGET)
    )
    return PublishedAnswer(vintage, str(record[ROI]["posterior_version"]), roi, allocation)


def last_answer(results: ResultStore, vintage: Vintage) -> PublishedAnswer | None:
    """The answer of the last published week before a vintage; None where none can be read."""
    for earlier, _ in results.published_before(vintage):
        try:
            return published_answer(results, earlier)
        except (Damaged, FileNotFoundError) as missing:
            say(f"{vintage.key} is not compared with {earlier.as_of_week}: {missing}")
    return None
