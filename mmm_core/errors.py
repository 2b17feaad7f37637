"""Errors a user meets: each names what is wrong, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Input that was refused: the message names the file, column and weeks at fault and the remedy."""


class SpecError(InputError):
    """A model specification that was refused."""


class OutOfSpace(OSError):
    """A file that the disk has no room for: the message names the file and the remedy."""


class DamagedFile(InputError):
    """A file of this library's own that cannot be read any more, or is not what was written."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A phrase offering the nearest known name, or listing the known ones when none is near."""
    names = sorted(set(known))
    match = get_close_matches(name, names, n=1, cutoff=0.6)
    if match:
        return f"did you mean '{match[0]}'?"
    return f"known: {', '.join(names)}" if names else "there are none"


def listed(items: Iterable[object], limit: int = 5) -> str:
    """The first `limit` items, comma separated, and how many more there are."""
    words = [str(item) for item in items]
    rest = len(words) - limit
    return ", ".join(words[:limit]) + (f" and {rest} more" if rest > 0 else "")


def shown(value: object, limit: int = 60) -> str:
    """A value for a message as its file shows it: in quotes, on one line, and never longer than a message may be."""
    return f"'{shortened(on_one_line(str(value)[: 2 * limit]), limit)}'"


def on_one_line(text: str) -> str:
    """Text with what nobody sees, line breaks included, written as Python escapes it."""
    return "".join(letter if letter.isprintable() else _escaped(letter) for letter in text)


def shortened(text: str, limit: int) -> str:
    """Text of at most `limit` characters, with an ellipsis where some are left out."""
    return text if len(text) <= limit else text[: limit - 1] + "\u2026"


def _escaped(letter: str) -> str:
    """A character nobody sees, as Python writes it."""
    return letter.encode("unicode_escape").decode("ascii")
