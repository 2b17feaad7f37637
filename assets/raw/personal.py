"""What is of a person has no place in the warehouse, nor in a message that quotes a cell.

Columns that no contract names are kept out anyway. But a cell may hold what its column does not promise. Where one is
quoted, in a refusal or in quarantine, addresses in it are left out. Where a text is kept, such as the name of a
campaign, a hash stands in place of an e-mail address in it, the same for the same address, so that rules still match
and rows are still told apart. Telephone numbers stay there: figures of a name look like one.
"""

import hashlib
import re

LEFT_OUT = "(left out)"

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_AT = "(?:@|%40)"  # %40: as a link has it
_EMAIL = rf"[^\s@<>\"',;]+{_AT}[^\s@<>\"',;]+\.[^\s@<>\"',;]+"
_ADDRESS = re.compile(
    _EMAIL + r"|\+[0-9][0-9 ()/.-]{6,}[0-9]"  # a telephone number, as the world writes it
    rf"|\b(?:{_OCTET}\.){{3}}{_OCTET}\b"  # of a computer
)

# Narrower than what is left out of messages: a name may hold bid@1.20, and the rest of it says what it is of.
_EMAIL_IN_TEXT = re.compile(rf"(\w[\w.%+'-]{{0,254}}?){_AT}((?:[\w-]+\.)+[^\W\d_]{{2,}})")
_PARTS = 3
"""Of a name such as us_all_meta_jo@example.com the parts that say market, geo and channel, which are of no person."""
_HEX, _DIGITS = 10, 13  # one word of letters and digits, which rules of names take as they take others


def holds_email(cell: str) -> bool:
    """Whether there is an address of e-mail in a cell."""
    return re.search(_EMAIL, cell) is not None


def without_addresses(cell: str) -> str:
    """A cell without the addresses in it.

    >>> without_addresses("to jo@example.com, +44 20 7946 0958")
    'to (left out), (left out)'
    """
    return _ADDRESS.sub(LEFT_OUT, cell)


def without_emails(text: str) -> str:
    """A text without the e-mail addresses in it.

    >>> without_emails("tv/invoices/jo@example.com")
    'tv/invoices/(left out)'
    """
    return _EMAIL_IN_TEXT.sub(LEFT_OUT, text)


def may_hold_email(text: str) -> bool:
    """Whether a closer look at a text is worth it."""
    return "@" in text or "%40" in text


def with_hashed_emails(text: str) -> str:
    """A text with a hash in place of each e-mail address in it.

    >>> with_hashed_emails("Spring, jo@example.com")
    'Spring, email1051757245158'
    """
    return _EMAIL_IN_TEXT.sub(_hashed, text) if may_hold_email(text) else text


def _hashed(found: re.Match[str]) -> str:
    parts = found[1].split("_", _PARTS)
    name, kept = (parts[-1], "_".join([*parts[:_PARTS], ""])) if len(parts) > _PARTS else (found[1], "")
    digest = hashlib.sha256(f"{name}@{found[2]}".casefold().encode()).hexdigest()
    return f"{kept}email{int(digest[:_HEX], 16):0{_DIGITS}}"
