"""Figures and changes of plans in words, the same wherever they are told."""

MOST_PER_CENT = 100.0
"""A change by more is told in multiples."""
MOST_DIGITS = 1e15
"""An amount above it is told by its power of ten: all its digits would break any table, and mean nothing."""


def amount(value: float) -> str:
    """Money or units in whole ones."""
    return f"{value:,.0f}" if abs(value) < MOST_DIGITS else f"{value:.3g}"


def figure(value: float) -> str:
    """Money or units: whole ones from a hundred on, three digits below; never a power of ten."""
    return amount(value) if abs(value) >= 100 or value == 0 else f"{value:,.3g}"


def percent(share: float) -> str:
    """A probability, which draws never make quite sure; nan of none is said by the caller."""
    if share >= 0.995:
        return "over 99 %"
    return "under 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def ended_early(what: str) -> str:
    """That a solver ended before its bound proved the plan.

    Args:
        what: ended it, as `stopped_early` of a certificate has it.
    """
    return f"stopped early: {what}; the certificate holds for the plan as it is"


def change_in_words(current: float, recommended: float) -> str:
    """The change in per cent; in words where nothing was spent, of which nothing is a share."""
    if current > 0:
        times = recommended / current
        return f"{round(times - 1, 4) + 0.0:+.0%}" if times <= MOST_PER_CENT else f"{times:,.3g} times"
    return "was off" if recommended > 0 else "off"
