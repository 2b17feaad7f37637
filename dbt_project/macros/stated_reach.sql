{#-
    Every row of several days that states whom it reached, of all sources, with the market, geo and channel that its campaign
    is mapped to. Nothing is added up: see int_media_reach.
-#}
{% macro stated_reach() -%}
    {%- set columns = [
        'account_id', 'booking', 'campaign_type', 'network', 'market', 'geo', 'channel', 'first_day', 'last_day', 'spend',
        'impressions', 'reach',
    ] -%}
    select
        mapping.market,
        mapping.geo,
        mapping.channel,
        {{ week_start('stated.first_day') }} as week_start,
        {{ week_start('stated.first_day') }} = {{ week_start('stated.last_day') }} as is_of_one_week,
        cast(stated.last_day as date) - cast(stated.first_day as date) + 1 as days,
        cast(stated.spend as decimal(18, 6)) as spend_local,
        cast(stated.impressions as decimal(18, 6)) as impressions,
        cast(stated.reach as bigint) as reach
    from (
        select
            {{ campaign_columns() }},
            first_day,
            last_day,
            spend,
            impressions,
            reach
        from ({{ all_sources('reach', columns) }}) as of_sources
        where reach > 0
    ) as stated
    inner join {{ ref('int_campaign_mapping') }} as mapping on {{ campaign_key('stated') }} = mapping.campaign_key
{%- endmacro %}
