{{ config(meta={'dagster': {'ref': {'name': 'rpt_budget_cells'}}}) }}
-- Channels whose cells do not add up to what the recommended budget spends on them, or that a budget with cells leaves
-- out: whoever books the cells would spend another budget than the one that was judged.
with cells as (
    select
        model,
        as_of_week,
        channel,
        sum(current_spend) as current_spend,
        sum(recommended_spend) as recommended_spend
    from {{ ref('rpt_budget_cells') }}
    group by all
),

divided as (
    select distinct
        model,
        as_of_week
    from cells
),

budgets as (
    select budgets.*
    from {{ ref('rpt_budget_allocation') }} as budgets
    semi join divided on budgets.model = divided.model and budgets.as_of_week = divided.as_of_week
)

select
    coalesce(cells.model, budgets.model) as model,
    coalesce(cells.as_of_week, budgets.as_of_week) as as_of_week,
    coalesce(cells.channel, budgets.channel) as channel,
    cells.recommended_spend as of_cells,
    budgets.recommended_spend as of_budget
from cells
full join budgets
    on cells.model = budgets.model and cells.as_of_week = budgets.as_of_week and cells.channel = budgets.channel
where
    not coalesce(
        abs(cells.recommended_spend - budgets.recommended_spend) <= 1e-6 * greatest(budgets.recommended_spend, 1)
        and abs(cells.current_spend - budgets.current_spend) <= 1e-6 * greatest(budgets.current_spend, 1),
        false
    )
