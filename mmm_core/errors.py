"""Errors a user meets: each names what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Input that was refused: the message names the file, column and weeks at fault and the remedy."""


class SpecError(InputError):
    """A model specification that was refused."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase offering the nearest known name, or listing the known ones when none is near."""
    names = sorted(set(known))
    match = get_close_matches(name, names, n=1, cutoff=0.6)
    if match:
        return f"did you mean '{match[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"


def listed(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, comma separated, and how many more there are."""
    shown = [str(item) for item in items]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
