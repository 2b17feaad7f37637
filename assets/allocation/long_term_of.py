"""The long term that a vintage's budget counts."""

from typing import TYPE_CHECKING

from assets.models import Vintage
from assets.resources.long_term_stores import LongTermStore

if TYPE_CHECKING:
    from mmm_core.long_term.stage import LongTerm
    from mmm_core.spec.budget_spec import Budget


def long_term_of(vintage: Vintage, budget: "Budget", long_terms: LongTermStore) -> "LongTerm | None":
    """The vintage's long-term posterior where the budget counts it; other budgets read nothing."""
    if budget.horizon != "long":
        return None
    version = long_terms.held(vintage)
    return None if version is None else long_terms.load(vintage, version)
