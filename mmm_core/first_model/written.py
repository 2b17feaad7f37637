"""The proposal as a person reads it: YAML with the reasons as comments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

import yaml

from mmm_core.errors import on_one_line
from mmm_core.first_model.proposal import Proposal
from mmm_core.first_model.roles import LEFT_OUT, NOT_LANDED

WIDTH = 110


def proposed_yaml(proposal: Proposal) -> str:
    """The specification, with what was left out, traps and gaps as comments above it; `load_spec` reads it."""
    lines = [
        f"Proposed by `mmm inspect` from {proposal.source}: where to begin. Names and values were all it had to go by;",
        "correct what you know better. docs/model-spec.md says what each key means.",
    ]
    sections = {
        "Traps": proposal.traps,
        "Gaps": proposal.gaps,
        "Left out": [
            f"{each.column}: {each.why}"
            for each in proposal.columns
            if each.role == LEFT_OUT or NOT_LANDED in each.why
        ],
    }
    for heading, remarks in sections.items():
        if remarks:
            lines += ["", f"{heading}:", *(line for remark in remarks for line in _bullet(remark))]
    comment = "".join(f"# {on_one_line(line)}".rstrip() + "\n" for line in lines)
    return comment + "\n" + "\n".join(_entries(proposal.mapping)) + "\n"


def _bullet(remark: str) -> list[str]:
    return wrap(
        on_one_line(remark), WIDTH - 4, initial_indent="- ", subsequent_indent="  ", break_long_words=False
    )


def _entries(mapping: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """A line a key; what fits on one line stays on one, channels and treatments each on their own."""
    for key, value in mapping.items():
        inline = _inline(value)
        nested = isinstance(value, Mapping) and any(isinstance(inner, Mapping) for inner in value.values())
        if isinstance(value, Mapping) and (nested or len(inline) > WIDTH):
            yield f"{indent}{_inline(key)}:"
            yield from _entries(value, indent + "  ")
        elif isinstance(value, list) and len(inline) > WIDTH:
            yield f"{indent}{_inline(key)}:"
            yield from (f"{indent}  - {_inline(item)}" for item in value)
        else:
            yield f"{indent}{_inline(key)}: {inline}"


def _inline(value: Any) -> str:
    """YAML of a value on one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=float("inf"), allow_unicode=True, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
