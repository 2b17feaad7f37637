"""Which column of a query came from which of the tables it reads, by its SQL.

`dagster-dbt` has the same by a function of its own, which optimizes a query and reads the outcome again for each of
its columns: some forty times the work.
"""

from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.lineage import Node

DIALECT = "duckdb"

Key = TypeVar("Key", bound=Hashable)


def column_lineage(
    sql: str, columns: Mapping[str, Mapping[str, str]], tables: Mapping[str, Key]
) -> dict[str, list[tuple[Key, str]]]:
    """Where each column of a query comes from.

    Args:
        columns: name -> type of the columns of each relation that the query reads, by the relation's name in SQL.
        tables: what a relation is called in the answer, by its name in SQL; others are not in it.

    Returns:
        Column -> the relations and their columns that it is made from, sorted; nothing for a query that the parser
        does not follow, such as a pivot whose columns are in its rows.
    """
    from sqlglot import exp, parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope
    from sqlglot.schema import MappingSchema

    schema = MappingSchema(dialect=DIALECT)
    for relation, typed in columns.items():
        schema.add_table(exp.to_table(relation, dialect=DIALECT), dict(typed), dialect=DIALECT)
    known = {_table(exp.to_table(relation, dialect=DIALECT)): key for relation, key in tables.items()}
    try:
        query = qualify(
            parse_one(sql, dialect=DIALECT),
            dialect=DIALECT,
            schema=schema,
            validate_qualify_columns=False,
            identify=False,
        )
        _unite_by_position(query)
        nodes = lineage(
            None, query, schema, dialect=DIALECT, scope=build_scope(query), trim_selects=False, copy=False
        )
    except SqlglotError:
        return {}
    found = {
        column.lower(): sorted(
            {
                (known[_table(table)], exp.to_column(leaf.name).name.lower())
                for leaf in _leaves(node)
                if (table := leaf.expression.find(exp.Table)) is not None and _table(table) in known
            }
        )
        for column, node in nodes.items()
    }
    return found if any(found.values()) else {}


def _table(table: "exp.Table") -> tuple[str, str]:
    return table.db.lower(), table.name.lower()


def _leaves(node: "Node") -> Iterator["Node"]:
    waiting, seen = [node], set()
    while waiting:
        if id(node := waiting.pop()) in seen:
            continue
        seen.add(id(node))
        waiting.extend(node.downstream)
        if not node.downstream:
            yield node


def _unite_by_position(query: "exp.Expression") -> None:
    """Make of every UNION BY NAME one by position, as which the lineage of a union is followed."""
    from sqlglot import exp

    for union in reversed(list(query.find_all(exp.SetOperation))):  # the inner ones first
        if union.args.get("by_name"):
            left, right = union.left.named_selects, union.right.named_selects
            names = [*left, *(name for name in right if name not in left)]
            for side in (union.left, union.right):
                _select(side, [[*side.named_selects, name].index(name) for name in names], names)
            union.set("by_name", False)


def _select(query: "exp.Expression", places: list[int], names: list[str]) -> None:
    """Let a query select its columns of these places, NULL for a place beyond the last, by these names."""
    from sqlglot import exp

    if isinstance(query, exp.SetOperation):
        _select(query.left, places, names)
        _select(query.right, places, names)
    elif isinstance(query, exp.Select):
        selects = [*query.selects, exp.null()]
        query.set(
            "expressions",
            [
                selects[place].copy() if place < len(selects) - 1 else exp.alias_(exp.null(), name)
                for place, name in zip(places, names, strict=True)
            ],
        )
    else:
        _select(query.this, places, names)
