"""One currency of a model's money: amounts in another one are refused when the YAML is read."""

import pytest

from mmm_core.errors import SpecError
from mmm_core.spec.model_spec import parse_spec
from tests.mmm_core.posteriors import SPEC

EUR = {"calibration": {"rule": {"currency": "EUR"}}}
PLAN = {"plans": {"bolder": {"spend": {"tv": 100}, "currency": "EUR"}}}


def test_the_tables_own_currency_may_be_stated_anywhere():
    spec = parse_spec({**SPEC, **EUR, "budget": {"currency": "EUR", "total": 900}, "scenarios": PLAN})
    assert spec.calibration.rule.currency == "EUR"
    assert spec.budget.total == 900
    assert list(spec.scenarios.plans) == ["bolder"]
    assert parse_spec({**SPEC, "budget": {"currency": "USD"}}).spec_hash == parse_spec(SPEC).spec_hash


def test_a_table_whose_currency_is_mended_needs_no_other_posterior():
    # a posterior keeps the rule that it was fitted under; what the YAML says now counts, and nothing asks again
    assert parse_spec({**SPEC, **EUR, "budget": {"currency": "EUR"}}).budget.currency is None


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"budget": {"currency": "EUR"}}, "budget.currency is EUR, and the table's money is USD .* convert"),
        ({**EUR, "budget": {"currency": "USD"}}, "budget.currency is USD, and the table's money is EUR"),
        (
            {"scenarios": PLAN},
            "scenarios.plans.bolder.currency is EUR, .* where the table is in EUR, write so",
        ),
        ({"budget": {"currency": 3}}, "budget.currency: input should be a valid string"),
    ],
)
def test_another_currency_is_refused(keys, says):
    with pytest.raises(SpecError, match=says):
        parse_spec({**SPEC, **keys})
