"""The kinds of column that a connector's YAML may name: each is a type, a spelling and what becomes of it over days."""

from collections.abc import Mapping
from typing import Any

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
    "amount": {"kind": "number", "minimum": 0.0, "over_days": "sum"},
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

_ISO_4217 = """
AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLP CNY
COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS
INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP
MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR
SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV
WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
CURRENCIES = tuple(_ISO_4217.split())
"""Currencies of ISO 4217 that accounts may bill in. One that is not the marts' own needs rates in
reference/exchange_rates."""
