"""The code location in words, and as it was last agreed on in graph.txt.

`python -m tests.orchestration.graph` writes graph.txt anew; read its diff before committing it.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import dagster as dg

SNAPSHOT = Path(__file__).with_name("graph.txt")


def describe(defs: dg.Definitions) -> str:
    """Assets with what an operator sees of them, their checks, jobs, schedules and sensors."""
    repository = defs.get_repository_def()
    lines = []
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string()):
        if repository.asset_graph.get(spec.key).is_materializable:
            lines += [f"asset {spec.key.to_user_string()}", *_asset(repository.asset_graph, spec), ""]
    for job in sorted(defs.resolve_all_job_defs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            lines += [f"job {job.name}", f"  runs {_listed(_names(job.asset_layer.selected_asset_keys))}", ""]
    lines += [
        f"schedule {s.name}: {s.cron_schedule} {s.execution_timezone}" for s in repository.schedule_defs
    ]
    lines += [f"sensor {name}" for name in sorted(sensor.name for sensor in repository.sensor_defs)]
    return "\n".join(lines) + "\n"


def _asset(graph, spec: dg.AssetSpec) -> Iterator[str]:
    node = graph.get(spec.key)
    yield f"  group {spec.group_name}, owner {_listed(spec.owners)}, kinds {_listed(spec.kinds)}"
    yield f"  after {_listed(_names(node.parent_keys))}"
    checks = graph.get_check_keys_for_assets([spec.key])
    yield f"  checks {_listed(key.name + ' (blocks)' * graph.get(key).blocking for key in checks)}"
    policies = {
        "partitions": _listed(node.partitions_def.partition_dimension_names) if node.is_partitioned else None,
        "pool": getattr(graph.assets_def_for_key(spec.key).op, "pool", None),
        "fresh by": spec.freshness_policy.deadline_cron if spec.freshness_policy else None,
        "automation": node.automation_condition.get_label() if node.automation_condition else None,
    }
    if any(policies.values()):
        yield "  " + ", ".join(f"{name} {value}" for name, value in policies.items() if value)


def _names(keys: Iterable[dg.AssetKey]) -> list[str]:
    return [key.to_user_string() for key in keys]


def _listed(names: Iterable[str]) -> str:
    return " ".join(sorted(name.replace(" (blocks)", "(blocks)") for name in names)) or "nothing"


if __name__ == "__main__":
    from orchestration.definitions import defs

    SNAPSHOT.write_text(describe(defs))
