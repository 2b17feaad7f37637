"""The contract of a model's weekly table as a Pandera schema, and what it says of a table that breaks it.

The schema follows from the specification: one column a name in the YAML, with the checks of the role it plays. Every
breach is reported at once, with the weeks and the remedy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from mmm_core.data.cells import ROW, rows_named
from mmm_core.errors import listed
from mmm_core.spec.media_spec import Channel
from mmm_core.spec.model_spec import ModelSpec

if TYPE_CHECKING:
    import pandera.pandas as pa

MISSING = "missing"
NEGATIVE = "negative"
NOT_POSITIVE = "not positive"
ALL_ZERO = "zero in every week"
CONSTANT = "never changes"
NO_FREQUENCY = "not above 0 where people were reached"

_NEGATIVE_REMEDY = "book refunds in the week of the spend they correct"


def table_contract(spec: ModelSpec) -> pa.DataFrameSchema:
    """Schema of the table that `spec` is fitted on: numbers as float64, weeks as datetime64[ns], geos as text."""
    import pandera.pandas as pa

    checks: dict[str, list[pa.Check]] = {column: [] for column in spec.numeric_columns}
    nullable = dict.fromkeys(checks, False)

    def not_below_zero() -> pa.Check:
        return pa.Check.ge(0, error=NEGATIVE)

    def some_above_zero() -> pa.Check:
        return pa.Check(lambda column: bool((column > 0).any()), error=ALL_ZERO)

    def varies() -> pa.Check:
        return pa.Check(lambda column: column.nunique() > 1, error=CONSTANT)

    for channel in spec.channel_specs:
        for column in dict.fromkeys([channel.media_column, getattr(channel, "spend", channel.media_column)]):
            checks[column] += [not_below_zero(), some_above_zero()]
    for column in (*levers(spec), spec.kpi.column):
        checks[column].append(varies())
    if spec.kpi.scale == "log":
        checks[spec.kpi.column].append(pa.Check.gt(0, error=NOT_POSITIVE))
    for column in (spec.kpi.revenue_per_unit, spec.geo.population if spec.geo else None):
        if column:
            checks[column].append(pa.Check.gt(0, error=NOT_POSITIVE))
    nullable[spec.kpi.column] = spec.kpi.gaps == "leave_out"
    frequencies = {c.frequency: c.reach for c in spec.channel_specs if c.frequency and c.reach}
    nullable.update(dict.fromkeys(frequencies, True))

    def positive_where_reached(frequency: str, reach: str) -> pa.Check:
        return pa.Check(
            lambda rows: (rows[frequency] > 0) | ~(rows[reach] > 0),
            error=f"{frequency}: {NO_FREQUENCY}",
            ignore_na=False,
        )

    keys = {spec.time.column: pa.Column("datetime64[ns]")}
    if spec.geo:
        keys[spec.geo.column] = pa.Column(str)
    columns = {name: pa.Column(float, checks[name], nullable=nullable[name]) for name in checks}
    return pa.DataFrameSchema(
        {**keys, **columns},
        checks=[positive_where_reached(*pair) for pair in frequencies.items()],
        strict=True,
        unique=list(keys),
        name=spec.model,
    )


def contract_faults(rows: pd.DataFrame, spec: ModelSpec) -> list[str]:
    """Where the typed rows break the contract: every column, week and remedy, a line each."""
    from pandera.errors import SchemaErrors

    try:
        table_contract(spec).validate(rows, lazy=True)
    except SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return []
    faults = []
    for (column, check), group in cases.groupby(["column", "check"], sort=False):
        what = MISSING if check == "not_nullable" else str(check)
        if NO_FREQUENCY in what:  # a check of two columns comes back for every column of the table
            if what != f"{column}: {NO_FREQUENCY}":
                continue
            what = NO_FREQUENCY
        positions = group["index"].dropna().astype(int)
        weeks = f" in weeks {weeks_of(rows.loc[positions], spec)}" if len(positions) else ""
        faults.append(f"column {column}: {what}{weeks}: {_remedy(str(column), what, spec)}")
    return faults


def weeks_of(rows: pd.DataFrame, spec: ModelSpec, geos: bool = True) -> str:
    """The weeks (and `geos`) of some rows, for a message, and where they are in the file that they were read from."""
    days = rows[spec.time.column].dt.strftime("%Y-%m-%d")
    if spec.geo and geos:
        days = days + " (" + rows[spec.geo.column].astype(str) + ")"
    weeks = listed(days.drop_duplicates())
    return f"{weeks} ({rows_named(rows.index)})" if rows.index.name == ROW else weeks


def levers(spec: ModelSpec) -> tuple[str, ...]:
    """Columns of controls and treatments."""
    return (*spec.controls, *(treatment.column for treatment in spec.treatments.values()))


def _remedy(column: str, what: str, spec: ModelSpec) -> str:
    """What to do about a breach, by the role of the column."""
    users = [
        (name, channel)
        for name, channel in zip(spec.channels, spec.channel_specs, strict=True)
        if column in (channel.media_column, getattr(channel, "spend", None))
    ]
    if what == NO_FREQUENCY:
        return "state the mean number of exposures per person reached; it may be empty only where reach is 0"
    if users:
        name, channel = users[0]
        if what == MISSING:
            return f"write 0 where {name} was off"
        if what == ALL_ZERO and isinstance(channel, Channel) and column == channel.spend and channel.exposure:
            return f"{name} has exposure but no spend: list it under `organic`"
        if what == ALL_ZERO:
            return f"nothing can be learned of {name}: take it out of the model"
        return _NEGATIVE_REMEDY
    if column == spec.kpi.column:
        if what == MISSING:
            return "complete the table, or write `kpi: {gaps: leave_out}` to fit without these weeks"
        if what == NOT_POSITIVE:
            return "its logarithm is modelled: correct these weeks, or write `kpi: {scale: level}`"
        return "there is nothing to explain"
    if column in levers(spec):
        if what == CONSTANT:
            return f"take the {'control' if column in spec.controls else 'treatment'} out of the model"
        return "fill it in the table, by a rule that can be read and tested"
    return "state it for every week" if what == MISSING else "it must be above 0"
