"""Names as they are compared: the same letters are the same name, however a program composed or padded them."""

from __future__ import annotations

import unicodedata

_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u200e\u200f\u061c\u2060\ufeff"))
"""Characters of no width, which copying from a web page or a spreadsheet leaves in a cell."""


def normal_name(text: str) -> str:
    """The text composed (Unicode NFC), every blank an ordinary one, none around it, no invisible characters.

    A Mac writes an umlaut as two characters and a web page a blank that does not break; a reader sees neither.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    visible = unicodedata.normalize("NFC", text).translate(_INVISIBLE)
    return "".join(" " if character.isspace() else character for character in visible.strip())


def alike(name: str) -> str:
    """What names that differ in capitals or blanks alone have in common: nobody could tell them apart in a report.

    >>> alike("New York") == alike("new  york") == alike("NewYork")
    True
    """
    return "".join(normal_name(name).casefold().split())
