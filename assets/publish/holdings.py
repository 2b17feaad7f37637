"""What a publication holds, in models and weeks, and what another one would lose of it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmm_core.plural import plural

if TYPE_CHECKING:
    import duckdb

Holdings = dict[str, dict[str, list[str]]]
"""table -> model, weekly table or market -> its weeks, as ISO dates; a table without weeks holds nothing."""

GROUPS = ("model", "table_name", "market")
WEEKS = ("as_of_week", "week_start")
REPORTING = "reporting."
MISSING = "the whole table"

FAULTS = {
    "marts.fct_quarantine",
    "marts.fct_restatements",
    "marts.fct_unmapped_spend",
    "reporting.rpt_restatements",
}
"""Tables of what is wrong or has changed: their weeks go once that is mended, or known to a model, and hold nothing."""


@dataclass(frozen=True)
class Loss:
    """Weeks of one model, weekly table or market that a table held before and does not hold now."""

    table: str
    group: str
    weeks: tuple[str, ...]
    before: int  # weeks that it held

    @property
    def subject(self) -> str:
        """The name under which it is accepted: the model of a reporting table, or the table."""
        return self.group if self.table.startswith(REPORTING) and self.group != MISSING else self.table

    def __str__(self) -> str:
        if self.group == MISSING:
            return f"{self.table} itself"
        first, last = self.weeks[0], self.weeks[-1]
        span = first if first == last else f"{first} to {last}"
        return f"{self.table}: {len(self.weeks)} of {plural(self.before, 'week')} of {self.group} ({span})"


def holdings(connection: "duckdb.DuckDBPyConnection", tables: Collection[str]) -> Holdings:
    """Models and weeks of each table `schema.name` of an open database."""
    found: Holdings = {}
    for table in tables:
        columns = [name for name, *_ in connection.execute(f"from {table} limit 0").description or ()]
        week = next((name for name in WEEKS if name in columns), None)
        group = next((name for name in GROUPS if name in columns), None)
        found[table] = {}
        if week is None or table in FAULTS:
            continue
        name = f"cast({group} as varchar)" if group else "null"
        rows = connection.execute(
            f"select distinct {name}, cast(cast({week} as date) as varchar) from {table} "
            f"where {week} is not null order by all"
        )
        for name, value in rows.fetchall():
            found[table].setdefault(name or "all", []).append(value)
    return found


def losses(before: Holdings, now: Holdings) -> list[Loss]:
    """What `now` has lost, table by table."""
    found = []
    for table, groups in before.items():
        if table not in now:
            found.append(Loss(table, MISSING, (), 0))
            continue
        if table in FAULTS:  # an earlier release counted their weeks
            continue
        for group, weeks in groups.items():
            missing = sorted(set(weeks) - set(now[table].get(group, ())))
            if missing:
                found.append(Loss(table, group, tuple(missing), len(weeks)))
    return found


def counted(held: Holdings) -> str:
    """Models, their vintages and the weeks of the marts, in words."""
    models = {model for table, groups in held.items() if table.startswith(REPORTING) for model in groups}
    vintages = {
        (model, week)
        for table, groups in held.items()
        if table.startswith(REPORTING)
        for model, weeks in groups.items()
        for week in weeks
    }
    weeks = {
        week
        for table, groups in held.items()
        if not table.startswith(REPORTING)
        for weeks in groups.values()
        for week in weeks
    }
    of_marts = plural(len(weeks), "week")
    return f"{plural(len(models), 'model')} in {plural(len(vintages), 'vintage')}, and marts of {of_marts}"
