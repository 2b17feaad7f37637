"""One spelling for one thing: the same account, campaign or market has one name, whoever wrote the file.

Without it, an account exported once as 123-456-7890 and once as 1234567890 would spend twice.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LOST_DIGITS = "lost digits to a spreadsheet's scientific notation"

_PREFIX = re.compile(r"^(act_|urn:li:[a-z]+:)", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"([0-9])(?:[.,]([0-9]+))?[eE]\+?([0-9]+)")
_DECIMALS = re.compile(r"([0-9]+)[.,]0+")
_BETWEEN_DIGITS = re.compile(r"[\s\-\u2010-\u2015]+")


def spelled(cells: "pd.Series", spelling: str) -> "pd.Series":
    """Cells in one spelling: `id`, `lower`, `upper`, or as they are; blanks inside are single."""
    import pandas as pd

    write = {"id": identifier, "lower": str.lower, "upper": str.upper}.get(spelling)
    if write is None:
        return cells
    known = {cell: write(" ".join(cell.split())) for cell in cells.unique()}
    return pd.Series([known[cell] for cell in cells], index=cells.index, name=cells.name)


def identifier(text: str) -> str:
    """A platform's number as digits alone; a name that is no number in lower case.

    >>> [identifier(text) for text in ("123-456-7890", "act_1234567890", "1234567890.0", "1.234567890E+9")]
    ['1234567890', '1234567890', '1234567890', '1234567890']
    """
    plain = _PREFIX.sub("", text.lstrip("'"))
    scientific = _SCIENTIFIC.fullmatch(plain)
    if scientific and not lost_digits(text):
        first, decimals, exponent = scientific[1], scientific[2] or "", int(scientific[3])
        return first + decimals[:exponent] if not decimals[exponent:].strip("0") else plain.lower()
    whole = _DECIMALS.fullmatch(plain)
    digits = _BETWEEN_DIGITS.sub("", whole[1] if whole else plain)
    return digits if digits.isdecimal() else plain.lower()


def lost_digits(text: str) -> bool:
    """Whether a number stands in scientific notation with fewer digits than it has.

    >>> lost_digits("1.23457E+11")
    True
    """
    scientific = _SCIENTIFIC.fullmatch(_PREFIX.sub("", text.lstrip("'")))
    return scientific is not None and len(scientific[2] or "") < int(scientific[3])
