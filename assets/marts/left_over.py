"""Relations that earlier releases or sources left in the schemas of the dbt project, and that nothing makes any more.

Nobody can tell what an earlier release made from a view that somebody put beside the marts: nothing is dropped, and the
log of the build names it with the statement that would.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Relation = tuple[str, str]
"""Schema and name."""


def left_over(manifest: Mapping[str, Any], there: Mapping[Relation, str]) -> list[Relation]:
    """What lies in a schema of the project and is of no model or seed of it.

    Args:
        there: the relations of the warehouse, each with its kind, `table` or `view`.
    """
    made = {
        (node["schema"], node["alias"])
        for node in manifest["nodes"].values()
        if node["resource_type"] in ("model", "seed")
    }
    schemas = {schema for schema, _ in made}
    return sorted(relation for relation in there if relation[0] in schemas and relation not in made)


def in_words(relations: Iterable[Relation], there: Mapping[Relation, str]) -> str:
    """What the log says of relations that are left over."""
    statements = [f'  drop {there[schema, name]} {schema}."{name}";' for schema, name in relations]
    return "\n".join(
        [
            "in the warehouse, and made by no model any more: they stay as an earlier release, or a source that is no "
            "longer used, left them. What is nobody's own may go:",
            *statements,
        ]
    )
