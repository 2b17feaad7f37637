"""What is of a person has no place in the warehouse, nor in a message that quotes a cell.

Columns that no contract names are kept out anyway. But a cell may hold what its column does not promise: where one is
quoted, in a refusal or in quarantine, addresses in it are left out.
"""

import re

LEFT_OUT = "(left out)"

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_EMAIL = r"[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+"
_ADDRESS = re.compile(
    _EMAIL + r"|\+[0-9][0-9 ()/.-]{6,}[0-9]"  # a telephone number, as the world writes it
    rf"|\b(?:{_OCTET}\.){{3}}{_OCTET}\b"  # of a computer
)


def holds_email(cell: str) -> bool:
    """Whether there is an address of e-mail in a cell."""
    return re.search(_EMAIL, cell) is not None


def without_addresses(cell: str) -> str:
    """A cell without the addresses in it.

    >>> without_addresses("to jo@example.com, +44 20 7946 0958")
    'to (left out), (left out)'
    """
    return _ADDRESS.sub(LEFT_OUT, cell)
