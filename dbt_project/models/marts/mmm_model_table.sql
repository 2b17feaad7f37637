{{ config(contract={'enforced': false}) }}
-- fct_model_inputs in wide form, a column a variable: whatever channels, KPIs and controls there are.
select * -- noqa: AM04
from (
    pivot {{ ref('fct_model_inputs') }}
    on variable
    using first(value)
    group by market, geo, week_start
)
