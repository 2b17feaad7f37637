"""One of a thing is not called several: the helper, and that texts of decisions count by it."""

import ast
import re
from pathlib import Path

import pytest

from mmm_core.plural import plural

ROOT = Path(__file__).parents[2]

COUNTED = [
    *(f"mmm_core/{room}" for room in ("agreement", "budget", "cli", "effects", "experiments", "plots", "promotion",
                                      "readiness", "readout", "reconciliation", "report", "review", "scenarios")),
    *(f"assets/{stage}" for stage in ("allocation", "curves", "experiments", "publish", "raw", "registry",
                                      "report", "transforms")),
    "orchestration",
]  # fmt: skip
"""Where texts are held to it."""

BEFORE = "cell|good|largest|lift|modelled|more|new|other|raw|readiness|small|smallest"
NOUNS = (
    "assets|budgets|cells|chains|channels|checks|columns|days|divergences|draws|expectations|experiments|files|gates|geos|"
    "iterations|minutes|models|months|observations|origins|parameters|plans|refits|rows|seconds|steps|tables|tests|"
    "variables|warnings|weeks"
)
SEVERAL = re.compile(rf"^ (?:(?:{BEFORE}) )*(?:{NOUNS})\b(?! between)")
"""Rows between two others are SQL's."""


def several(source: str) -> list[tuple[int, str]]:
    """Lines of f-strings that call whatever number stands before it several, and how they go on.

    A constant of the module is known not to be 1, and a figure with decimals or in per cent takes the plural.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.JoinedStr):
            continue
        for value, after in zip(node.values, node.values[1:], strict=False):
            if not (isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant)):
                continue
            form = ast.unparse(value.format_spec) if value.format_spec else ""
            known = isinstance(value.value, ast.Name) and value.value.id.isupper()
            if SEVERAL.match(str(after.value)) and not known and not re.search(r"%|\.[1-9]f", form):
                found.append((value.lineno, f"{{{ast.unparse(value.value)}}}{after.value}"))
    return found


@pytest.mark.parametrize(
    ("count", "one", "many", "words"),
    [
        (1, "week", "", "1 week"),
        (0, "week", "", "0 weeks"),
        (13, "week", "", "13 weeks"),
        (1040, "row", "", "1,040 rows"),
        (1, "row is", "rows are", "1 row is"),
        (2, "row is", "rows are", "2 rows are"),
    ],
)
def test_a_counted_noun_agrees_with_its_number(count, one, many, words):
    assert plural(count, one, many) == words


@pytest.mark.parametrize("folder", COUNTED)
def test_no_text_calls_one_of_a_thing_several(folder):
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files
    found = [
        f"{file.relative_to(ROOT)}:{line}: {words[:60]}"
        for file in files
        for line, words in several(file.read_text(encoding="utf-8"))
    ]
    assert not found, "write `plural(count, 'week')` of mmm_core.plural"


@pytest.mark.parametrize(
    "text",
    [
        "f'the last {weeks} weeks'",
        "f'{len(rows):,} rows'",
        "f'{n} more channels have'",
        "f'{a} of {b} lift tests'",
    ],
)
def test_a_text_that_would_say_1_weeks_is_found(text):
    assert several(text)


@pytest.mark.parametrize(
    "text",
    [
        "f\"the last {plural(weeks, 'week')}\"",
        "f'{YEAR} weeks'",
        "f'{size:.1f} weeks'",
        "f'{share:.0%} of draws'",
    ],
)
def test_a_text_that_counts_or_cannot_be_one_is_not(text):
    assert not several(text)
