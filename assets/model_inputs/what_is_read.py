"""The raw tables that a model's inputs are made of, by the lineage of its marts."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from assets.evidence.mart_tests import MART as LIFT_TESTS
from assets.long_term.mart_surveys import MART as BRAND
from assets.marts.project import manifest
from assets.model_inputs.mart import WEEKLY_MART, WEEKLY_TABLES, WEEKLY_VALUES
from assets.raw.folder import stem_of

if TYPE_CHECKING:
    from mmm_core.spec.model_spec import ModelSpec


@dataclass(frozen=True)
class Reads:
    """What a model reads.

    Attributes:
        tables: raw tables, `<source>__<table>`.
        weekly_table: the one of the weekly tables that it is fitted on, "" for a model of other marts.
    """

    tables: frozenset[str]
    weekly_table: str = ""

    def file(self, table: str, name: str) -> bool:
        """Whether rows of a landing file, by its path in the landing folder, may be among the model's inputs."""
        if table == WEEKLY_VALUES:
            return stem_of(name) == self.weekly_table
        return table in self.tables


def reads(spec: "ModelSpec") -> Reads:
    """What the inputs of a model are made of: its table, and the lift tests and brand surveys that it asks for."""
    weekly = spec.table.removeprefix(WEEKLY_TABLES) if spec.table.startswith(WEEKLY_TABLES) else ""
    marts = [WEEKLY_MART if weekly else spec.table]
    if spec.calibration.lift_tests:
        marts.append(LIFT_TESTS)
    if spec.long_term.metrics:
        marts.append(BRAND)
    return Reads(frozenset().union(*map(raw_tables_behind, marts)), weekly)


@cache
def raw_tables_behind(mart: str) -> frozenset[str]:
    """The raw tables that a mart is made of, however far away; none of a mart that the project does not have."""
    nodes: Mapping[str, Mapping] = {**manifest()["nodes"], **manifest()["sources"]}
    found: set[str] = set()
    waiting = [
        key for key, node in nodes.items() if node["resource_type"] == "model" and node["name"] == mart
    ]
    seen = set(waiting)
    while waiting:
        node = nodes[waiting.pop()]
        if node["resource_type"] == "source":
            found.add(node["identifier"])
        above = set(node.get("depends_on", {}).get("nodes", ())) - seen
        seen |= above
        waiting += above
    return frozenset(found)
