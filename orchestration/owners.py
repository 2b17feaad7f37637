"""Who looks after what, and where to reach them."""

import dagster as dg

from orchestration.environments import team_address

# As dbt's groups name them, so that an owner has one name in the UI.
MARKETING_SCIENCE = "marketing-science@carryover.example"
DATA_PLATFORM = "data-platform@carryover.example"

# Every group there is. A dbt model whose dbt group names an owner keeps that one.
OWNER_OF_GROUP = {
    "origins": DATA_PLATFORM,
    "raw": DATA_PLATFORM,
    "staging": DATA_PLATFORM,
    "intermediate": DATA_PLATFORM,
    "marts": DATA_PLATFORM,
    "model_inputs": MARKETING_SCIENCE,
    "evidence": MARKETING_SCIENCE,
    "transforms": MARKETING_SCIENCE,
    "posteriors": MARKETING_SCIENCE,
    "long_term": MARKETING_SCIENCE,
    "registry": MARKETING_SCIENCE,
    "curves": MARKETING_SCIENCE,
    "allocation": MARKETING_SCIENCE,
    "report": MARKETING_SCIENCE,
    "selection": MARKETING_SCIENCE,
    "experiments": MARKETING_SCIENCE,
    "publish": DATA_PLATFORM,
    "reporting": MARKETING_SCIENCE,
}
# Of a run that failed before it came to an asset.
DEFAULT_OWNER = DATA_PLATFORM


class NoOwner(ValueError):
    """An asset lies in a group that nobody owns."""


def own(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Give an asset the owner of its group, unless it has one.

    Raises:
        NoOwner: its group is not in `OWNER_OF_GROUP`.
    """
    if spec.owners:
        return spec
    if spec.group_name not in OWNER_OF_GROUP:
        raise NoOwner(
            f"asset {spec.key.to_user_string()} is in the group {spec.group_name!r}, which has no owner: give it "
            f"`owners`, put it in one of {', '.join(OWNER_OF_GROUP)}, or add its group to OWNER_OF_GROUP in "
            "orchestration/owners.py"
        )
    return spec.replace_attributes(owners=[OWNER_OF_GROUP[spec.group_name]])


def address(owner: str) -> str:
    """Where an owner's alerts go: an e-mail address is its own; MMM_ALERT_<TEAM> gives a team's."""
    return team_address(owner.removeprefix("team:")) if owner.startswith("team:") else owner
