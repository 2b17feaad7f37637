with source as (
    select * from {{ source('reference', 'mapping_rules') }}
),

renamed as (
    select
        rule,
        source,
        account,
        campaign,
        campaign_type,
        network,
        market,
        geo,
        channel
    from source
    {{ latest_export(['rule']) }}
)

select * from renamed
