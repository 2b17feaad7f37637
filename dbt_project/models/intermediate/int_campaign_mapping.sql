-- Which market, geo and channel a campaign is, by the first rule that matches it: rules that have landed, then those of
-- the seed. What a rule leaves blank is as the row states it. A campaign that ends without one of the three, or with
-- one that is not listed, is unmapped, and says why.
with campaigns as (
    select distinct
        source,
        account,
        booking,
        campaign_type,
        network,
        stated_market,
        stated_geo,
        stated_channel
    from {{ ref('int_campaign_weekly') }}
    union
    select distinct
        platform as source,
        cast(null as varchar) as account,
        campaign_name as booking,
        cast(null as varchar) as campaign_type,
        cast(null as varchar) as network,
        market as stated_market,
        cast(null as varchar) as stated_geo,
        channel as stated_channel
    from {{ ref('stg_attribution__platform_reports') }}
    where campaign_name is not null
),

rules as (
    select
        1 as tier,
        *
    from {{ ref('stg_reference__mapping_rules') }}
    union all by name
    select
        2 as tier,
        *
    from {{ ref('mapping_rules') }}
),

matched as (
    select
        campaigns.*,
        case rules.tier when 1 then 'landed ' else 'seed ' end || rules.rule as rule,
        {{ mapped('market') }} as market,
        {{ mapped('geo') }} as geo,
        {{ mapped('channel') }} as channel
    from campaigns
    left join rules
        on
            coalesce(campaigns.source = rules.source, true)
            and coalesce(campaigns.account = rules.account, rules.account is null)
            and coalesce(regexp_matches(campaigns.booking, rules.campaign, 'i'), rules.campaign is null)
            and coalesce(lower(rules.campaign_type) = lower(campaigns.campaign_type), rules.campaign_type is null)
            and coalesce(lower(rules.network) = lower(campaigns.network), rules.network is null)
    qualify row_number() over (
        partition by
            campaigns.source, campaigns.account, campaigns.booking, campaigns.campaign_type, campaigns.network,
            campaigns.stated_market, campaigns.stated_geo, campaigns.stated_channel
        order by rules.tier, rules.rule
    ) = 1
)

select
    {{ campaign_key('matched') }} as campaign_key,
    matched.source,
    matched.account,
    matched.booking,
    matched.campaign_type,
    matched.network,
    matched.stated_market,
    matched.stated_geo,
    matched.stated_channel,
    matched.rule,
    matched.market,
    matched.geo,
    matched.channel,
    case
        when matched.market is null or matched.geo is null or matched.channel is null
            then 'no rule says its ' || concat_ws(
                ', ',
                case when matched.market is null then 'market' end,
                case when matched.geo is null then 'geo' end,
                case when matched.channel is null then 'channel' end
            )
        when geos.geo is null then 'reference/geos does not list market and geo'
        when channels.channel is null then 'its channel is not listed'
    end as unmapped_because
from matched
left join {{ ref('stg_reference__geos') }} as geos
    on
        matched.market = geos.market
        and matched.geo = geos.geo
left join {{ ref('dim_channel') }} as channels on matched.channel = channels.channel
