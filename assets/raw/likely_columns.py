"""Which column of a file may be the one that its contract misses: a guess to tell a person, never one to load by."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from assets.raw.contract import Column

_MEAN_THE_SAME = tuple(
    frozenset(words.split())
    for words in (
        "spend spent cost costs amount amount_spent total_spend total_cost media_cost ad_spend net_cost",
        "date day report_date activity_date",
        "date_start start_date start first_day from",
        "date_stop date_end end_date stop end last_day to until",
        "week week_start week_commencing week_beginning",
        "impressions impression impr imps views",
        "clicks click link_clicks",
        "conversions conversion purchases results",
        "conversion_value conversions_value purchase_value conv_value total_conversion_value",
        "currency currency_code account_currency",
        "campaign campaign_name",
        "account account_id customer_id advertiser_id ad_account_id",
        "geo region state",
        "market country country_code",
        "revenue sales net_sales total_sales",
        "orders order_count transactions",
    )
)
"""Names by which exports call one thing in one unit. Micros are none of cost's: they are a millionth of it."""


def likely(column: Column, names: Sequence[str]) -> str:
    """The name in a file that most likely is a column of the contract; "" where none is near.

    A name that is spelt alike comes before one that means the same.

    Args:
        names: columns of the file that nobody reads.
    """
    plain = {_plain(name): name for name in reversed(names)}
    known = [_plain(name) for name in (column.name, *column.also)]
    for name in known:
        if near := get_close_matches(name, plain, n=1, cutoff=0.75):
            return plain[near[0]]
    return _of_the_same_meaning(known, plain) or next(
        (plain[near[0]] for name in known if (near := get_close_matches(name, plain, n=1, cutoff=0.6))), ""
    )


def _of_the_same_meaning(known: Iterable[str], plain: dict[str, str]) -> str:
    for name in known:
        for group in _MEAN_THE_SAME:
            if name in group and (same := [theirs for theirs in plain if theirs in group]):
                return plain[same[-1]]  # the first in the file: `plain` is in reverse
    return ""


def _plain(name: str) -> str:
    """A name in lower case with one underscore between its words; what stands in brackets, such as a unit, is left.

    >>> _plain("Cost (USD)")
    'cost'
    """
    without_unit = re.sub(r"[(\[].*?[)\]]", " ", name)
    return "_".join(re.findall(r"[a-z0-9]+", (without_unit if without_unit.strip() else name).lower()))
