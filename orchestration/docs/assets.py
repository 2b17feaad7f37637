"""A page of every asset: what it is, who looks after it, what is checked of it, as Dagster knows it."""

from dataclasses import dataclass

import dagster as dg
from markupsafe import Markup

from orchestration.docs.guide import parser
from orchestration.docs.layout import page
from orchestration.owners import OWNER_OF_GROUP


@dataclass(frozen=True)
class Described:
    """An asset in words. `checks` and `after` are names; a blocking check says so."""

    name: str
    owner: str
    kinds: str
    description: Markup
    after: list[str]
    checks: list[str]


def write_assets(defs: dg.Definitions) -> str:
    """The page, as HTML; groups in the order of the graph."""
    groups = described(defs)
    order = [*OWNER_OF_GROUP, *sorted(groups.keys() - OWNER_OF_GROUP.keys())]
    listed = [(group, groups[group]) for group in order if group in groups]
    return page("assets.html.j2", "Assets", top="", groups=listed)


def described(defs: dg.Definitions) -> dict[str, list[Described]]:
    """Every asset that can be made, by group."""
    graph, markdown = defs.get_repository_def().asset_graph, parser()
    groups: dict[str, list[Described]] = {}
    for spec in sorted(defs.resolve_all_asset_specs(), key=lambda spec: spec.key.to_user_string()):
        node = graph.get(spec.key)
        if not node.is_materializable:
            continue
        checks = graph.get_check_keys_for_assets([spec.key])
        groups.setdefault(spec.group_name or "", []).append(
            Described(
                name=spec.key.to_user_string(),
                owner=", ".join(spec.owners),
                kinds=", ".join(sorted(spec.kinds)),
                description=Markup(markdown.render(spec.description or "")),
                after=sorted(key.to_user_string() for key in node.parent_keys),
                checks=sorted(key.name + " (blocks)" * graph.get(key).blocking for key in checks),
            )
        )
    return groups
