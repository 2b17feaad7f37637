"""As of which week a model is refreshed where nobody names one, and whether its table reaches the one named."""

from collections.abc import Sequence
from datetime import date

from assets.model_inputs.mart import read_mart
from assets.model_inputs.model_table import reaches_as_of_week
from assets.models import AS_OF_WEEKS, Vintage, load_model
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError
from mmm_core.plural import plural


def last_vintage(warehouse: Warehouse, model: str) -> Vintage:
    """The vintage of the last week that a model's table holds: as of the Monday of that week or the first one after.

    A week that is not over is no week to be as of: the one before it is taken.

    Raises:
        InputError: whatever the model's table is refused for.
    """
    import pandas as pd

    from mmm_core.data.weeks import first_days

    spec = load_model(model)
    weeks = read_mart(warehouse, spec, Vintage(model, str(pd.Timestamp.max.date())))[spec.time.column]
    begins = first_days(pd.DatetimeIndex(weeks), spec)
    within = begins[begins <= pd.Timestamp(spec.time.to)] if spec.time.to else begins
    last = (within if len(within) else begins).max()
    monday = str((last + pd.Timedelta(days=-last.weekday() % 7)).date())
    return Vintage(model, min(monday, str(AS_OF_WEEKS.get_last_partition_key())))


def check_all_reached(warehouse: Warehouse, oldest_first: Sequence[Vintage]) -> None:
    """Refuse as-of weeks of which the oldest comes before the model's table, or which it does not reach.

    Raises:
        InputError: what `WEEKS` may be at most, or whatever else the table is refused for.
    """
    oldest, last = oldest_first[0], oldest_first[-1]
    if len(oldest_first) > 1 and oldest.week < (first := _first_week(warehouse, last)):
        most = (last.week - first).days // 7 + 1
        choose = f"choose WEEKS={most} or fewer" if most > 1 else "leave WEEKS out"
        raise InputError(
            f"WEEKS={len(oldest_first)}: model {last.model}: its table has no week up to {oldest.as_of_week}, the "
            f"oldest of these: it begins with the week of {first}: {choose}, and leave the oldest as many weeks before "
            "it as a fit needs"
        )
    for each in dict.fromkeys((oldest, last)):
        check_reached(warehouse, each)


def too_few_for_a_forecast(weeks: int) -> str:
    """What to know of a number of past weeks in which no forecast is due, so that `backtest` has nothing of theirs to
    score; "" where there is nothing, or one week alone."""
    from mmm_core.forecast.track_record import HORIZONS

    first, *further = HORIZONS
    if not 1 < weeks <= first:
        return ""
    longer = " and ".join(f"{horizon + 1} for {plural(horizon, 'week')} ahead" for horizon in further)
    return (
        f"WEEKS={weeks} holds no forecast of {plural(first, 'week')} ahead, the shortest that backtest scores: "
        f"WEEKS={first + 1} or more would ({longer}); weeks that were published before count as well"
    )


def _first_week(warehouse: Warehouse, last: Vintage) -> date:
    """The Monday of the first week of a model's table, or the first one after."""
    import pandas as pd

    from mmm_core.data.weeks import first_days

    spec = load_model(last.model)
    begins = first_days(pd.DatetimeIndex(read_mart(warehouse, spec, last)[spec.time.column]), spec).min()
    monday = (begins + pd.Timedelta(days=-begins.weekday() % 7)).date()
    return max(monday, date.fromisoformat(str(AS_OF_WEEKS.get_first_partition_key())))


def check_reached(warehouse: Warehouse, vintage: Vintage) -> None:
    """Refuse an as-of week that the model's table, as the warehouse has it, does not reach or begins after.

    Raises:
        InputError: the table's last or first week, and what to do; or whatever else the table is refused for.
    """
    import pandas as pd

    from mmm_core.data.weeks import first_days

    spec = load_model(vintage.model)
    weeks = pd.DatetimeIndex(read_mart(warehouse, spec, vintage)[spec.time.column])
    begins = first_days(weeks, spec)
    if spec.time.to:
        within = begins <= pd.Timestamp(spec.time.to)
        weeks, begins = weeks[within], begins[within]
    if not len(weeks):
        return  # a window without any week is refused in words of its own, by the first step of the model's job
    found = reaches_as_of_week(weeks.max().date(), begins.max().date(), vintage.week, spec.time.to)
    if not found.passed:
        raise InputError(f"AS_OF={vintage.as_of_week}: model {vintage.model}: {found.description}")
