"""As of which week a model is refreshed where nobody names one, and whether its table reaches the one named."""

from assets.model_inputs.mart import read_mart
from assets.model_inputs.model_table import reaches_as_of_week
from assets.models import AS_OF_WEEKS, Vintage, load_model
from assets.resources.warehouse import Warehouse
from mmm_core.errors import InputError


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
