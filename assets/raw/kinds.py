"""The kinds of column that a connector's YAML may name: each is a type, a spelling and what becomes of it over days."""

from collections.abc import Mapping
from typing import Any

LARGEST_AMOUNT = 999_999_999_999
"""The marts count money in DECIMAL(18, 6). More than that in one row are digits that ran together, or an id."""

KINDS: Mapping[str, Mapping[str, Any]] = {
    "text": {"kind": "text"},
    "id": {"kind": "text", "spelling": "id"},
    "code": {"kind": "text", "spelling": "lower"},
    "label": {"kind": "text", "spelling": "upper"},
    "currency": {"kind": "text", "spelling": "upper"},
    "day": {"kind": "date"},
    "pattern": {"kind": "pattern"},
    "zone": {"kind": "zone"},
    "moment": {"kind": "moment"},
    "flag": {"kind": "flag"},
    "month": {"kind": "month"},
    "count": {"kind": "integer", "minimum": 0.0, "over_days": "sum"},
    "amount": {"kind": "number", "minimum": 0.0, "maximum": float(LARGEST_AMOUNT), "over_days": "sum"},
    "level": {"kind": "number", "minimum": 0.0},
    "amounts": {"kind": "amounts"},
}
"""By the name a YAML gives it, the fields of `assets.raw.contract.Column`.

`id`: a platform's number, one spelling whoever exported it. `code`: a name in lower case. `label`: a name in upper
case. `currency`: a code of ISO 4217. `pattern`: a regular expression. `zone`: a time zone such as Europe/Berlin.
`moment`: a day and time, UTC unless it says another zone. `flag`: true or false. `count` and `amount` add up over the
days of a row, a `level` (an index, a rate, a share) does not. `amounts`: several numbers in one cell, ';' between
channels and blanks between weeks.
"""
