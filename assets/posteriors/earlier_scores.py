"""Scores of the versions that earlier weeks published, on the weeks that a later table has since.

A score depends on the version, the rows that it is held against and the source that works it out, so that each is
worked out once and kept (`<results>/backtest_scores`): of a weekly refresh only the versions of four, eight and
thirteen weeks ago are new.
"""

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.result_store import ResultStore
from assets.resources.stores import PosteriorStore, VintageStore
from assets.resources.versions import Damaged
from mmm_core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from mmm_core.spec.model_spec import ModelSpec

SCORES = "backtest_scores"
OF_THE_VERSION = ("spec_hash", "table_version")
"""What is kept of a version beside its scores: the specification and the table it was fitted on."""


@dataclass
class EarlierScores:
    """What is known of the versions of earlier weeks.

    Attributes:
        rows: a row a version and horizon: forecast_as_of (Monday of its last week of data), forecast_version,
            spec_hash, known_then, and the columns of `mmm_core.forecast.track_record.COLUMNS`.
        waiting: as-of weeks of which not even the shortest horizon has come.
        left_out: by as-of week, why its version cannot be scored.
    """

    rows: "pd.DataFrame"
    waiting: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def score_earlier(
    vintage: Vintage,
    table: "pd.DataFrame",
    spec: "ModelSpec",
    vintages: VintageStore,
    posteriors: PosteriorStore,
    results: ResultStore,
) -> EarlierScores:
    """Score what was published for the weeks before a vintage, as far back as the YAML's `promotion:` says.

    Args:
        table: of the vintage, with the weeks that have come.
    """
    import pandas as pd

    from mmm_core.forecast.track_record import COLUMNS

    found = EarlierScores(
        pd.DataFrame(columns=["forecast_as_of", "forecast_version", "spec_hash", "known_then", *COLUMNS])
    )
    parts = []
    for earlier, version in reversed(results.published_before(vintage)):
        if not version or (vintage.week - earlier.week).days > 7 * spec.promotion.backtest.weeks:
            continue
        came = _rows_due(table, spec, earlier)
        if came is None:
            found.waiting.append(earlier.as_of_week)
            continue
        try:
            scored = _scored(earlier, version, came, spec, posteriors, results)
        except (InputError, Damaged, FileNotFoundError) as why:
            found.left_out[earlier.as_of_week] = str(why)
            continue
        origin = vintages.origin(earlier, scored["table_version"].iloc[0])
        parts.append(
            scored.drop(columns="table_version").assign(
                forecast_as_of=pd.Timestamp(earlier.week),
                forecast_version=version,
                known_then=bool(origin and origin.known_then),
            )
        )
    if parts:
        found.rows = pd.concat(parts, ignore_index=True)[list(found.rows.columns)]
    return found


def _rows_due(table: "pd.DataFrame", spec: "ModelSpec", earlier: Vintage) -> "pd.DataFrame | None":
    """The table up to the last week of the longest horizon that has come; None where not even the shortest has."""
    import pandas as pd

    from mmm_core.forecast.track_record import HORIZONS

    starts = _first_days(table, spec)
    after = starts[starts > pd.Timestamp(earlier.week)].unique().sort_values()
    due = [horizon for horizon in HORIZONS if horizon <= len(after)]
    return table[starts <= after[max(due) - 1]] if due else None


def _first_days(table: "pd.DataFrame", spec: "ModelSpec") -> "pd.DatetimeIndex":
    import pandas as pd

    from mmm_core.data.weeks import first_days

    return first_days(pd.DatetimeIndex(table[spec.time.column]), spec)


def _scored(
    earlier: Vintage,
    version: str,
    came: "pd.DataFrame",
    spec: "ModelSpec",
    posteriors: PosteriorStore,
    results: ResultStore,
) -> "pd.DataFrame":
    """The scores of one version, as they were kept or worked out now."""
    import pandas as pd

    from mmm_core.data.table import fingerprint
    from mmm_core.forecast.track_record import score_since
    from mmm_core.source import source_hash

    after = fingerprint(came[_first_days(came, spec) > pd.Timestamp(earlier.week)])
    source = source_hash(["mmm_core.forecast.track_record"])
    key = hashlib.sha256(f"{version} {after} {source}".encode()).hexdigest()[:16]
    kept = results.versions(SCORES)
    try:
        return pd.read_parquet(kept.checked(earlier, key))
    except (Damaged, FileNotFoundError):
        pass
    tree = posteriors.load(earlier, version, keep=False)
    facts = (str(tree.attrs["spec_hash"]), str(tree.attrs["table"]))
    scored = score_since(tree, came, source="the table of the week that is refreshed")
    scored = scored.assign(**dict(zip(OF_THE_VERSION, facts, strict=True)))
    kept.write(earlier, key, lambda partial: scored.to_parquet(partial, index=False))
    return scored
