{#-
    KPIs of orders, one row each: revenue, orders and, where it is known whose first they are, new_customers, by day, market
    and geo. From the first day of a market's and geo's orders to the last day of any, a day without an order is a 0.

    What an order's amount holds and revenue does not (all of a cancelled or a test order, tax, what was given back) is a row
    without a KPI that says why: together they are the amounts of the files, to the cent.

    `relation` has a row an order: market, geo, activity_date, currency, amount (as the file has it), tax and refunded (of
    it), fate (why it does not count; null where it does), new_or_returning. `revenue` and `orders` are what the KPIs are
    called.
-#}
{% macro order_kpis(relation, revenue='revenue', orders='orders') -%}
    days as (
        select
            market,
            geo,
            cast(unnest(generate_series(
                min(activity_date), (select max(activity_date) from {{ relation }}), interval 1 day
            )) as date) as activity_date
        from {{ relation }}
        where fate is null
        group by market, geo
    ),

    counted as (
        select
            days.market,
            days.geo,
            days.activity_date,
            coalesce(orders.currency, '{{ var("currency") }}') as currency,
            sum(coalesce(orders.amount - orders.tax - orders.refunded, 0)) as revenue,
            count(orders.amount) as orders,
            count(*) filter (where orders.new_or_returning = 'new') as new_customers
        from days
        left join {{ relation }} as orders
            on
                days.market = orders.market
                and days.geo = orders.geo
                and days.activity_date = orders.activity_date
                and orders.fate is null
        group by all
    ),

    known_customers as (
        select distinct
            market,
            geo
        from {{ relation }}
        where new_or_returning is not null
    ),

    long as (
        select
            market,
            geo,
            '{{ revenue }}' as kpi,
            activity_date,
            currency,
            revenue as value,
            cast(null as varchar) as not_counted
        from counted
        union all
        select
            market,
            geo,
            '{{ orders }}' as kpi,
            activity_date,
            cast(null as varchar) as currency,
            sum(orders) as value,
            cast(null as varchar) as not_counted
        from counted
        group by market, geo, activity_date
        union all
        select
            market,
            geo,
            'new_customers' as kpi,
            activity_date,
            cast(null as varchar) as currency,
            sum(new_customers) as value,
            cast(null as varchar) as not_counted
        from counted
        inner join known_customers using (market, geo)
        group by market, geo, activity_date
        union all
        select
            market,
            geo,
            cast(null as varchar) as kpi,
            activity_date,
            currency,
            sum(amount) as value,
            fate as not_counted
        from {{ relation }}
        where fate is not null
        group by market, geo, activity_date, currency, fate
        having sum(amount) <> 0
        union all
        select
            market,
            geo,
            cast(null as varchar) as kpi,
            activity_date,
            currency,
            sum(tax) as value,
            'tax' as not_counted
        from {{ relation }}
        where fate is null
        group by market, geo, activity_date, currency
        having sum(tax) <> 0
        union all
        select
            market,
            geo,
            cast(null as varchar) as kpi,
            activity_date,
            currency,
            sum(refunded) as value,
            'refunded' as not_counted
        from {{ relation }}
        where fate is null
        group by market, geo, activity_date, currency
        having sum(refunded) <> 0
    )

    select
        market,
        geo,
        kpi,
        activity_date,
        currency,
        cast(value as double) as value,
        not_counted
    from long
{%- endmacro %}
