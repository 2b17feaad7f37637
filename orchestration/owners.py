"""Who looks after what, and where to reach them."""

import os

import dagster as dg

# As dbt's groups name them, so that an owner has one name in the UI.
MARKETING_SCIENCE = "marketing-science@carryover.example"
DATA_PLATFORM = "data-platform@carryover.example"

# Groups of the assets defined in Python here; dbt models take their owner from dbt_project's groups.
OWNER_OF_GROUP = {
    "model_inputs": MARKETING_SCIENCE,
    "transforms": MARKETING_SCIENCE,
    "posteriors": MARKETING_SCIENCE,
    "registry": MARKETING_SCIENCE,
    "curves": MARKETING_SCIENCE,
    "allocation": MARKETING_SCIENCE,
    "publish": DATA_PLATFORM,
}
DEFAULT_OWNER = DATA_PLATFORM


def own(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Give an asset the owner of its group, unless it has one."""
    if spec.owners:
        return spec
    return spec.replace_attributes(owners=[OWNER_OF_GROUP.get(spec.group_name or "", DEFAULT_OWNER)])


def address(owner: str) -> str:
    """Where an owner's alerts go: an e-mail address is its own; MMM_ALERT_<TEAM> gives a team's."""
    if not owner.startswith("team:"):
        return owner
    team = owner.removeprefix("team:")
    return os.environ.get(f"MMM_ALERT_{team.upper().replace('-', '_')}", f"{team}@carryover.example")
