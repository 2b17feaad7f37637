"""How a dbt node becomes a Dagster asset: key and group by layer, a code version that knows macros and contracts."""

import hashlib
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from assets.marts.variables import variables
from mmm_core.json_text import dumps

# Every other table of `results` is what published_results wrote.
RESULTS_WRITERS = {
    name: name
    for name in (
        "backtest",
        "data_health",
        "experiment_plan",
        "lift_evidence",
        "model_review",
        "model_selection",
        "reconciliation",
    )
} | {"belief_changes": "weekly_report", "promotion": "champion"}
# Tables that the loader keeps beside the ledger of files.
OF_THE_LEDGER = dict.fromkeys(
    [
        "landing_days", "landing_shared_days", "landing_overruled", "landing_brought", "landing_gone",
        "landing_quarantine",
    ],
    "landing_files",
)  # fmt: skip


class LayerTranslator(DagsterDbtTranslator):
    """Keys are [layer, name]: staging, intermediate, marts, reporting; sources are the raw or model-stage assets."""

    def __init__(self, manifest: Mapping[str, Any]):
        super().__init__(
            DagsterDbtTranslatorSettings(
                enable_code_references=True,
                enable_source_tests_as_checks=True,
                enable_duplicate_source_asset_keys=True,
                enable_dbt_views_as_virtual_assets=True,
            )
        )
        self._manifest = manifest

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] != "source":
            return dg.AssetKey([_layer(dbt_resource_props), dbt_resource_props["name"]])
        if dbt_resource_props["schema"] == "results":
            return dg.AssetKey(RESULTS_WRITERS.get(dbt_resource_props["name"], "published_results"))
        table = dbt_resource_props["identifier"]
        return dg.AssetKey([dbt_resource_props["schema"], OF_THE_LEDGER.get(table, table)])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        return None if dbt_resource_props["resource_type"] == "source" else _layer(dbt_resource_props)

    def get_code_version(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Hash of the SQL, the macros of this project that it calls, and the columns its contract promises.

        Where any of it reads what sources.yaml says, that too.
        """
        columns = {
            name: column.get("data_type") for name, column in dbt_resource_props.get("columns", {}).items()
        }
        macros = [
            self._manifest["macros"][name]["macro_sql"] for name in self._own_macros(dbt_resource_props)
        ]
        parts = [
            dbt_resource_props.get("raw_code") or dbt_resource_props.get("checksum", {}).get("checksum", ""),
            dumps(columns, sort_keys=True),
            str(dbt_resource_props.get("config", {}).get("materialized")),
            *macros,
        ]
        if any("var(" in part for part in parts):
            parts.append(dumps(variables(), sort_keys=True))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]

    def _own_macros(self, props: Mapping[str, Any]) -> list[str]:
        project, found = self._manifest["metadata"]["project_name"], set()
        waiting = set(props.get("depends_on", {}).get("macros", ()))
        while waiting:
            name = waiting.pop()
            if name.split(".")[1] == project and name not in found:
                found.add(name)
                waiting |= set(self._manifest["macros"][name]["depends_on"]["macros"])
        return sorted(found)


def _layer(props: Mapping[str, Any]) -> str:
    return "staging" if props["resource_type"] == "seed" else props["fqn"][1]
