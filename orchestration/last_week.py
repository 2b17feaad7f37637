"""As of which week a model is refreshed where nobody names one."""

from assets.model_inputs.mart import read_mart
from assets.models import AS_OF_WEEKS, Vintage, load_model
from assets.resources.warehouse import Warehouse


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
