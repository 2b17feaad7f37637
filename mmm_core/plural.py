"""Counted nouns in what people read: one of a thing is not called several."""

from __future__ import annotations


def plural(count: int, one: str, many: str = "") -> str:
    """1 test, 3 tests, 1,040 rows.

    Args:
        one: what there is one of, with a verb where the sentence goes on: "row is".
        many: the same of several; default `one` with an s.
    """
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
