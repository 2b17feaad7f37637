"""What differs between two specifications of a model in what a fit reads, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmm_core.errors import listed
from mmm_core.spec.model_spec import NOT_READ_BY_A_FIT, ModelSpec

HOW = "fit"
"""The section that says how a posterior is computed, and not of what."""


def specification_in_words(before: ModelSpec, now: ModelSpec) -> str:
    """Keys that a fit reads and that differ, with both values where they are short."""
    return listed(_differences(before, now)) or "of an earlier release"


def differences_of_models(fitted: ModelSpec, stated: ModelSpec) -> list[str]:
    """The same of what the two are models of: how draws are computed (`fit:`) may differ."""
    return [words for words in _differences(fitted, stated) if not words.startswith(f"{HOW}.")]


def _differences(before: ModelSpec, now: ModelSpec) -> list[str]:
    old, new = (
        dict(_flat(spec.model_dump(mode="json", by_alias=True, exclude=NOT_READ_BY_A_FIT)))
        for spec in (before, now)
    )
    changed = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [_changed(name, old.get(name), new.get(name)) for name in changed]


def _changed(name: str, old: Any, new: Any) -> str:
    texts = [str(value) for value in (old, new)]
    if old is None or new is None or max(map(len, texts)) > 24:
        return f"{name} {'added' if old is None else 'dropped' if new is None else 'changed'}"
    return f"{name} from {texts[0]} to {texts[1]}"


def _flat(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Leaves of nested mappings by dotted name; None leaves are left out."""
    if isinstance(value, Mapping):
        return [
            leaf
            for key, inner in value.items()
            for leaf in _flat(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    return [] if value is None else [(prefix, value)]
